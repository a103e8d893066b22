/** What every error of the runtime has: a code that stays, whatever the message says. */
export abstract class RuntimeError extends Error {
  abstract readonly code: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** A pass took longer than its controller allows; its signal was aborted and it counts as failed. */
export class ReconcileDeadlineExceeded extends RuntimeError {
  readonly code = 'ReconcileDeadlineExceeded'

  constructor(controller: string, key: string, seconds: number) {
    super(
      `The pass of controller "${controller}" on ${key} was not done after ${seconds} s and was told to stop; it is tried again with backoff.`,
    )
  }
}

/** A write was about to leave after the lease had run out, so another replica may be writing: it did not leave. */
export class LeaseNotHeld extends RuntimeError {
  readonly code = 'LeaseNotHeld'

  constructor(lease: string, operation: string) {
    super(`Refused to ${operation}: this process does not hold the lease ${lease} (any more). It ends and starts again as a follower.`)
  }
}

/** The lease could not be renewed in time or was taken; the process has to end at once. */
export class LeaseLost extends RuntimeError {
  readonly code = 'LeaseLost'

  constructor(lease: string, why: string, options?: ErrorOptions) {
    super(`Lost the lease ${lease}: ${why}. The process ends; another replica leads or this one starts anew.`, options)
  }
}

/** The caches were not filled in time. */
export class SyncTimeout extends RuntimeError {
  readonly code = 'SyncTimeout'

  constructor(seconds: number, missing: readonly string[]) {
    super(
      `The caches of ${missing.join(', ')} were not filled within ${seconds} s. Check that the API server answers and that the operator may list and watch them.`,
    )
  }
}

/** Workers were still busy when the time for a graceful stop was over. */
export class DrainTimeout extends RuntimeError {
  readonly code = 'DrainTimeout'

  constructor(seconds: number, keys: readonly string[]) {
    super(
      `Passes were still running ${seconds} s after the stop was asked for: ${keys.join(', ')}. They are cut; the next leader derives their state again.`,
    )
  }
}

/** The object of that name belongs to somebody else and is neither changed nor deleted. */
export class NameConflict extends RuntimeError {
  readonly code = 'NameConflict'
  /** Which object is in the way, as `Kind namespace/name`. */
  readonly object: string
  /** Who controls it, as `Kind name (uid)`; undefined when nobody does. */
  readonly owner: string | undefined

  constructor(object: string, owner: string | undefined, adoptAnnotation: string) {
    super(
      `${object} exists and ${owner === undefined ? 'has no controller' : `is controlled by ${owner}`}, so it is left alone. ` +
        `Rename or delete it${owner === undefined ? `, or annotate it with ${adoptAnnotation}=<name of the owner> to hand it over` : ''}.`,
    )
    this.object = object
    this.owner = owner
  }
}

/** The API does not serve a kind that the operator cannot work without. */
export class ResourceNotServed extends RuntimeError {
  readonly code = 'ResourceNotServed'

  constructor(resource: string) {
    super(
      `The API server does not serve ${resource}. Install the CustomResourceDefinitions of this version; the operator goes on by itself.`,
    )
  }
}

/** A reconciler made a call that its controller did not declare, so that no role would allow it. */
export class CallNotDeclared extends RuntimeError {
  readonly code = 'CallNotDeclared'

  constructor(controller: string, verb: string, resource: string) {
    super(
      `Controller "${controller}" wants to ${verb} ${resource}, which its access table does not name; add it there, the roles follow from it.`,
    )
  }
}

/** Turns whatever was thrown into an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`A value that is no error was thrown: ${String(thrown)}`)
}

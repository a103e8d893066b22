/** Exit codes of the image contract; the operator acts on them (docs/reference: image contract). */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  locked: 3,
  drifted: 4,
  contractedPast: 5,
  fenceRefused: 6,
  storeUnavailable: 7,
  checksum: 8,
  notOurSchema: 9,
  smokeFailed: 10,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Options of an {@link AppError}. */
export interface AppErrorOptions {
  /** Stable, CamelCase; what callers and the operator tell errors apart by. */
  readonly code: string
  /** What a command ends with; 1 unless told. */
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

/** An error that says what happened, to what, and what to do; `message` is fit to be shown to an operator. */
export class AppError extends Error {
  readonly code: string
  readonly exitCode: ExitCode

  constructor(message: string, options: AppErrorOptions) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.code = options.code
    this.exitCode = options.exitCode ?? exitCodes.failed
  }
}

/** The environment or the command line is wrong; lists every problem at once. */
export class ConfigError extends AppError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? `${problems[0]}` : `${problems.length} problems in the environment:\n  ${problems.join('\n  ')}`, {
      code: 'InvalidConfig',
      exitCode: exitCodes.usage,
    })
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** The message of anything thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What was asked for is not there, or it is someone else's: the two are never told apart. */
export class NotFoundError extends AppError {
  constructor(message: string) {
    super(message, { code: 'NotFound' })
    this.name = 'NotFoundError'
  }
}

/** The object was changed since the caller read it; nothing was written. */
export class StaleVersionError extends AppError {
  /** The version that is stored now. */
  readonly current: number

  constructor(message: string, current: number) {
    super(message, { code: 'StaleVersion' })
    this.name = 'StaleVersionError'
    this.current = current
  }
}

/** Input that is not accepted, with at least one message for a field. */
export class InvalidInputError extends AppError {
  readonly fields: Readonly<Record<string, readonly string[]>>

  constructor(fields: Readonly<Record<string, readonly string[]>>) {
    super(`not accepted: ${Object.keys(fields).join(', ')}`, { code: 'InvalidInput' })
    this.name = 'InvalidInputError'
    this.fields = fields
  }
}

/** Too many attempts in a window of time. */
export class ThrottledError extends AppError {
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super(`too many attempts; try again in ${retryAfterSeconds} s`, { code: 'Throttled' })
    this.name = 'ThrottledError'
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Why a store could not do what it was asked for. */
export type StoreFailure = 'Unreachable' | 'Denied' | 'Missing' | 'Failing' | 'Full' | 'Incomplete'

/** A store of archives did not do what it was asked for; the message names the store and what failed, never a credential. */
export class StoreUnavailableError extends AppError {
  readonly failure: StoreFailure

  constructor(message: string, failure: StoreFailure, cause?: unknown) {
    super(message, { code: 'StoreUnavailable', exitCode: exitCodes.storeUnavailable, cause })
    this.name = 'StoreUnavailableError'
    this.failure = failure
  }
}

/** The store answers, and the object is not there. */
export class ObjectNotFoundError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'ObjectNotFound', cause })
    this.name = 'ObjectNotFoundError'
  }
}

/** An object that was to be created is there already; it was left as it is. */
export class ObjectExistsError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'AlreadyThere', cause })
    this.name = 'ObjectExistsError'
  }
}

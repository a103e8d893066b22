import type { Client } from '../kube/client.ts'
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'
import type { IndexFunction } from '../kube/store.ts'
import type { Applier } from './applier.ts'
import type { CacheReader } from './cache.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { Predicate } from './predicates.ts'
import type { Recorder } from './recorder.ts'
import type { Result } from './result.ts'
import type { AccessRule, Source } from './source.ts'

/** What a pass is given. */
export interface ReconcileContext {
  /** Aborted when the pass takes too long, the process stops for good, or the lease is lost. Hand it to every call. */
  readonly signal: AbortSignal
  /** With the fields `controller`, `namespace`, `name` and `reconcileID`. */
  readonly log: Logger
  /** Unique for the pass. */
  readonly reconcileID: string
  /** What the watches brought; at least as new as the last write of this key. Its objects belong to everybody: never change them. */
  readonly cache: CacheReader
  /**
   * The API. Every write is refused once the lease is lost, every call is refused that the controller's access table does not name, and writes are
   * remembered, so that the next pass does not start before the cache shows them.
   */
  readonly client: Client
  /** Server-side apply without needless writes, through {@link client}. */
  readonly applier: Applier
  readonly recorder: Recorder
  readonly clock: Clock
}

/** One pass: observe, decide, apply, report. It never waits for the world to change. What it throws counts as a retryable error. */
export type Reconcile = (request: ObjectKey, context: ReconcileContext) => Promise<Result>

/** How a controller is made. */
export interface ControllerOptions {
  /** Constant, lower case; label of logs and metrics. */
  readonly name: string
  /** The resource whose objects are the requests. */
  readonly primary: {
    readonly resource: Resource
    /** Default: `specChanged`. */
    readonly predicate?: Predicate
    readonly indexes?: Readonly<Record<string, IndexFunction<KubeObject>>>
    readonly labelSelector?: string
  }
  readonly sources?: readonly Source[]
  /** Everything that a pass calls beyond reading the cache; roles are generated from it. */
  readonly access?: readonly AccessRule[]
  readonly reconcile: Reconcile
  /** Passes at the same time, each on another key. Default 16. */
  readonly maxConcurrent?: number
  /** Seconds after which a pass is aborted. Default 60. */
  readonly deadlineSeconds?: number
}

/** How a pass ended, as controller-runtime's `result` label says it. */
export type ReconcileOutcome = 'success' | 'requeue_after' | 'error'

/** What a work queue reports; the names are client-go's `workqueue_*`. */
export interface QueueMetrics {
  depth(value: number): void
  added(): void
  retried(): void
  /** Seconds that an item waited between being ready and being taken. */
  waited(seconds: number): void
  /** Seconds that an item was worked on. */
  worked(seconds: number): void
  /** Seconds of all work that is under way, and of the longest. */
  unfinished(sum: number, longest: number): void
}

/** What a controller reports; the names are controller-runtime's `controller_runtime_*`. */
export interface ControllerMetrics {
  readonly queue: QueueMetrics
  maxConcurrent(value: number): void
  activeWorkers(value: number): void
  reconciled(outcome: ReconcileOutcome, seconds: number): void
  errored(kind: 'error' | 'terminal' | 'panic' | 'timeout'): void
  /** A pass was put off because the cache did not show its own last write yet. */
  staleCache(): void
  /** The wait for the own write was given up. */
  staleCacheGivenUp(): void
  /** How many keys fail for so long that only a person's edit starts them at once. */
  openCircuits(value: number): void
  /** A settled key kept being written. */
  hotLoop(): void
}

/** Everything that the runtime counts; `telemetry/metrics.ts` is the one that speaks Prometheus. */
export interface RuntimeMetrics {
  controller(name: string): ControllerMetrics
  /** 1 while this process leads. */
  leader(lease: string, leading: boolean): void
  /** How long a renewal took, from sending to answer. */
  leaseRenewed(lease: string, seconds: number): void
  /** An apply left, was not needed, or was refused. */
  applied(resource: string, action: 'created' | 'updated' | 'unchanged' | 'refused'): void
  /** An event was written, joined to a series, or dropped for its object's budget. */
  event(action: 'created' | 'series' | 'dropped' | 'failed'): void
  /** 1 while a namespace of the scope may not be read. */
  namespaceDenied(resource: string, namespace: string, denied: boolean): void
  /** Seconds by which the event loop was late. */
  eventLoopLag(seconds: number): void
}

const nothing = () => {}

/** Counts nothing. */
export const noMetrics: RuntimeMetrics = {
  controller: () => ({
    queue: { depth: nothing, added: nothing, retried: nothing, waited: nothing, worked: nothing, unfinished: nothing },
    maxConcurrent: nothing,
    activeWorkers: nothing,
    reconciled: nothing,
    errored: nothing,
    staleCache: nothing,
    staleCacheGivenUp: nothing,
    openCircuits: nothing,
    hotLoop: nothing,
  }),
  leader: nothing,
  leaseRenewed: nothing,
  applied: nothing,
  event: nothing,
  namespaceDenied: nothing,
  eventLoopLag: nothing,
}

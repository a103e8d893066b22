import type { KubeObject } from './object.ts'
import type { Resource } from './resource.ts'
import type { Store } from './store.ts'

/** What a reflector is doing. */
export type ReflectorPhase = 'Idle' | 'StreamingList' | 'Listing' | 'Watching' | 'BackingOff' | 'Stopped'

/** How a reflector is doing, for health checks, metrics and status. */
export interface ReflectorStatus {
  readonly phase: ReflectorPhase
  /** Whether the store was filled once. It stays true through later failures: an old cache is better than none. */
  readonly synced: boolean
  /** The last failure; undefined once the collection is watched again. */
  readonly lastError: Error | undefined
  /** Failures since it last went well for two minutes. */
  readonly failures: number
  /** Monotonic milliseconds of the next attempt while it backs off. */
  readonly retryAt: number | undefined
}

/** Keeps a store equal to a collection of the API server, and never gives up. */
export interface Reflector<T extends KubeObject = KubeObject> {
  readonly resource: Resource
  readonly store: Store<T>
  readonly status: ReflectorStatus
  readonly hasSynced: boolean
  /** Starts to list and watch; ends when the signal is aborted. Resolves when everything is closed; never rejects. A second start throws. */
  start(signal: AbortSignal): Promise<void>
  /** Resolves when the store was filled for the first time and all handlers were told; rejects with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void>
  /** Calls back on each change of phase or error. @returns ends the subscription */
  onStatusChange(listener: (status: ReflectorStatus) => void): () => void
}

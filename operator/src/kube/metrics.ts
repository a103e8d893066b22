import type { Channel } from './client.ts'

/** What the transport counts. `code` is the HTTP status, or `<error>` when there was no answer, as in client-go. */
export interface TransportMetrics {
  /** One attempt ended; `seconds` from sending to the last byte (of a watch: to the head). */
  requested(method: string, host: string, code: string, seconds: number): void
  retried(method: string, host: string, code: string): void
  /** How long a call waited for a slot. */
  waited(method: string, host: string, seconds: number): void
  inFlight(channel: Channel, value: number): void
  transferred(method: string, host: string, sentBytes: number, receivedBytes: number): void
  /** Connections were set up anew. */
  renewed(reason: 'Credentials' | 'Stalled'): void
}

/** What a reflector counts. */
export interface ReflectorMetrics {
  listed(kind: 'streaming' | 'list', items: number, seconds: number): void
  watchStarted(): void
  /** A watch ended; `short` when it was closed at once with nothing in it. */
  watchEnded(short: boolean, seconds: number, events: number): void
  failed(reason: string): void
  /** 1 while the store is filled and the collection is watched. */
  healthy(value: boolean): void
  stored(objects: number): void
}

/** Everything that this package counts. */
export interface KubeMetrics {
  readonly transport: TransportMetrics
  /** @param name - the resource, with its namespace if it has one */
  reflector(name: string): ReflectorMetrics
}

const nothing = () => {}

/** Counts nothing. */
export const noMetrics: KubeMetrics = {
  transport: { requested: nothing, retried: nothing, waited: nothing, inFlight: nothing, transferred: nothing, renewed: nothing },
  reflector: () => ({ listed: nothing, watchStarted: nothing, watchEnded: nothing, failed: nothing, healthy: nothing, stored: nothing }),
}

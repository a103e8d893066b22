import type { RequestListener } from 'node:http'
import type { Logger } from 'pino'
import type { Engine } from '../db/engine.ts'

/** A statement that ran, without the values that it was given. */
export interface TracedQuery {
  readonly sql: string
  readonly durationMs: number
  readonly failed: boolean
}

/** What `serve` calls when traces are wanted. */
export interface Tracing {
  /** A span of each request, which goes on what its `traceparent` header says (W3C Trace Context). */
  wrap(handler: RequestListener): RequestListener
  /** A span of a statement, below that of the request that waits for it. */
  query(query: TracedQuery): void
  /** Sends what waits; call it before the process ends. */
  stop(): Promise<void>
}

/** Options of {@link startTracing}. */
export interface TracingOptions {
  readonly log: Logger
  readonly engine: Engine
  /** Of the app, as `service.version`. */
  readonly version: string
  /** `OTEL_…`; see the reference of the image contract. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Starts OpenTelemetry. Nothing of it is loaded before: it is a chunk of its own in the image, and a process without traces never reads it. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { createTracing } = await import('./open-telemetry.ts')
  return createTracing(options)
}

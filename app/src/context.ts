import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Engine } from './db/engine.ts'
import type { Database } from './db/schema.ts'
import type { Outbox } from './mail/outbox.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What every route and service gets; built once by `serve`, or by a test. */
export interface AppContext {
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly mail: Outbox
}

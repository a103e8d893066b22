import { Kysely } from 'kysely'
import type { DatabaseConfig } from './database-config.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/** An open database. */
export interface OpenDatabase {
  readonly engine: Engine
  readonly db: Kysely<Database>
  /** Closes every connection; queries that still run are waited for. */
  close(): Promise<void>
}

/** What a pool tells about its connections. */
export interface PoolState {
  readonly used: number
  readonly idle: number
  readonly waiting: number
}

/** Options of {@link openDatabase}. */
export interface OpenOptions {
  /** Shown by the server's list of connections. */
  readonly applicationName?: string
  /** Milliseconds a statement may run; 0 is no limit (job commands). */
  readonly statementTimeoutMs?: number
}

/**
 * Opens the database that the configuration names. Nothing is connected before the first query (SQLite: the file is opened at once).
 *
 * The driver of a server engine is loaded only when it is needed.
 */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions = {}): Promise<OpenDatabase> {
  await Promise.resolve(options)
  throw new Error(`not built yet: ${config.engine} ${Kysely.name}`)
}

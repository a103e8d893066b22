import { Kysely, type LogEvent } from 'kysely'
import type { DatabaseConfig } from './database-config.ts'
import type { Engine } from './engine.ts'
import { serveLimits, type PoolLimits, type PoolState } from './pool-limits.ts'
import type { Database } from './schema.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

/** An open database. */
export interface OpenDatabase {
  readonly engine: Engine
  readonly db: Kysely<Database>
  /** What the pool does now; a SQLite file has none. */
  readonly poolState: () => PoolState | undefined
  /** Closes every connection; queries that still run are waited for. */
  readonly close: () => Promise<void>
}

/** Options of {@link openDatabase}. */
export interface OpenOptions {
  /** Shown in the server's list of connections. */
  readonly applicationName?: string
  readonly limits?: PoolLimits
  /** Told when a connection fails while nobody uses it. */
  readonly onIdleError?: (error: Error) => void
  /** Told of each statement when it has ended; its values are not. */
  readonly onQuery?: (query: { readonly sql: string; readonly durationMs: number; readonly failed: boolean }) => void
}

/**
 * Opens the database that the configuration names. Nothing is connected (or created) before the first query.
 *
 * The driver of a server engine is loaded only when it is needed: each costs a tenth of a second at the start.
 */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions = {}): Promise<OpenDatabase> {
  const { applicationName = 'notejam', limits = serveLimits, onIdleError = () => undefined, onQuery } = options
  const opened = (dialect: ConstructorParameters<typeof Kysely>[0]['dialect'], poolState: () => PoolState | undefined): OpenDatabase => {
    const log = ({ level, query, queryDurationMillis }: LogEvent): void => {
      onQuery?.({ sql: query.sql, durationMs: queryDurationMillis, failed: level === 'error' })
    }
    const db = new Kysely<Database>({ dialect, ...(onQuery === undefined ? {} : { log }) })
    return { engine: config.engine, db, poolState, close: () => db.destroy() }
  }
  switch (config.engine) {
    case 'sqlite': {
      return opened(sqliteDialect({ path: config.path }), () => undefined)
    }
    case 'postgres': {
      const { postgresDialect } = await import('./postgres-dialect.ts')
      const { dialect, poolState } = postgresDialect({ config, limits, applicationName, onIdleError })
      return opened(dialect, poolState)
    }
    case 'mysql': {
      const { mysqlDialect } = await import('./mysql-dialect.ts')
      const { dialect, poolState } = mysqlDialect({ config, limits, applicationName })
      return opened(dialect, poolState)
    }
  }
}

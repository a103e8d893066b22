import { Kysely } from 'kysely'
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
}

/**
 * Opens the database that the configuration names. Nothing is connected (or created) before the first query.
 *
 * The driver of a server engine is loaded only when it is needed: each costs a tenth of a second at the start.
 */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions = {}): Promise<OpenDatabase> {
  const { applicationName = 'notejam', limits = serveLimits, onIdleError = () => undefined } = options
  const opened = (dialect: ConstructorParameters<typeof Kysely>[0]['dialect'], poolState: () => PoolState | undefined): OpenDatabase => {
    const db = new Kysely<Database>({ dialect })
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

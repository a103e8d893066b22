import { PostgresDialect, type Dialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { Pool, types } from 'pg'
import type { ServerConfig } from './database-config.ts'
import type { PoolLimits, PoolState } from './pool-limits.ts'
import { EvictingPool } from './postgres-pool.ts'
import { tlsOptions, tlsRefusal } from './server-tls.ts'

/** Options of {@link postgresDialect}. */
export interface PostgresOptions {
  readonly config: ServerConfig
  readonly limits: PoolLimits
  readonly applicationName: string
  /** Told when a connection fails while nobody uses it; the pool replaces it by itself. */
  readonly onIdleError: (error: Error) => void
}

/** A dialect and what its pool does. */
export interface PooledDialect {
  readonly dialect: Dialect
  readonly poolState: () => PoolState
}

/**
 * Kysely on `pg`: named prepared statements, 64-bit integers as numbers, and a pool that heals by itself after a failover.
 *
 * `pg` keeps a connection whose server was demoted or is shutting down, and fails on it for ever; this pool does not.
 */
export function postgresDialect({ config, limits, applicationName, onIdleError }: PostgresOptions): PooledDialect {
  const pool = new Pool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    password: config.password,
    ssl: tlsOptions(config) ?? false,
    application_name: applicationName,
    max: config.poolMax,
    min: 0,
    connectionTimeoutMillis: limits.connectMs,
    idleTimeoutMillis: limits.idleMs,
    maxLifetimeSeconds: limits.lifetimeSeconds,
    keepAlive: true,
    // Queries of one connection need not wait for each other's answers.
    pipeline: true,
    ...(limits.statementMs === 0
      ? {}
      : {
          statement_timeout: limits.statementMs,
          // When the network swallows packets the server's limit does not help.
          query_timeout: limits.statementMs + 2000,
          idle_in_transaction_session_timeout: limits.statementMs * 2,
          lock_timeout: 5000,
        }),
    types: {
      getTypeParser: (oid, format) => (oid === types.builtins.INT8 && format !== 'binary' ? Number : types.getTypeParser(oid, format)),
    },
  })
  // Without listeners an error of a connection that nobody uses ends the process.
  pool.on('error', onIdleError)
  pool.on('connect', (client) => {
    client.on('error', onIdleError)
  })
  const evicting = new EvictingPool(pool, config.prepared)
  const facade = {
    options: evicting.options,
    connect: async () => {
      try {
        return (await evicting.connect()) as unknown as PostgresPoolClient
      } catch (error) {
        throw tlsRefusal(error, config) ?? error
      }
    },
    end: () => evicting.end(),
  } satisfies PostgresPool
  return { dialect: new PostgresDialect({ pool: facade }), poolState: () => evicting.state }
}

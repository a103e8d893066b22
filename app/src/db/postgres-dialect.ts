import { PostgresDialect, type Dialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import { Pool, types, type PoolClient, type QueryResult } from 'pg'
import type { ServerConfig } from './database-config.ts'
import { breaksConnection } from './database-errors.ts'
import type { PoolLimits, PoolState } from './pool-limits.ts'
import { tlsOptions } from './server-tls.ts'

/** Statements that get a name; more are sent unnamed, so that a query with a varying list cannot fill the server's memory. */
const maxNamed = 300
/** "cached plan must not change result type": the schema changed under a prepared `select *`. */
const featureNotSupported = '0A000'

/** Names for statements, the same on every connection of a pool. */
class StatementNames {
  readonly #names = new Map<string, string>()

  nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql)
    if (known !== undefined || this.#names.size >= maxNamed) {
      return known
    }
    const name = `nj${this.#names.size}`
    this.#names.set(sql, name)
    return name
  }
}

interface PoolPart {
  readonly names: StatementNames | undefined
  /** Raised when a server turned out to be going or no longer the primary: older connections are not used again. */
  generation: number
  evicted: number
}

/** A connection that remembers whether it may be used again, and that names its statements. */
class EvictingClient {
  readonly #client: PoolClient
  readonly #pool: PoolPart
  readonly #generation: number
  #inTransaction = false
  #broken = false

  constructor(client: PoolClient, pool: PoolPart) {
    this.#client = client
    this.#pool = pool
    this.#generation = pool.generation
  }

  get processID(): number | undefined {
    return 'processID' in this.#client ? Number(this.#client.processID) : undefined
  }

  get stale(): boolean {
    return this.#broken || this.#generation !== this.#pool.generation
  }

  async query(sql: string, parameters: readonly unknown[]): Promise<QueryResult> {
    this.#noteTransaction(sql)
    const name = parameters.length === 0 ? undefined : this.#pool.names?.nameOf(sql)
    const values = parameters as unknown[]
    try {
      return await (name === undefined ? this.#client.query(sql, values) : this.#client.query({ name, text: sql, values }))
    } catch (error) {
      if (name !== undefined && isStalePlan(error)) {
        // The plan is of before a migration. This connection goes when it is released; outside a transaction nothing is lost meanwhile.
        this.#broken = true
        if (!this.#inTransaction) {
          return await this.#client.query(sql, values)
        }
      } else if (breaksConnection(error)) {
        this.#broken = true
        this.#pool.generation += 1
      }
      throw error
    }
  }

  release(destroy?: boolean): void {
    const end = destroy === true || this.stale
    if (end) {
      this.#pool.evicted += 1
    }
    this.#client.release(end)
  }

  #noteTransaction(sql: string): void {
    if (sql === 'begin' || sql.startsWith('start transaction')) {
      this.#inTransaction = true
    } else if (sql === 'commit' || sql === 'rollback') {
      this.#inTransaction = false
    }
  }
}

function isStalePlan(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === featureNotSupported && error.message.includes('cached plan')
}

/** The part of `pg.Pool` that Kysely uses, with connections that are thrown away once their server fails. */
class EvictingPool {
  readonly #pool: Pool
  readonly #part: PoolPart
  readonly #clients = new WeakMap<PoolClient, EvictingClient>()

  constructor(pool: Pool, prepared: boolean) {
    this.#pool = pool
    this.#part = { names: prepared ? new StatementNames() : undefined, generation: 0, evicted: 0 }
  }

  get options(): object {
    return this.#pool.options
  }

  get state(): PoolState {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, evicted: this.#part.evicted }
  }

  async connect(): Promise<EvictingClient> {
    for (;;) {
      const client = await this.#pool.connect()
      const known = this.#clients.get(client) ?? new EvictingClient(client, this.#part)
      this.#clients.set(client, known)
      if (!known.stale) {
        return known
      }
      known.release()
    }
  }

  async end(): Promise<void> {
    await this.#pool.end()
  }
}

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
    connect: async () => (await evicting.connect()) as unknown as PostgresPoolClient,
    end: () => evicting.end(),
  } satisfies PostgresPool
  return { dialect: new PostgresDialect({ pool: facade }), poolState: () => evicting.state }
}

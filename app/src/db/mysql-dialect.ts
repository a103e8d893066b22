import { CompiledQuery, MysqlDialect, type MysqlPool, type MysqlPoolConnection } from 'kysely'
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import type { ServerConfig } from './database-config.ts'
import { breaksConnection } from './database-errors.ts'
import type { PoolLimits, PoolState } from './pool-limits.ts'
import type { PooledDialect } from './postgres-dialect.ts'
import { tlsOptions, tlsRefusal } from './server-tls.ts'

/** Requests that may wait for a connection; more are refused at once. */
const maxWaiting = 1000

type Done = (error: unknown, result?: unknown) => void

interface PoolPart {
  readonly statementMs: number
  /** Raised when a server turned out to be going or read-only: older connections are not used again. */
  generation: number
  used: number
  waiting: number
  evicted: number
  answeredAt: number
}

/** A connection that remembers whether it may be used again. */
class EvictingConnection {
  readonly #connection: PoolConnection
  readonly #pool: PoolPart
  readonly #generation: number
  #broken = false

  constructor(connection: PoolConnection, pool: PoolPart) {
    this.#connection = connection
    this.#pool = pool
    this.#generation = pool.generation
  }

  get config(): object {
    return this.#connection.config
  }

  get threadId(): number {
    return this.#connection.threadId
  }

  get stale(): boolean {
    return this.#broken || this.#generation !== this.#pool.generation
  }

  query(sql: string, parameters: unknown, done?: Done): unknown {
    const timeout = this.#pool.statementMs === 0 ? {} : { timeout: this.#pool.statementMs }
    return this.#connection.query({ sql, values: parameters as unknown[], ...timeout }, (error, result) => {
      if (error !== null && breaksConnection(error)) {
        this.#broken = true
        this.#pool.generation += 1
      } else {
        this.#pool.answeredAt = performance.now()
      }
      done?.(error, result)
    })
  }

  release(): void {
    this.#pool.used -= 1
    if (this.stale) {
      this.#pool.evicted += 1
      this.#connection.destroy()
    } else {
      this.#connection.release()
    }
  }

  destroy(): void {
    this.#pool.used -= 1
    this.#connection.destroy()
  }
}

/** The part of `mysql2`'s pool that Kysely uses, with a limit to waiting and connections that are thrown away once their server fails. */
class EvictingPool {
  readonly #pool: Pool
  readonly #part: PoolPart
  readonly #acquireMs: number
  readonly #connections = new WeakMap<PoolConnection, EvictingConnection>()

  constructor(pool: Pool, { statementMs, acquireMs }: PoolLimits) {
    this.#pool = pool
    this.#acquireMs = acquireMs
    this.#part = { statementMs, generation: 0, used: 0, waiting: 0, evicted: 0, answeredAt: Number.NEGATIVE_INFINITY }
  }

  get state(): PoolState {
    const { used, waiting, evicted, answeredAt } = this.#part
    return { used, waiting, evicted, answeredAt, idle: 0 }
  }

  getConnection(done: (error: unknown, connection?: EvictingConnection) => void): void {
    let over = false
    this.#part.waiting += 1
    const finish = (error: unknown, connection?: EvictingConnection) => {
      over = true
      clearTimeout(timer)
      this.#part.waiting -= 1
      done(error, connection)
    }
    const timer = setTimeout(() => {
      finish(Object.assign(new Error('no connection to the database came free in time'), { code: 'AcquireTimeout' }))
    }, this.#acquireMs)
    const attempt = () => {
      this.#pool.getConnection((error, connection) => {
        if (over) {
          // Whoever asked has been told that there is none; undefined when the error comes late, too.
          ;(connection as PoolConnection | undefined)?.release()
          return
        }
        if (error !== null) {
          finish(error)
          return
        }
        const known = this.#connections.get(connection) ?? new EvictingConnection(connection, this.#part)
        this.#connections.set(connection, known)
        this.#part.used += 1
        if (known.stale) {
          known.release()
          attempt()
        } else {
          finish(null, known)
        }
      })
    }
    attempt()
  }

  end(done: (error: unknown) => void): void {
    this.#pool.end(done)
  }
}

/** Options of {@link mysqlDialect}. */
export interface MysqlOptions {
  readonly config: ServerConfig
  readonly limits: PoolLimits
  readonly applicationName: string
}

/**
 * What every session needs, whatever the server's configuration: errors instead of cut values, plain reading of committed rows (as on the
 * other two engines; the default takes gap locks), short waits for locks.
 */
function sessionSettings(limits: PoolLimits): string {
  const lockSeconds = limits.statementMs === 0 ? 50 : 5
  return [
    `set session sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION'`,
    `session time_zone = '+00:00'`,
    `session innodb_lock_wait_timeout = ${lockSeconds}`,
    `session lock_wait_timeout = ${lockSeconds}`,
  ].join(', ')
}

/** Kysely on `mysql2`, for MySQL 8 and MariaDB: full Unicode, strict values, and a pool that heals by itself after a failover. */
export function mysqlDialect({ config, limits, applicationName }: MysqlOptions): PooledDialect {
  const tls = tlsOptions(config)
  const pool = createPool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    password: config.password,
    ...(tls === undefined ? {} : { ssl: { ...tlsForMysql(tls), verifyIdentity: config.tls.mode === 'VerifyFull' } }),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: false,
    connectionLimit: config.poolMax,
    maxIdle: config.poolMax,
    idleTimeout: limits.idleMs,
    connectTimeout: limits.connectMs,
    enableKeepAlive: true,
    waitForConnections: true,
    queueLimit: maxWaiting,
    connectAttributes: { program_name: applicationName },
  })
  const evicting = new EvictingPool(pool, limits)
  const facade: MysqlPool = {
    getConnection: (done) => {
      evicting.getConnection((error, connection) => {
        done(tlsRefusal(error, config) ?? error, connection as unknown as MysqlPoolConnection)
      })
    },
    end: (done) => {
      evicting.end(done)
    },
  }
  const dialect = new MysqlDialect({
    pool: facade,
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw(sessionSettings(limits)))
      await connection.executeQuery(CompiledQuery.raw('set session transaction isolation level read committed'))
    },
  })
  return { dialect, poolState: () => evicting.state }
}

function tlsForMysql({ ca, rejectUnauthorized }: NonNullable<ReturnType<typeof tlsOptions>>) {
  return { ...(typeof ca === 'string' ? { ca } : {}), rejectUnauthorized: rejectUnauthorized ?? true }
}

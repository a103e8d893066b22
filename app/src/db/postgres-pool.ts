import { Query, type Pool, type PoolClient, type QueryResult } from 'pg'
import { breaksConnection } from './database-errors.ts'
import type { PoolState } from './pool-limits.ts'

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

/**
 * Milliseconds that a connection goes from one query to the next without the pool of `pg` in between, which takes three timers and two listeners for each
 * query. It is back there often enough to be closed when it is too old or idle.
 */
const handOverMs = 1000

interface PoolPart {
  readonly names: StatementNames | undefined
  /** Takes a connection for the next query; false when the pool of `pg` must have it. */
  readonly keep: (client: EvictingClient) => boolean
  /** Raised when a server turned out to be going or no longer the primary: older connections are not used again. */
  generation: number
  evicted: number
  answeredAt: number
}

/** A connection that remembers whether it may be used again, and that names its statements. */
export class EvictingClient {
  readonly #client: PoolClient
  readonly #pool: PoolPart
  readonly #generation: number
  #inTransaction = false
  #broken = false
  #takenAt = 0

  constructor(client: PoolClient, pool: PoolPart) {
    this.#client = client
    this.#pool = pool
    this.#generation = pool.generation
    const lost = (): void => {
      this.#broken = true
    }
    client.on('error', lost)
    client.once('end', lost)
  }

  /** Says that the pool of `pg` gave the connection out just now. */
  taken(): void {
    this.#takenAt = performance.now()
  }

  get mayBeKept(): boolean {
    return !this.#inTransaction && performance.now() - this.#takenAt < handOverMs
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
      const result = await (name === undefined ? this.#client.query(sql, values) : this.#named(name, sql, values))
      this.#pool.answeredAt = performance.now()
      return result
    } catch (error) {
      if (!breaksConnection(error)) this.#pool.answeredAt = performance.now()
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
    } else if (this.#pool.keep(this)) {
      return
    }
    this.#client.release(end)
  }

  /** Gives the connection back to the pool of `pg`. */
  giveBack(): void {
    const end = this.stale
    if (end) {
      this.#pool.evicted += 1
    }
    this.#client.release(end)
  }

  /** What `client.query({ name, text, values })` does, without its copy of that object: that costs as much as reading ten rows. */
  #named(name: string, sql: string, values: unknown[]): Promise<QueryResult> {
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult>()
    const query = new Query(sql, values, (error: Error | null | undefined, result: unknown) => {
      if (error) {
        Error.captureStackTrace(error)
        reject(error)
      } else {
        resolve(result as QueryResult)
      }
    })
    this.#client.query(Object.assign(query, { name }))
    return promise
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
export class EvictingPool {
  readonly #pool: Pool
  readonly #part: PoolPart
  readonly #clients = new WeakMap<PoolClient, EvictingClient>()
  /** Connections between two queries, last used last. While there is one, nobody waits in the queue of `pg`. */
  readonly #free: EvictingClient[] = []
  #giveBackTimer: NodeJS.Timeout | undefined
  #ended = false

  constructor(pool: Pool, prepared: boolean) {
    this.#pool = pool
    this.#part = {
      names: prepared ? new StatementNames() : undefined,
      keep: (client) => this.#keep(client),
      generation: 0,
      evicted: 0,
      answeredAt: Number.NEGATIVE_INFINITY,
    }
  }

  get options(): object {
    return this.#pool.options
  }

  get state(): PoolState {
    const { totalCount, idleCount, waitingCount } = this.#pool
    const idle = idleCount + this.#free.length
    return { used: totalCount - idle, idle, waiting: waitingCount, evicted: this.#part.evicted, answeredAt: this.#part.answeredAt }
  }

  async connect(): Promise<EvictingClient> {
    for (;;) {
      const known = this.#free.pop() ?? (await this.#take())
      if (!known.stale) {
        return known
      }
      known.release()
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    this.#giveBack()
    await this.#pool.end()
  }

  async #take(): Promise<EvictingClient> {
    const client = await this.#pool.connect()
    const known = this.#clients.get(client) ?? new EvictingClient(client, this.#part)
    this.#clients.set(client, known)
    known.taken()
    return known
  }

  #keep(client: EvictingClient): boolean {
    if (this.#ended || this.#pool.waitingCount > 0 || !client.mayBeKept) {
      return false
    }
    this.#free.push(client)
    this.#giveBackTimer ??= setTimeout(() => {
      this.#giveBack()
    }, handOverMs).unref()
    return true
  }

  #giveBack(): void {
    clearTimeout(this.#giveBackTimer)
    this.#giveBackTimer = undefined
    for (const client of this.#free.splice(0)) {
      client.giveBack()
    }
  }
}

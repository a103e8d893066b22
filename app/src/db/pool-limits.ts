/** How pools of both server engines behave. Idle pools shrink to nothing, so that no proxy cuts a connection that we believe in. */
export interface PoolLimits {
  /** Milliseconds to open a connection. */
  readonly connectMs: number
  /** Milliseconds to wait for a connection of a full pool. */
  readonly acquireMs: number
  /** Milliseconds that a statement may run on the server; 0 is no limit. */
  readonly statementMs: number
  /** Milliseconds after which an idle connection is closed. */
  readonly idleMs: number
  /** Seconds after which a connection is replaced, so that a changed address or password is noticed. */
  readonly lifetimeSeconds: number
}

/** What a web process wants. */
export const serveLimits: PoolLimits = { connectMs: 5000, acquireMs: 5000, statementMs: 15_000, idleMs: 60_000, lifetimeSeconds: 600 }

/** What a job wants: its statements may take as long as they need. */
export const jobLimits: PoolLimits = { ...serveLimits, acquireMs: 30_000, statementMs: 0 }

/** Numbers of a pool's connections, how many it threw away, and when its server was heard of. */
export interface PoolState {
  readonly used: number
  readonly idle: number
  readonly waiting: number
  readonly evicted: number
  /** When the server answered any query last, be it with a refusal; on the clock of `performance.now`. */
  readonly answeredAt: number
}

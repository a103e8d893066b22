import { microTime, sleep, type Clock } from './clock.ts'
import { LeaseLost, LeaseNotHeld, toError } from './errors.ts'
import type { LeaseLock, LeaseRecord } from './lease-lock.ts'
import { silentLogger, type Logger } from './log.ts'
import { noMetrics, type RuntimeMetrics } from './metrics.ts'

/** Times of an election, in seconds; the defaults are client-go's. */
export interface ElectionTimes {
  /** How long a follower waits, after it last saw the lease change, before it takes over: 15. */
  readonly leaseDuration: number
  /** How long the leader may go without a renewal before it has to end: 10. */
  readonly renewDeadline: number
  /**
   * Between two renewals: 2. A follower looks twice as often, so that a lease that was given away does not lie for long; its pause is stretched by up to
   * a fifth, so that followers do not come in step.
   */
  readonly retryPeriod: number
}

/** What an elector is built from. */
export interface ElectorOptions {
  readonly lock: LeaseLock
  /** Unique for each process, not for each pod: a restarted container is another candidate. */
  readonly identity: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly times?: ElectionTimes
  readonly log?: Logger
  readonly metrics?: RuntimeMetrics
}

/** What has to be asked before every write. */
export interface Fence {
  /** Whether writing is allowed now. */
  readonly held: boolean
  /** @throws LeaseNotHeld when it is not */
  assertHeld(operation: string): void
}

/** The fence of a process that runs without an election: always open. */
export const openFence: Fence = { held: true, assertHeld: () => {} }

/** client-go's defaults. */
export const electionTimes: ElectionTimes = { leaseDuration: 15, renewDeadline: 10, retryPeriod: 2 }

/** By how much a pause is stretched at most; the leader's deadline has to be longer than a retry period so stretched (client-go's rule). */
const jitterFactor = 1.2

/**
 * Leader election on a Lease, and the fence that goes with it.
 *
 * Time is taken from this process's monotonic clock alone: a lease has expired when *we* saw no change of it for its duration. What the holder
 * wrote as renew time is never compared with our clock, so clocks may differ at will (client-go, `leaderelection.go`).
 *
 * Invariant: while `held`, the last renewal that the server confirmed was *sent* less than `renewDeadline` ago. Nobody else takes the lease
 * before `leaseDuration` after the server saw that renewal, which is later, so two processes are never both inside. Once lost, never held again.
 */
export class LeaderElector implements Fence {
  readonly #options: Required<ElectorOptions>
  readonly #stop = new AbortController()
  #state: 'following' | 'leading' | 'lost' | 'released' = 'following'
  /** The record as last read or written, and when we saw it change. */
  #observed: { readonly record: LeaseRecord; readonly at: number } | undefined
  /** When the last confirmed renewal was sent. */
  #renewedAt = Number.NEGATIVE_INFINITY
  /** When the renew loop last went round; for liveness. */
  #beatAt = Number.NEGATIVE_INFINITY
  #loop: Promise<void> = Promise.resolve()
  #onLost: (error: LeaseLost) => void = () => {}

  /** Resolves, with the reason, when a lease that was held is lost; pending otherwise. The process then has to end without a graceful stop. */
  readonly lost: Promise<LeaseLost>

  constructor(options: ElectorOptions) {
    this.#options = { times: electionTimes, log: silentLogger, metrics: noMetrics, ...options }
    const { leaseDuration, renewDeadline, retryPeriod } = this.#options.times
    if (!(leaseDuration > renewDeadline)) throw new RangeError('The lease duration has to be longer than the renew deadline.')
    if (!(renewDeadline > jitterFactor * retryPeriod)) throw new RangeError('The renew deadline has to be longer than 1.2 retry periods.')
    if (!(retryPeriod > 0)) throw new RangeError('The retry period has to be positive.')
    this.lost = new Promise((resolve) => {
      this.#onLost = resolve
    })
    this.#options.metrics.leader(this.#options.lock.name, false)
  }

  get held(): boolean {
    return this.#state === 'leading' && this.#options.clock.monotonic() - this.#renewedAt < this.#options.times.renewDeadline * 1000
  }

  assertHeld(operation: string): void {
    if (this.held) return
    if (this.#state === 'leading') this.#lose('it was not renewed in time')
    throw new LeaseNotHeld(this.#options.lock.name, operation)
  }

  /** Who holds the lease as far as we saw; empty when nobody does, undefined before the first look. */
  get holder(): string | undefined {
    return this.#observed?.record.holder
  }

  /** Whether this process leads, as said in logs and metrics; ask {@link held} before a write. */
  get leading(): boolean {
    return this.#state === 'leading'
  }

  /** Whether the loop that takes or renews the lease still goes round: what liveness asks. */
  get alive(): boolean {
    if (this.#state === 'released' || this.#beatAt === Number.NEGATIVE_INFINITY) return true
    return this.#options.clock.monotonic() - this.#beatAt < 2 * this.#options.times.leaseDuration * 1000
  }

  /** Waits until this process leads, then keeps renewing in the background. Rejects with the signal's reason when that is aborted before. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, lock, metrics, times, identity } = this.#options
    log.info({ lease: lock.name, identity }, 'Waiting for the lease')
    for (;;) {
      this.#beatAt = clock.monotonic()
      const holderBefore = this.holder
      if (await this.#tryAcquire(signal)) break
      if (this.holder !== holderBefore && this.holder !== '') log.info({ lease: lock.name, holder: this.holder }, 'Another replica leads')
      await sleep(clock, this.#followerPause(), signal)
    }
    this.#state = 'leading'
    metrics.leader(lock.name, true)
    log.info({ lease: lock.name, identity, retrySeconds: times.retryPeriod }, 'Leading')
    this.#loop = this.#renew()
  }

  /**
   * Stops renewing and gives the lease away, so that a follower takes it at its next look. Call it when nothing writes any more.
   * Does nothing when the lease is not held; a failure is logged, for then it expires by itself.
   */
  async release(): Promise<void> {
    const { clock, log, lock, metrics } = this.#options
    const held = this.held
    this.#stop.abort(new Error('The lease is given away.'))
    await this.#loop
    if (!held || this.#state !== 'leading') return
    this.#state = 'released'
    metrics.leader(lock.name, false)
    const observed = this.#observed?.record
    if (observed === undefined) return
    try {
      // An empty holder with a duration of one second is how client-go releases; its followers take such a lease at once.
      const empty = { ...observed, holder: '', durationSeconds: 1, renewTime: microTime(clock.now()) }
      await this.#attempt((signal) => lock.update(empty, signal))
      log.info({ lease: lock.name }, 'Gave the lease away')
    } catch (error) {
      log.warn({ lease: lock.name, err: error }, 'Could not give the lease away; it expires by itself')
    }
  }

  async #renew(): Promise<void> {
    const { clock, lock, log, metrics, times } = this.#options
    try {
      for (;;) {
        await sleep(clock, times.retryPeriod * 1000, this.#stop.signal)
        this.#beatAt = clock.monotonic()
        if (!this.held) return this.#lose('it was not renewed in time')
        const outcome = await this.#tryRenew()
        if (outcome === 'taken') return this.#lose(`it is held by "${this.holder ?? ''}"`)
        if (outcome === 'renewed') metrics.leaseRenewed(lock.name, (clock.monotonic() - this.#renewedAt) / 1000)
        else log.warn({ lease: lock.name, silentSeconds: (clock.monotonic() - this.#renewedAt) / 1000 }, 'Could not renew the lease')
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#lose('the renew loop failed', error)
    }
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#state !== 'leading') return
    const { lock, log, metrics } = this.#options
    this.#state = 'lost'
    const error = new LeaseLost(lock.name, why, cause === undefined ? {} : { cause })
    log.error({ lease: lock.name, err: error }, 'Lost the lease')
    metrics.leader(lock.name, false)
    this.#onLost(error)
  }

  /** One look at the lease; true once it is ours. */
  async #tryAcquire(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#attempt((attempt) => this.#take(attempt), signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.#options.log.warn({ lease: this.#options.lock.name, err: toError(error) }, 'Could not try for the lease')
      return false
    }
  }

  async #take(signal: AbortSignal): Promise<boolean> {
    const { clock, identity, lock, times } = this.#options
    const time = microTime(clock.now())
    const own = { holder: identity, durationSeconds: Math.ceil(times.leaseDuration), acquireTime: time, renewTime: time }
    const current = await lock.get(signal)
    if (current !== undefined) this.#observe(current)
    if (current !== undefined && current.holder !== '' && current.holder !== identity && this.#expiresIn() > 0) return false
    const sentAt = clock.monotonic()
    const taken =
      current === undefined
        ? lock.create({ ...own, transitions: 0 }, signal)
        : lock.update({ ...current, ...own, transitions: current.transitions + 1 }, signal)
    this.#confirm(await taken, sentAt)
    return true
  }

  /** One renewal; an answer that got lost is found out by reading the lease again. */
  async #tryRenew(): Promise<'renewed' | 'failed' | 'taken'> {
    const observed = this.#observed?.record
    if (observed === undefined) return 'failed'
    try {
      await this.#attempt((signal) => this.#write(observed, signal))
      return 'renewed'
    } catch {
      return this.#attempt((signal) => this.#renewAnew(observed, signal)).catch(() => 'failed' as const)
    }
  }

  async #renewAnew(observed: LeaseRecord, signal: AbortSignal): Promise<'renewed' | 'taken'> {
    const current = await this.#options.lock.get(signal)
    if (current !== undefined) this.#observe(current)
    if (current !== undefined && current.holder !== this.#options.identity) return 'taken'
    // Whoever deleted the lease did not end our right to it; but creating it has to win against everybody else.
    const { version: _gone, ...fresh } = observed
    await this.#write(current ?? fresh, signal)
    return 'renewed'
  }

  async #write(record: LeaseRecord, signal: AbortSignal): Promise<void> {
    const { clock, lock } = this.#options
    const sentAt = clock.monotonic()
    const next = { ...record, renewTime: microTime(clock.now()) }
    this.#confirm(await (record.version === undefined ? lock.create(next, signal) : lock.update(next, signal)), sentAt)
  }

  #confirm(record: LeaseRecord, sentAt: number): void {
    this.#observed = { record, at: this.#options.clock.monotonic() }
    this.#renewedAt = sentAt
  }

  #observe(record: LeaseRecord): void {
    if (this.#observed?.record.version !== record.version) this.#observed = { record, at: this.#options.clock.monotonic() }
  }

  /** Milliseconds until the lease, as we saw it last, may be taken. A holder that announced a longer duration than ours is given it. */
  #expiresIn(): number {
    if (this.#observed === undefined) return 0
    const seconds = Math.max(this.#options.times.leaseDuration, this.#observed.record.durationSeconds)
    return this.#observed.at + seconds * 1000 - this.#options.clock.monotonic()
  }

  /** Never later than the expiry that is already known: without that, a crash would cost up to two pauses more. */
  #followerPause(): number {
    const { random, times } = this.#options
    const pause = (times.retryPeriod / 2) * 1000 * (1 + (jitterFactor - 1) * random())
    const expiry = this.#expiresIn()
    return expiry > 0 ? Math.min(pause, expiry) : pause
  }

  /** A try may take half the renew deadline, so that one that hangs leaves time for another. */
  async #attempt<T>(run: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, times } = this.#options
    const timeout = new AbortController()
    const timer = clock.setTimeout(() => timeout.abort(new Error('The lease call took too long.')), (times.renewDeadline * 1000) / 2)
    try {
      return await run(signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]))
    } finally {
      timer.cancel()
    }
  }
}

import type { Clock, Timer } from './clock.ts'

/** What an {@link IdleCollector} is built from. */
export interface IdleCollectorOptions {
  readonly clock: Clock
  /** Passes begun so far. */
  readonly passes: () => number
  /** Whether a pass runs now. */
  readonly isBusy: () => boolean
  /** Collects garbage, thoroughly; holds everything else up. */
  readonly collect: () => void
}

/** Between two looks, in milliseconds: as long nothing may have been done. */
const lookMs = 1000
/** Between two collections, in milliseconds. */
const leastMs = 300_000

/**
 * Has garbage collected when work has ceased. The engine collects what it needs to go on, and keeps room for as much again: after the start, when lists
 * and schemas were read, that is a fifth of the process with 500 instances, and nothing gives it back, for at rest nothing is allocated.
 */
export class IdleCollector {
  readonly #options: IdleCollectorOptions
  #timer: Timer | undefined
  #seen = -1
  /** Passes at the last collection, and when it was. */
  #last: { readonly passes: number; readonly at: number } | undefined

  constructor(options: IdleCollectorOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#look()
      this.start()
    }, lookMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    const { clock, collect, isBusy, passes } = this.#options
    const now = clock.monotonic()
    const count = passes()
    const isIdle = count === this.#seen && !isBusy()
    this.#seen = count
    const isWorthIt = this.#last === undefined || (count > this.#last.passes && now - this.#last.at >= leastMs)
    if (!isIdle || !isWorthIt) return
    this.#last = { passes: count, at: now }
    collect()
  }
}

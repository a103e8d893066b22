import type { Clock } from './clock.ts'

/** Bounds of an exponential backoff, in milliseconds. */
export interface BackoffOptions {
  /** Ceiling of the first delay. client-go: 5 ms. */
  readonly baseMs: number
  /** Ceiling of every delay. client-go: 1,000 s; ours is 300 s, since a person who mended the cause should not wait a quarter of an hour. */
  readonly maxMs: number
}

/**
 * Exponential backoff with full jitter: anything between zero and the ceiling, so that keys that failed together do not come back together
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015).
 *
 * @param failures - failures so far without this one; 0 for the first
 * @param random - in [0, 1)
 * @returns milliseconds
 */
export function backoff({ baseMs, maxMs }: BackoffOptions, failures: number, random: number): number {
  return random * backoffCeiling({ baseMs, maxMs }, failures)
}

/** The longest delay that {@link backoff} can give after that many failures. */
export function backoffCeiling({ baseMs, maxMs }: BackoffOptions, failures: number): number {
  // 2^40 × 5 ms is beyond any ceiling: the exponent is bounded so that a key that fails for ever does not become Infinity × 0.
  return Math.min(maxMs, baseMs * 2 ** Math.min(failures, 40))
}

/** Rate and burst of a token bucket. */
export interface BucketOptions {
  readonly ratePerSecond: number
  readonly burst: number
}

/** A token bucket that hands out places in line instead of refusing. */
export class TokenBucket {
  readonly #options: BucketOptions
  readonly #clock: Clock
  #tokens: number
  #at: number

  constructor(options: BucketOptions, clock: Clock) {
    if (!(options.ratePerSecond > 0) || !(options.burst >= 1))
      throw new RangeError('A token bucket needs a positive rate and a burst of at least 1.')
    this.#options = options
    this.#clock = clock
    this.#tokens = options.burst
    this.#at = clock.monotonic()
  }

  /** Whether it is as a new one would be. */
  get full(): boolean {
    this.#refill()
    return this.#tokens >= this.#options.burst
  }

  /** Takes a token, on credit if there is none, and says in how many milliseconds it may be used. */
  reserve(): number {
    this.#refill()
    this.#tokens -= 1
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#options.ratePerSecond) * 1000
  }

  /** Takes a token if there is one. */
  tryTake(): boolean {
    this.#refill()
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#options.burst, this.#tokens + ((now - this.#at) / 1000) * this.#options.ratePerSecond)
    this.#at = now
  }
}

import type { Clock } from '../clock.ts'

/** How many requests a client may make. */
export interface RateLimitOptions {
  /** Requests in one window; 0 switches the limit off. */
  readonly requests: number
  readonly windowSeconds: number
  readonly clock: Clock
}

/** What one request was told. */
export interface RateLimitAnswer {
  readonly allowed: boolean
  /** `RateLimit-Policy`, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) and, when refused, `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>
}

interface Window {
  readonly start: number
  count: number
}

/**
 * Counts the requests of each token in fixed windows. It protects one process from a client that runs wild, so the counts live in its
 * memory: writing to the database at every read would cost more than the read, and with N replicas a client may reach N times the limit.
 */
export class RateLimiter {
  readonly #options: RateLimitOptions
  // Invariant: holds only windows that began within the last two window lengths; `#sweep` keeps it so.
  readonly #windows = new Map<string, Window>()
  #lastSweep = 0

  constructor(options: RateLimitOptions) {
    if (!Number.isInteger(options.requests) || options.requests < 0) throw new RangeError('requests must be a whole number from 0')
    if (!Number.isInteger(options.windowSeconds) || options.windowSeconds < 1)
      throw new RangeError('windowSeconds must be a whole number from 1')
    this.#options = options
  }

  /** Counts one request of `client` and says whether it may go on. */
  take(client: string): RateLimitAnswer {
    const { requests, windowSeconds, clock } = this.#options
    if (requests === 0) return { allowed: true, headers: {} }
    const now = clock.now()
    const length = windowSeconds * 1000
    this.#sweep(now, length)
    let window = this.#windows.get(client)
    if (window === undefined || now - window.start >= length || now < window.start) {
      window = { start: now, count: 0 }
      this.#windows.set(client, window)
    }
    const allowed = window.count < requests
    if (allowed) window.count += 1
    const seconds = Math.max(1, Math.ceil((window.start + length - now) / 1000))
    const headers: Record<string, string> = {
      'RateLimit-Policy': `"token";q=${requests};w=${windowSeconds}`,
      RateLimit: `"token";r=${requests - window.count};t=${seconds}`,
    }
    if (!allowed) headers['Retry-After'] = String(seconds)
    return { allowed, headers }
  }

  /** Number of clients that are remembered; for tests of the bound. */
  get size(): number {
    return this.#windows.size
  }

  #sweep(now: number, length: number): void {
    if (Math.abs(now - this.#lastSweep) < length) return
    this.#lastSweep = now
    for (const [client, window] of this.#windows) {
      if (Math.abs(now - window.start) >= length) this.#windows.delete(client)
    }
  }
}

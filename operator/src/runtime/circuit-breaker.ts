import type { Clock } from './clock.ts'

/** When a circuit opens and how much it lets through. */
export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Failures in a row that open it: 12, after which the ceiling of the backoff is 20 s. */
  readonly failures?: number
  /** Seconds between two passes that events may start while it is open: 30. */
  readonly probeSeconds?: number
}

interface State {
  failures: number
  lastFailureAt: number
}

/**
 * Keeps a key that fails for ever from being worked on at the pace of the events around it: while its circuit is open, an event starts a pass at most
 * every 30 s. Its own backoff goes on, a success closes the circuit, and a person's edit closes it at once.
 */
export class CircuitBreaker {
  readonly #clock: Clock
  readonly #failures: number
  readonly #probeMs: number
  readonly #states = new Map<string, State>()
  #open = 0

  constructor({ clock, failures = 12, probeSeconds = 30 }: CircuitBreakerOptions) {
    this.#clock = clock
    this.#failures = failures
    this.#probeMs = probeSeconds * 1000
  }

  /** How many circuits are open. */
  get open(): number {
    return this.#open
  }

  /** How many milliseconds a pass that an event asks for has to be put off. */
  delay(key: string): number {
    const state = this.#states.get(key)
    if (state === undefined || state.failures < this.#failures) return 0
    return Math.max(0, state.lastFailureAt + this.#probeMs - this.#clock.monotonic())
  }

  /** A pass failed. @returns whether this opened the circuit */
  failed(key: string): boolean {
    const state = this.#states.get(key) ?? { failures: 0, lastFailureAt: 0 }
    this.#states.set(key, state)
    state.lastFailureAt = this.#clock.monotonic()
    state.failures++
    if (state.failures !== this.#failures) return false
    this.#open++
    return true
  }

  /** A pass succeeded, a person edited the object, or it is gone. @returns whether this closed the circuit */
  close(key: string): boolean {
    const wasOpen = (this.#states.get(key)?.failures ?? 0) >= this.#failures
    if (wasOpen) this.#open--
    this.#states.delete(key)
    return wasOpen
  }
}

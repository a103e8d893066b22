import type { Clock, Timer } from './clock.ts'

interface Pending {
  readonly at: number
  readonly sequence: number
  readonly callback: () => void
}

/**
 * A clock that stands still until a test moves it. Timers fire in the order of their due time, and of their start where these are equal.
 */
export class VirtualClock implements Clock {
  #elapsed = 0
  #skew: number
  #sequence = 0
  readonly #pending = new Set<Pending>()

  /** @param start - the wall clock's first value, milliseconds since the epoch */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#skew = start
  }

  now(): number {
    return this.#skew + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  setTimeout(callback: () => void, milliseconds: number): Timer {
    const pending: Pending = { at: this.#elapsed + Math.max(0, milliseconds), sequence: this.#sequence++, callback }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#pending.size
  }

  /** Jumps the wall clock alone, as NTP or a person does. */
  jumpWallClock(milliseconds: number): void {
    this.#skew += milliseconds
  }

  /** Time went by while nothing could run (a stopped process): what became due meanwhile fires now, late. */
  async thaw(milliseconds: number): Promise<void> {
    this.#elapsed += milliseconds
    await this.advance(0)
  }

  /** Moves time and fires what became due, without letting promises settle between. */
  advanceSync(milliseconds: number): void {
    const end = this.#elapsed + milliseconds
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) this.#fire(next)
    this.#elapsed = end
  }

  /** Moves time, firing what became due; promises settle after every timer, so that chains of waits run as they would. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#fire(next)
      await settle()
    }
    this.#elapsed = end
    await settle()
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined
    for (const pending of this.#pending) {
      if (pending.at > end) continue
      if (first === undefined || pending.at < first.at || (pending.at === first.at && pending.sequence < first.sequence)) first = pending
    }
    return first
  }

  #fire(pending: Pending): void {
    this.#pending.delete(pending)
    this.#elapsed = Math.max(this.#elapsed, pending.at)
    pending.callback()
  }
}

/** Lets every promise that can settle now do so: a macrotask runs after all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

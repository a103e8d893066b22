/** Lets only so many pass at a time; the others wait in the order in which they came. */
export class Limiter {
  readonly #limit: number
  readonly #waiting = new Set<() => void>()
  #active = 0

  /** @param limit - at least 1 */
  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`A limiter needs a limit of at least 1, not ${limit}.`)
    this.#limit = limit
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Waits for a slot.
   *
   * @returns gives the slot back; more than one call does nothing
   * @throws the signal's reason when it is aborted first
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#active < this.#limit) this.#active += 1
    else await this.#wait(signal)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#release()
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.delete(enter)
        reject(signal?.reason as Error)
      }
      this.#waiting.add(enter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** The slot goes straight to the next one, so that nobody who comes later can take it. */
  #release(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#active -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}

import type { Clock } from './clock.ts'

/** An abort signal that follows another one and a timer, and leaves nothing behind on the other one. */
export class AbortScope {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal | undefined
  readonly #follow: () => void
  readonly #timer: { cancel(): void }

  constructor(parent: AbortSignal | undefined, clock: Clock, afterMs: number, reason: () => Error) {
    this.#parent = parent
    this.#follow = () => this.abort(parent?.reason as Error)
    if (parent?.aborted === true) this.#follow()
    else parent?.addEventListener('abort', this.#follow, { once: true })
    this.#timer = clock.setTimeout(() => this.abort(reason()), afterMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#controller.abort(reason)
  }

  /** Stops the timer; the parent is still followed. */
  disarm(): void {
    this.#timer.cancel()
  }

  [Symbol.dispose](): void {
    this.#timer.cancel()
    this.#parent?.removeEventListener('abort', this.#follow)
  }
}

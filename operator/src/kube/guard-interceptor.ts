import type { Dispatcher } from 'undici'

type Handler = Dispatcher.DispatchHandler

/**
 * One request with a guard that is asked at the last moment: when a connection is there and the first byte is about to be written. A check before that
 * would be out of date after a wait for a free connection, a TLS handshake, or a process that was stopped meanwhile.
 */
export class Guarded {
  readonly #guard: (() => void) | undefined
  #refusal: Error | undefined

  /** @param guard - what it throws ends the request, of which then nothing was sent; none lets everything pass */
  constructor(guard: (() => void) | undefined) {
    this.#guard = guard
  }

  /** What the guard threw: the dispatcher may give it in another form. */
  get refusal(): Error | undefined {
    return this.#refusal
  }

  /** A dispatcher that asks. */
  dispatcher(base: Dispatcher): Dispatcher {
    const guard = this.#guard
    if (guard === undefined) return base
    const ask = () => {
      try {
        guard()
      } catch (error) {
        this.#refusal = error as Error
        throw error
      }
    }
    return base.compose((dispatch) => (options, handler) => dispatch(options, new GuardedHandler(ask, handler)))
  }
}

class GuardedHandler implements Handler {
  readonly #guard: () => void
  readonly #handler: Handler

  constructor(guard: () => void, handler: Handler) {
    this.#guard = guard
    this.#handler = handler
  }

  onRequestStart(...[controller, context]: Parameters<NonNullable<Handler['onRequestStart']>>): void {
    try {
      this.#guard()
    } catch (error) {
      controller.abort(error as Error)
      return
    }
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...args)
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    this.#handler.onResponseStart?.(...args)
  }

  onResponseData(...args: Parameters<NonNullable<Handler['onResponseData']>>): void {
    this.#handler.onResponseData?.(...args)
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...args)
  }

  onResponseError(...args: Parameters<NonNullable<Handler['onResponseError']>>): void {
    this.#handler.onResponseError?.(...args)
  }
}

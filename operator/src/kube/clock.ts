/** A timer that was started; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** Time, passed in so that tests move it. */
export interface Clock {
  /** Wall clock in milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some fixed moment; never jumps back. For every duration and deadline. */
  monotonic(): number
  /** Calls back once after `milliseconds`; keeps no process alive. */
  setTimeout(callback: () => void, milliseconds: number): Timer
}

/** Waits on a clock. Rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

import type { Clock, Timer } from '../kube/clock.ts'

export type { Clock, Timer } from '../kube/clock.ts'

/** The longest delay that `setTimeout` of the platform can do; longer ones fire at once there. */
const longestTimeout = 2 ** 31 - 1

/** The machine's own time. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  setTimeout(callback: () => void, milliseconds: number): Timer {
    let handle: NodeJS.Timeout
    const arm = (left: number) => {
      const step = Math.min(left, longestTimeout)
      handle = setTimeout(() => (left > step ? arm(left - step) : callback()), step)
      handle.unref()
    }
    arm(Math.max(0, milliseconds))
    return { cancel: () => clearTimeout(handle) }
  }
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

/**
 * Kubernetes' `MicroTime`: RFC 3339 with exactly six fractional digits; the API server refuses any other number of them.
 *
 * @param epochMilliseconds - wall clock
 */
export function microTime(epochMilliseconds: number): string {
  const whole = Math.floor(epochMilliseconds)
  const micros = Math.floor((epochMilliseconds - whole) * 1000)
  return new Date(whole).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`)
}

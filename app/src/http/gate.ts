import { HttpError } from './http-error.ts'

/** Lets a piece of work begin when fewer than the limit are running. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/**
 * At most `atOnce` pieces of work run, the others wait in order of arrival.
 *
 * @param maxWaiting beyond it work is refused at once, so that a flood cannot grow the queue without end
 * @throws {@link HttpError} 503 when the queue is full
 */
export function createGate(atOnce: number, maxWaiting = 500): Gate {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= maxWaiting) throw new HttpError(503, 'Too much is going on at the moment.', { retryAfterSeconds: 5 })
      // Whoever leaves hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

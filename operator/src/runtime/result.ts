/**
 * What a reconcile pass came to. A union, so that "failed, and again in ten seconds" cannot be said: controller-runtime accepts that pair and
 * ignores its second half.
 *
 * - `done`: nothing more to do until something changes; the key's backoff is forgotten.
 * - `after`: once more in `seconds`, because something outside the watches is waited for; the backoff is forgotten. Waiting is not an error.
 * - `error`: once more with the key's backoff, or not before something changes when `terminal`.
 */
export type Result = { readonly type: 'done' } | { readonly type: 'after'; readonly seconds: number } | Failure

/** The failed one of {@link Result}. */
export interface Failure {
  readonly type: 'error'
  readonly error: Error
  readonly terminal?: boolean
}

/** The pass ended; the next one comes with the next change. */
export const done: Result = { type: 'done' }

/** Looks again in `seconds` (more than 0). */
export function after(seconds: number): Result {
  if (!(seconds > 0)) throw new RangeError(`A pass can be repeated after a positive number of seconds, not ${seconds}.`)
  return { type: 'after', seconds }
}

/** Tries again with backoff. */
export function failed(error: Error): Failure {
  return { type: 'error', error }
}

/** Failed in a way that repeating cannot mend: waits for a change of the object or of what it uses. */
export function terminal(error: Error): Failure {
  return { type: 'error', error, terminal: true }
}

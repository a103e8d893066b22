import { ApiError, ConnectionError, DeadlineExceeded, MalformedAnswer } from './errors.ts'

/** What the decision to send a call again depends on. */
export interface RetryQuestion {
  readonly error: unknown
  /** How often the call was sent already, at least 1. */
  readonly attempts: number
  /** Whether doing the call twice is the same as doing it once. */
  readonly idempotent: boolean
  /** In [0, 1). */
  readonly random: number
}

/** Milliseconds to wait before the call is sent again, or undefined: give up. */
export type RetryDecision = number | undefined

/** As in client-go: a call is sent again at most ten times. */
export const maxRetries = 10

/**
 * A 500 is mostly a bug or a broken webhook that answers the same way next time, and whoever called backs off better than a loop in here can:
 * two more tries only.
 */
const maxRetriesOfInternalError = 2

/** First wait without a `Retry-After`; doubles up to {@link maxWaitMs}, and half of it is random. */
const firstWaitMs = 100
const maxWaitMs = 5_000

/**
 * Which failed calls are sent again.
 *
 * | Failure | Call may be repeated | Call may not |
 * |---|---|---|
 * | 429 (the server did nothing) | yes | yes |
 * | connection refused, no such host, TLS refused (nothing was sent) | yes | yes |
 * | 502, 503, 504, connection broken, answer malformed | yes | no |
 * | 500 | twice | no |
 * | anything else | no | no |
 */
export function decideRetry({ error, attempts, idempotent, random }: RetryQuestion): RetryDecision {
  const limit = retriesFor(error, idempotent)
  if (attempts > limit) return undefined
  const wait = Math.min(maxWaitMs, firstWaitMs * 2 ** (attempts - 1)) * (0.5 + random / 2)
  if (error instanceof ApiError && error.retryAfterSeconds !== undefined) return Math.max(error.retryAfterSeconds * 1000, wait)
  return wait
}

function retriesFor(error: unknown, idempotent: boolean): number {
  if (error instanceof ApiError) {
    if (error.status === 429) return maxRetries
    if (!idempotent || error.status < 500) return 0
    return error.status === 500 && error.retryAfterSeconds === undefined ? maxRetriesOfInternalError : maxRetries
  }
  if (error instanceof ConnectionError) return idempotent || !error.maybeSent ? maxRetries : 0
  if (error instanceof MalformedAnswer || error instanceof DeadlineExceeded) return idempotent ? maxRetries : 0
  return 0
}

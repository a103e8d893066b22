import { setTimeout as sleep } from 'node:timers/promises'

/** How often and how long something is tried. */
export interface RetryPolicy {
  readonly attempts: number
  /** Before the second attempt; doubled before each further one. */
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** After this long no further attempt begins. */
  readonly budgetMs: number
}

/** With a first delay of 0.5 s, a server that is gone for 15 s is waited for; a pod's restart takes less. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 6, firstDelayMs: 500, maxDelayMs: 10_000, budgetMs: 180_000 }

/** The wait before attempt `attempt` (2, 3 …): half of it fixed, half by chance, so that clients that failed together do not come back together. */
export function retryDelay({ firstDelayMs, maxDelayMs }: RetryPolicy, attempt: number, random: number): number {
  const full = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 2))
  return full / 2 + (full / 2) * random
}

/** What {@link retry} is told. */
export interface RetryOptions {
  readonly policy: RetryPolicy
  readonly retryable: (error: unknown) => boolean
  readonly signal?: AbortSignal | undefined
}

/** Does `work` until it succeeds, fails for good, or was tried often enough; throws its last error. `attempt` counts from 1. */
export async function retry<Value>(work: (attempt: number) => Promise<Value>, { policy, retryable, signal }: RetryOptions): Promise<Value> {
  const started = performance.now()
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      signal?.throwIfAborted()
      const spent = performance.now() - started
      if (attempt >= policy.attempts || spent > policy.budgetMs || !retryable(error)) {
        throw error
      }
    }
    await sleep(retryDelay(policy, attempt + 1, Math.random()), undefined, signal === undefined ? {} : { signal })
  }
}

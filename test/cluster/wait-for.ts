import { setTimeout as sleep } from 'node:timers/promises'
import { ClusterError, messageOf } from './errors.ts'

/** How long and how often `waitFor` looks. */
export interface WaitOptions {
  /** What is waited for, as the end of the sentence "… did not happen within N s". */
  readonly what: string
  /** Milliseconds until `Timeout` is thrown. */
  readonly timeoutMs: number
  /** Milliseconds between two looks; default 100. */
  readonly intervalMs?: number
  readonly signal?: AbortSignal
}

/**
 * Looks until `probe` gives something that is neither `undefined` nor `false`, and returns that. A probe that throws counts as
 * "not yet", except for a `ClusterError` with the code `ComponentFailed`: what has died does not become ready.
 * @throws ClusterError `Timeout` with the last error of the probe as its cause
 */
export async function waitFor<T>(probe: () => Promise<T | undefined | false> | T | undefined | false, options: WaitOptions): Promise<T> {
  const { what, timeoutMs, intervalMs = 100, signal } = options
  const deadline = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'ComponentFailed') throw error
      last = error
    }
    if (performance.now() >= deadline) {
      const detail = last === undefined ? '' : ` (last answer: ${messageOf(last)})`
      throw new ClusterError('Timeout', `${what} did not happen within ${Math.round(timeoutMs / 1000)} s${detail}`, { cause: last })
    }
    await sleep(intervalMs, undefined, signal === undefined ? {} : { signal })
  }
}

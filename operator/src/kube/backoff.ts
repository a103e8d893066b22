/** Numbers of an exponential backoff. */
export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
  readonly factor: number
  /** A delay is drawn from [d, d × (1 + jitter)), so that clients that failed together do not come back together. */
  readonly jitter: number
  /** After so many milliseconds without a failure the next one starts at `initialMs` again. */
  readonly resetAfterMs: number
}

/**
 * The numbers of client-go's reflector (`tools/cache/reflector.go`, `NewReflectorWithOptions`): at its end it tries every 30 to 60 s, 0.022 times a
 * second, whatever happens.
 */
export const reflectorBackoff: BackoffOptions = { initialMs: 800, maxMs: 30_000, factor: 2, jitter: 1, resetAfterMs: 120_000 }

/** Where a backoff stands; plain data. */
export interface BackoffState {
  /** Failures in a row. */
  readonly failures: number
  /** Monotonic milliseconds at which the last wait ends. */
  readonly waitedUntil: number
}

/** A backoff that has not failed yet. */
export const freshBackoff: BackoffState = { failures: 0, waitedUntil: Number.NEGATIVE_INFINITY }

/** What one failure leads to. */
export interface BackoffStep {
  readonly delayMs: number
  readonly state: BackoffState
}

/**
 * One more failure.
 *
 * @param monotonic - now, in milliseconds
 * @param random - in [0, 1)
 * @param atLeastMs - what the server asked for; the delay is never shorter
 */
export function backOff(options: BackoffOptions, state: BackoffState, monotonic: number, random: number, atLeastMs = 0): BackoffStep {
  const failures = monotonic - state.waitedUntil >= options.resetAfterMs ? 0 : state.failures
  const base = Math.min(options.maxMs, options.initialMs * options.factor ** failures)
  const delayMs = Math.max(atLeastMs, base * (1 + options.jitter * random))
  return { delayMs, state: { failures: failures + 1, waitedUntil: monotonic + delayMs } }
}

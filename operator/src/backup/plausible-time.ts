/** How far the clock of a node may be ahead of ours, in milliseconds; a time that is later comes from a clock that has jumped. */
const skewMs = 600_000

/** Whether something can have been at a time, as far as our clock tells. */
export function isPlausible(time: string | undefined, now: number): time is string {
  return time !== undefined && Date.parse(time) <= now + skewMs
}

/**
 * The newest of some times that can have been. What a clock wrote that had jumped ahead would otherwise be the newest for as long as that clock was ahead,
 * and nothing would be overdue meanwhile.
 *
 * @param before - what was told so far; it stays while there is nothing better, for it may be our own clock that is wrong
 */
export function newestPlausible(before: string | undefined, times: readonly (string | undefined)[], now: number): string | undefined {
  const possible = [before, ...times].filter((time) => isPlausible(time, now))
  return possible.toSorted().at(-1) ?? before
}

import { Cron } from 'croner'
import type { ReleaseWindow } from './types.ts'

/** Whether a release may begin now, and when it may next. */
export interface WindowState {
  readonly open: boolean
  /** When the next window opens; milliseconds since the epoch. Undefined when none ever does. */
  readonly nextStart: number | undefined
}

/** What a schedule is wrong with. */
export interface InvalidWindow {
  readonly invalid: string
}

/** More than any change of the clocks. */
const clockChangeMs = 3 * 3_600_000

/**
 * Looks at the windows. A window lasts its seconds as time goes by, so one that a change of the clocks falls into is neither longer nor shorter; one
 * whose beginning is skipped opens as much later as the clocks jump, one whose beginning comes twice opens at the first.
 *
 * The schedule is read as if clocks never changed, and each time on the wall is turned into an instant here: croner's own zones lose a beginning, or
 * name one that is past, when they are asked from within such an hour (a test shows both).
 */
export function readWindows(windows: readonly ReleaseWindow[], now: number): WindowState | InvalidWindow {
  let open = false
  let nextStart: number | undefined
  for (const window of windows) {
    const { schedule, durationSeconds, timeZone = 'UTC' } = window
    try {
      open ||= findStart(window, now - durationSeconds * 1000, now) !== undefined
      const next = findStart(window, now, Number.MAX_SAFE_INTEGER)
      if (next !== undefined && (nextStart === undefined || next < nextStart)) nextStart = next
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { invalid: `spec.release.windows: schedule "${schedule}" in time zone ${timeZone} cannot be read: ${why}` }
    }
  }
  return { open, nextStart }
}

/** The first beginning after `from`, and not after `to`. */
function findStart({ schedule, timeZone = 'UTC' }: ReleaseWindow, from: number, to: number): number | undefined {
  const cron = new Cron(schedule, { timezone: 'UTC', mode: '5-part', paused: true })
  const zone = zoneOf(timeZone)
  let found: number | undefined
  let wall = from + offsetAt(zone, from) - clockChangeMs
  for (;;) {
    const next = cron.nextRun(new Date(wall))?.getTime()
    // Around a change of the clocks a later time on the wall may be the earlier instant.
    if (next === undefined || (found !== undefined && next > found + offsetAt(zone, found) + clockChangeMs)) return found
    const instant = toInstant(zone, next)
    if (instant > to + clockChangeMs) return found
    if (instant > from && instant <= to && (found === undefined || instant < found)) found = instant
    wall = next
  }
}

/** The first instant at which the clocks of a zone show a time; where they skip it, the time by the clocks before. */
function toInstant(zone: Intl.DateTimeFormat, wall: number): number {
  const before = offsetAt(zone, wall - 24 * 3_600_000)
  const after = offsetAt(zone, wall + 24 * 3_600_000)
  const first = Math.min(wall - before, wall - after)
  if (first + offsetAt(zone, first) === wall) return first
  return wall - before
}

function zoneOf(timeZone: string): Intl.DateTimeFormat {
  const digits = '2-digit'
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: digits,
    day: digits,
    hour: digits,
    minute: digits,
    second: digits,
  })
}

/** How far the clocks of a zone are ahead of UTC at an instant, in milliseconds. */
function offsetAt(zone: Intl.DateTimeFormat, instant: number): number {
  const parts = Object.fromEntries(zone.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000
}

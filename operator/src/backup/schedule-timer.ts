import { readWindows } from '../instance/release/windows.ts'

/** A schedule of backups, verifications or masked copies. */
export interface Timer {
  /** The first time of the schedule after an instant; undefined when none comes. */
  readonly after: (instant: number) => number | undefined
  /** What is wrong with it. */
  readonly invalid: (now: number) => string | undefined
}

/** Reads a schedule of five cron fields in its time zone. */
export function scheduleTimer(schedule: string, timeZone = 'Etc/UTC'): Timer {
  const read = (instant: number) => readWindows([{ schedule, durationSeconds: 60, timeZone }], instant)
  return {
    after: (instant) => {
      const state = read(instant)
      return 'invalid' in state ? undefined : state.nextStart
    },
    invalid: (now) => {
      const state = read(now)
      return 'invalid' in state ? state.invalid.replace('spec.release.windows', 'spec.backup') : undefined
    },
  }
}

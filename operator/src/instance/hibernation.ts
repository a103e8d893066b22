import type { InstanceSpec } from '../api/notejam.ts'
import { readWindows } from './release/windows.ts'

/** Whether an instance is to sleep now. */
export interface Hibernation {
  /** Why it sleeps; undefined while it is awake. */
  readonly reason: string | undefined
  /** When that may change by itself; milliseconds since the epoch. */
  readonly nextChange: number | undefined
  /** What is wrong with the schedule. */
  readonly invalid: string | undefined
}

/**
 * Works out whether an instance sleeps: by hand, because its time is over, or by its schedule. Between two instants of the schedule it is what the one
 * before made it, which is told by the one that comes next, so that nothing needs to be remembered.
 *
 * @param now - wall clock, milliseconds since the epoch
 */
export function readHibernation({ runPolicy, hibernation, expiration }: InstanceSpec, now: number): Hibernation {
  const awake: Hibernation = { reason: undefined, nextChange: undefined, invalid: undefined }
  if (runPolicy === 'Hibernated') return { ...awake, reason: 'spec.runPolicy is Hibernated' }
  const end = expiration === undefined ? undefined : Date.parse(expiration.time)
  if (end !== undefined && end <= now && expiration?.action === 'Hibernate') {
    return { ...awake, reason: `spec.expiration.time ${expiration.time} has passed` }
  }
  const scheduled = hibernation === undefined ? awake : bySchedule(hibernation, now)
  if (end === undefined || end <= now) return scheduled
  return { ...scheduled, nextChange: Math.min(end, scheduled.nextChange ?? end) }
}

function bySchedule({ start, end, timeZone = 'UTC' }: NonNullable<InstanceSpec['hibernation']>, now: number): Hibernation {
  const next = (schedule: string) => readWindows([{ schedule, durationSeconds: 60, timeZone }], now)
  const sleeps = next(start)
  const wakes = next(end)
  const invalid = 'invalid' in sleeps ? sleeps.invalid : 'invalid' in wakes ? wakes.invalid : undefined
  if ('invalid' in sleeps || 'invalid' in wakes) {
    return { reason: undefined, nextChange: undefined, invalid: invalid?.replace('spec.release.windows', 'spec.hibernation') }
  }
  const sleepAt = sleeps.nextStart ?? Number.POSITIVE_INFINITY
  const wakeAt = wakes.nextStart ?? Number.POSITIVE_INFINITY
  const first = Math.min(sleepAt, wakeAt)
  const nextChange = Number.isFinite(first) ? first : undefined
  if (wakeAt >= sleepAt) return { reason: undefined, nextChange, invalid: undefined }
  return { reason: `spec.hibernation lets it sleep until ${new Date(wakeAt).toISOString()}`, nextChange, invalid: undefined }
}

/** Whether the instance is to be deleted, because its time is over. */
export function isOver({ expiration }: InstanceSpec, now: number): boolean {
  return expiration?.action === 'Delete' && Date.parse(expiration.time) <= now
}

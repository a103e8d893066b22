import type { BackupReason } from './manifest.ts'
import { dayBefore, dayOf, monthOf, weekOf, type Day, type Period } from './period.ts'

/** How long archives are kept. */
export interface RetentionPolicy {
  /** The last good archive of each day. */
  readonly daily: Period
  /** The last good archive of each week (Monday to Sunday). */
  readonly weekly?: Period | undefined
  /** The last good archive of each month. */
  readonly monthly?: Period | undefined
  /** Archives that were taken before a migration or a restore, or on demand. */
  readonly beforeMigration: Period
}

/** An archive with a manifest, as far as retention is concerned. */
export interface RetainedArchive {
  readonly backupId: string
  /** When it began, by the clock of whoever took it. */
  readonly startTime: Date
  /** When its manifest was written, by the clock of the store. */
  readonly storedTime: Date
  /** Undefined when the manifest cannot be read: then nothing is known but its times. */
  readonly reason: BackupReason | undefined
  readonly held: boolean
  readonly verification: 'Verified' | 'Failed' | undefined
}

/** A folder without a manifest. */
export interface IncompleteArchive {
  readonly backupId: string
  readonly lastModified: Date
}

/** What {@link planRetention} decides by. It must come from a complete listing. */
export interface RetentionInput {
  readonly policy: RetentionPolicy
  readonly archives: readonly RetainedArchive[]
  readonly incomplete: readonly IncompleteArchive[]
  /** By the clock of whoever prunes. */
  readonly now: Date
}

/** Why an archive is kept. */
export type KeepReason =
  | 'Daily'
  | 'Weekly'
  | 'Monthly'
  | 'BeforeMigration'
  | 'LastBeforeMigration'
  | 'Held'
  | 'NewestVerified'
  | 'Newest'
  | 'NewestGood'
  | 'Recent'
  | 'Unreadable'
  | 'Withheld'

/** What is kept and why, and what may go. */
export interface RetentionPlan {
  readonly keep: ReadonlyMap<string, readonly KeepReason[]>
  /** Oldest first. */
  readonly remove: readonly string[]
  readonly removeIncomplete: readonly string[]
  /** Why nothing is removed, although something might be. */
  readonly withheld: string | undefined
  /** What ages are counted from: never later than any clock that is known of. */
  readonly reference: Date
}

const dayMs = 86_400_000
/** Nothing is removed when no backup arrived for so long, nor is anything younger. */
const freshMs = 2 * dayMs
/** A run and two clocks may be apart by so much before they are said to disagree. */
const clockToleranceMs = 2 * dayMs
/** On so many days an archive must have arrived before a time is believed. */
const believedAfterDays = 3
const keptBeforeMigration = 3

/** Archives that were taken for an occasion; the others, by schedule, are what a day is remembered by. */
const occasional: ReadonlySet<BackupReason | undefined> = new Set<BackupReason>(['PreMigration', 'PreRestore'])
const keptForOccasion: ReadonlySet<BackupReason | undefined> = new Set<BackupReason>(['PreMigration', 'PreRestore', 'OnDemand'])

/**
 * Decides which archives may go: *keep* = tiers ∪ holds ∪ the newest verified ∪ the newest; and nothing at all goes unless fresh backups arrive.
 * Calendar arithmetic in days of UTC. Where clocks disagree, the answer that removes less counts.
 */
export function planRetention(input: RetentionInput): RetentionPlan {
  const { archives, incomplete, now } = input
  const reference = referenceTime(input)
  const keep = keepReasons(input, reference)
  const old = archives.filter(({ backupId }) => !keep.has(backupId)).toSorted((a, b) => byStart(b, a))
  const withheld = staleness(archives.filter(isGood), now)
  if (withheld !== undefined) {
    for (const { backupId } of old) keep.set(backupId, ['Withheld'])
    return { keep, remove: [], removeIncomplete: [], withheld, reference }
  }
  const cutOff = incomplete.filter(({ lastModified }) => reference.getTime() - lastModified.getTime() > freshMs)
  return {
    keep,
    remove: old.map(({ backupId }) => backupId),
    removeIncomplete: cutOff.map(({ backupId }) => backupId).toSorted(),
    withheld,
    reference,
  }
}

function keepReasons({ archives, policy }: RetentionInput, reference: Date): Map<string, KeepReason[]> {
  const within = (period: Period) => {
    const firstDay = dayBefore(dayOf(reference), period)
    return (archive: RetainedArchive) => dayOf(ageTime(archive)) >= firstDay
  }
  const isRecent = (archive: RetainedArchive) => reference.getTime() - ageTime(archive).getTime() < freshMs
  const orders = [archives.toSorted(byStart), archives.toSorted(byStored)] as const
  const readable = orders[0].filter(({ reason }) => reason !== undefined)
  const tier = (period: Period | undefined, span: (day: Day) => number) =>
    period === undefined ? [] : best(readable, span).filter(within(period))
  const periods = Object.values(policy).filter((period) => period !== undefined)
  const kept: (readonly [KeepReason, readonly RetainedArchive[]])[] = [
    ['Daily', tier(policy.daily, (day) => day)],
    ['Weekly', tier(policy.weekly, weekOf)],
    ['Monthly', tier(policy.monthly, monthOf)],
    ['BeforeMigration', readable.filter(({ reason }) => keptForOccasion.has(reason)).filter(within(policy.beforeMigration))],
    ['Held', archives.filter(({ held }) => held)],
    ['Recent', archives.filter(isRecent)],
    // What cannot be read may be of a newer version, and the best of its day.
    ['Unreadable', archives.filter((archive) => archive.reason === undefined && periods.some((period) => within(period)(archive)))],
  ]
  // By either clock: where they disagree, nobody knows which archive is the newest.
  for (const newestFirst of orders) {
    const good = newestFirst.filter(isGood)
    kept.push(
      ['LastBeforeMigration', good.filter(({ reason }) => reason === 'PreMigration').slice(0, keptBeforeMigration)],
      ['NewestVerified', good.filter(({ verification }) => verification === 'Verified').slice(0, 1)],
      ['NewestGood', good.slice(0, 1)],
      ['Newest', newestFirst.slice(0, 1)],
    )
  }
  const reasons = new Map<string, KeepReason[]>()
  for (const [reason, some] of kept) {
    for (const { backupId } of some) {
      const known = reasons.get(backupId) ?? []
      reasons.set(backupId, known.includes(reason) ? known : [...known, reason])
    }
  }
  return reasons
}

/** Whether nothing speaks against an archive. One that was never tried is good until it is. */
function isGood({ reason, verification }: RetainedArchive): boolean {
  return reason !== undefined && verification !== 'Failed'
}

/** Whether the two clocks that know of an archive agree. They do not after a clock jumped, nor in a bucket that was copied. */
function clocksAgree({ startTime, storedTime }: RetainedArchive): boolean {
  return Math.abs(startTime.getTime() - storedTime.getTime()) < clockToleranceMs
}

/** What an archive's age is counted from: when it began, or when the store got it, where that is another time. */
function ageTime(archive: RetainedArchive): Date {
  return clocksAgree(archive) ? archive.startTime : archive.storedTime
}

/** Newest first; names tell two of the same second apart. */
function byStart(a: RetainedArchive, b: RetainedArchive): number {
  return b.startTime.getTime() - a.startTime.getTime() || (a.backupId < b.backupId ? 1 : -1)
}

function byStored(a: RetainedArchive, b: RetainedArchive): number {
  return b.storedTime.getTime() - a.storedTime.getTime() || byStart(a, b)
}

/**
 * What ages are counted from. A clock that is ahead must not make everything old at once, so it is never later than the third newest day that has an
 * archive: a wrong clock has to be wrong for three backups, and the store's with it, before it is believed. With daily backups archives stay two days
 * longer for it.
 */
function referenceTime({ archives, now }: RetentionInput): Date {
  const newestOfDay = new Map<Day, number>()
  for (const time of archives.map((archive) => ageTime(archive)).toSorted((a, b) => a.getTime() - b.getTime())) {
    newestOfDay.set(dayOf(time), time.getTime())
  }
  const times = [...newestOfDay.values()].toSorted((a, b) => b - a)
  const believed = times[believedAfterDays - 1] ?? times.at(-1) ?? now.getTime()
  return new Date(Math.min(now.getTime(), believed))
}

/**
 * One archive of each day, week or month: a good one before one that failed its trial, a scheduled one before one for an occasion, then the last.
 * Archives whose clocks disagree are compared only with those that the store got on the same day.
 */
function best(newestFirst: readonly RetainedArchive[], span: (day: Day) => number): readonly RetainedArchive[] {
  const found = new Map<string, RetainedArchive>()
  for (const archive of newestFirst) {
    const key = `${span(dayOf(archive.startTime))}${clocksAgree(archive) ? '' : `, stored ${dayOf(archive.storedTime)}`}`
    const other = found.get(key)
    if (other === undefined || rank(archive) > rank(other)) {
      found.set(key, archive)
    }
  }
  return [...found.values()]
}

function rank({ verification, reason }: RetainedArchive): number {
  return (verification === 'Failed' ? 0 : 2) + (occasional.has(reason) ? 0 : 1)
}

/** Why the archives are too old for anything to go; undefined when they are fresh. */
function staleness(good: readonly RetainedArchive[], now: Date): string | undefined {
  const newest = good.toSorted(byStored)[0]
  if (newest === undefined) {
    return 'nothing is removed: there is no good archive'
  }
  const fresh = good.some((archive) => Math.abs(now.getTime() - ageTime(archive).getTime()) < freshMs)
  return fresh
    ? undefined
    : `nothing is removed: the newest good archive is of ${ageTime(newest).toISOString()}, and it is ${now.toISOString()} now`
}

import type { InstanceBackupStatus, InstanceSpec, NotejamBackup } from '../api/notejam.ts'
import { condition } from '../api/reasons.ts'
import { findCondition, metaTime, type ConditionState } from '../runtime/conditions.ts'
import { findFailedVerification } from './failed-verification.ts'
import { readBackupReport, toSeconds, type BackupReport } from './report.ts'
import { isPlausible, newestPlausible } from './plausible-time.ts'
import { copyStatuses, maskedCopiesCurrent } from './masked-copies-current.ts'
import { backupSchedule } from './resources/backup-cron-jobs.ts'
import type { RunState } from './run-state.ts'
import { scheduleTimer, type Timer } from './schedule-timer.ts'

/** A run of a CronJob that is over. */
export interface PastRun {
  readonly kind: 'backup' | 'verify' | 'mask'
  readonly finishedAt: string
  /** The archive that a trial restored, or tried to, by its name in the store; undefined where that is not known. */
  readonly backupID?: string | undefined
  /** Name of the masked copy that it made. */
  readonly copy?: string | undefined
  readonly run: RunState
  /** What came of letting old archives go. */
  readonly prune: RunState
}

/** Everything that is known about the backups of an instance. */
export interface BackupEvidence {
  readonly spec: InstanceSpec
  readonly uid: string
  readonly generation: number
  /** What the status says so far: Jobs are collected, and what they said is kept here. */
  readonly before: InstanceBackupStatus | undefined
  readonly runs: readonly PastRun[]
  /** NotejamBackups of the instance. */
  readonly backups: readonly NotejamBackup[]
  /** Why no run begins by schedule; undefined where runs begin. */
  readonly suspended: string | undefined
  /** Since when there is something to back up; undefined before. */
  readonly since: string | undefined
  /** Whether archives can be read here; undefined while no store is known. */
  readonly readable: boolean | undefined
  /** Why a masked copy cannot be made as it is declared, by its name. */
  readonly unfitCopies: ReadonlyMap<string, string>
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** What the status of an instance says about its backups. */
export interface BackupSummary {
  readonly status: InstanceBackupStatus | undefined
  readonly conditions: readonly ConditionState[]
  /** What is wrong with a schedule. */
  readonly invalid: string | undefined
  /** When something becomes overdue, or the schedule comes round; milliseconds since the epoch. */
  readonly wakeAt: number | undefined
}

/** Seconds after a time of the schedule at which a run may be late, beside what the run itself may take (an hour of it counts). */
const latenessSeconds = 900
const longestCountedRunSeconds = 3600

/** Sums up the backups of an instance. Pure; equal evidence gives an equal summary. */
export function summariseBackups(evidence: BackupEvidence): BackupSummary {
  const { spec, uid, now, suspended, generation } = evidence
  const { backup } = spec
  if (backup === undefined) {
    const message = 'spec.backup is not set, so the operator backs nothing up'
    const none = spec.environment === 'Production' ? [condition('BackupCurrent', 'False', 'NoStore', message, generation)] : []
    return { status: undefined, conditions: none, invalid: undefined, wakeAt: undefined }
  }
  const timer = scheduleTimer(backupSchedule(spec, uid), backup.timeZone)
  const invalid = timer.invalid(now)
  const next = suspended === undefined && invalid === undefined ? timer.after(now) : undefined
  const status = { ...collect(evidence), ...(next === undefined ? {} : { nextRunTime: metaTime(next) }) }
  const current = backupCurrent(evidence, status, timer)
  const verified = restoreVerified(evidence, status)
  const masked = maskedCopiesCurrent(evidence, status.maskedCopies ?? [])
  const instants = [next, current.due, verified.due, masked?.due].filter((instant) => instant !== undefined && instant > now)
  return {
    status,
    conditions: [current.state, ...secondCopyCurrent(evidence, status), verified.state, ...(masked === undefined ? [] : [masked.state])],
    invalid,
    wakeAt: instants.length === 0 ? undefined : Math.min(...instants.map((instant) => (instant ?? 0) + 1000)),
  }
}

/** A good backup, from whatever run. */
interface GoodBackup {
  readonly time: string
  readonly id: string | undefined
  readonly copies: NonNullable<BackupReport['copies']>
}

function collect({ before = {}, runs: seen, backups, spec, now }: BackupEvidence): InstanceBackupStatus {
  const { nextRunTime: _next, maskedCopies: copiedBefore, failedVerification: _failed, ...rest } = before
  const runs = seen.filter(({ finishedAt }) => isPlausible(finishedAt, now))
  const maskedCopies = copyStatuses(spec, runs, copiedBefore)
  const scheduled = runs.filter(({ kind }) => kind === 'backup').toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt))
  const good = [...scheduled.flatMap(goodOfRun), ...backups.flatMap(goodOfBackup)]
    .filter(({ time }) => isPlausible(time, now))
    .toSorted((a, b) => a.time.localeCompare(b.time))
  const newest = good.at(-1)
  const second = spec.backup?.secondStoreRef?.name
  const copied = good.findLast(({ copies }) => copies.some(({ store, state }) => store === second && state === 'Stored'))
  const trials = runs.filter(({ kind }) => kind === 'verify').toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt))
  const verified = trials.filter(({ run }) => run.type === 'Succeeded').map(({ finishedAt }) => finishedAt)
  const failedVerification = findFailedVerification(before, trials)
  const stored = scheduled.flatMap(({ prune }) => (prune.type === 'Succeeded' ? (readPrune(prune.report) ?? []) : [])).at(-1)
  const lastSuccessful = newestPlausible(before.lastSuccessful, [newest?.time], now)
  const id = newest?.time === lastSuccessful ? newest?.id : before.lastBackupID
  return {
    ...rest,
    ...given('lastSuccessful', lastSuccessful),
    ...given('lastBackupID', id),
    ...given('lastSecondCopy', newestPlausible(before.lastSecondCopy, [copied?.time], now)),
    ...given('lastVerified', newestPlausible(before.lastVerified, verified, now)),
    ...(failedVerification === undefined ? {} : { failedVerification }),
    ...given('lastRunTime', newestPlausible(before.lastRunTime, [scheduled.at(-1)?.finishedAt], now)),
    consecutiveFailures: countFailures(before, scheduled, {
      lastSuccessful: isPlausible(lastSuccessful, now) ? lastSuccessful : undefined,
      now,
    }),
    ...stored,
    ...(maskedCopies.length === 0 ? {} : { maskedCopies: [...maskedCopies] }),
  }
}

function given<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>)
}

function goodOfRun({ run, finishedAt }: PastRun): readonly GoodBackup[] {
  if (run.type !== 'Succeeded') return []
  const { backupID, copies = [], completionTime = finishedAt, outcome } = readBackupReport(run.report ?? {})
  // The command goes by the clock of its node; it was complete when its Job was over.
  const time = [toSeconds(completionTime), toSeconds(finishedAt)].toSorted()[0] ?? finishedAt
  return outcome === 'NothingToBackUp' ? [] : [{ time, id: backupID, copies }]
}

function goodOfBackup({ status }: NotejamBackup): readonly GoodBackup[] {
  if (findCondition(status?.conditions, 'Succeeded')?.reason !== 'Completed' || status?.completionTime === undefined) return []
  return [{ time: toSeconds(status.completionTime), id: status.backupID, copies: [...(status.copies ?? [])] }]
}

/** What `prune` counted: the store says so, not the intention. */
function readPrune(
  report: Readonly<Record<string, unknown>> | undefined,
): Pick<InstanceBackupStatus, 'storedCount' | 'oldest'> | undefined {
  const { storedCount, kept = storedCount, oldest } = report ?? {}
  if (typeof kept !== 'number') return undefined
  return { storedCount: kept, ...(typeof oldest === 'string' && !Number.isNaN(Date.parse(oldest)) ? { oldest: toSeconds(oldest) } : {}) }
}

/** Each run is counted once: those up to `lastRunTime` were counted before. A success by hand counts as well as one by schedule. */
function countFailures(
  before: InstanceBackupStatus,
  runs: readonly PastRun[],
  { lastSuccessful, now }: { readonly lastSuccessful: string | undefined; readonly now: number },
): number {
  const { lastRunTime } = before
  const fresh = runs.filter(({ finishedAt }) => !isPlausible(lastRunTime, now) || finishedAt > lastRunTime)
  const count = fresh.reduce((failures, { run }) => (run.type === 'Failed' ? failures + 1 : 0), before.consecutiveFailures ?? 0)
  const last = runs.at(-1)
  return last !== undefined && lastSuccessful !== undefined && lastSuccessful > last.finishedAt ? 0 : count
}

/** A condition, and when it may change. */
export interface Judged {
  readonly state: ConditionState
  /** When it may change by itself; milliseconds since the epoch. */
  readonly due: number | undefined
}

function backupCurrent(
  { spec, runs, suspended, since, now, generation }: BackupEvidence,
  status: InstanceBackupStatus,
  timer: Timer,
): Judged {
  const say = (
    value: ConditionState['status'],
    reason: Parameters<typeof condition<'BackupCurrent'>>[2],
    message: string,
    due?: number,
  ) => ({
    state: condition('BackupCurrent', value, reason, message, generation),
    due,
  })
  if (suspended !== undefined) return say('True', 'NotRequired', suspended)
  const { lastSuccessful, consecutiveFailures = 0 } = status
  const from = isPlausible(lastSuccessful, now) ? lastSuccessful : since
  const deadline = Math.min(spec.backup?.deadlineSeconds ?? longestCountedRunSeconds, longestCountedRunSeconds)
  const next = from === undefined ? undefined : timer.after(Date.parse(from))
  const due = next === undefined ? undefined : next + (deadline + latenessSeconds) * 1000
  const last = lastSuccessful === undefined ? 'There is no good backup yet' : `The newest good backup is of ${lastSuccessful}`
  if (due !== undefined && now > due)
    return say('False', 'Overdue', `${last}, and one was due at ${metaTime(next ?? due)}${failureOf(runs)}`)
  if (consecutiveFailures > 0) {
    const times = consecutiveFailures === 1 ? 'The last run failed' : `The last ${consecutiveFailures} runs failed`
    return say('False', 'LastRunFailed', `${times}${failureOf(runs)}. ${last}`, due)
  }
  if (lastSuccessful === undefined) return say('Unknown', 'AwaitingFirst', 'No backup was due yet', due)
  return say('True', 'Recent', last, due)
}

function failureOf(runs: readonly PastRun[]): string {
  const failed = runs
    .filter(({ kind, run }) => kind === 'backup' && run.type === 'Failed')
    .toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt))
  const run = failed.at(-1)?.run
  return run?.type === 'Failed' ? `: ${run.message}` : ''
}

function secondCopyCurrent(
  { spec, generation }: BackupEvidence,
  { lastSuccessful, lastSecondCopy }: InstanceBackupStatus,
): readonly ConditionState[] {
  const name = spec.backup?.secondStoreRef?.name
  if (name === undefined) return []
  if (lastSuccessful === undefined)
    return [condition('SecondCopyCurrent', 'Unknown', 'AwaitingFirst', 'No backup was taken yet', generation)]
  if (lastSecondCopy !== undefined && lastSecondCopy >= lastSuccessful) {
    return [condition('SecondCopyCurrent', 'True', 'Copied', `NotejamBackupStore ${name} has the backup of ${lastSecondCopy}`, generation)]
  }
  const newest = lastSecondCopy === undefined ? 'it has none' : `its newest is of ${lastSecondCopy}`
  const message = `NotejamBackupStore ${name} did not get the backup of ${lastSuccessful}; ${newest}`
  return [condition('SecondCopyCurrent', 'False', 'CopyFailed', message, generation)]
}

function restoreVerified({ spec, since, readable, suspended, now, generation }: BackupEvidence, status: InstanceBackupStatus): Judged {
  const say = (
    value: ConditionState['status'],
    reason: Parameters<typeof condition<'RestoreVerified'>>[2],
    message: string,
    due?: number,
  ) => ({
    state: condition('RestoreVerified', value, reason, message, generation),
    due,
  })
  const { verification, timeZone, deadlineSeconds = longestCountedRunSeconds } = spec.backup ?? {}
  const { lastVerified, failedVerification } = status
  // A trial that somebody asked for counts wherever it was asked for.
  if (verification === undefined && lastVerified === undefined && failedVerification === undefined) {
    return say('Unknown', 'NeverVerified', 'spec.backup.verification is not set, so no backup is restored on trial')
  }
  if (readable === false) return say('False', 'NoIdentity', 'The store has no encryption.identitySecretRef, so no archive can be read here')
  if (failedVerification !== undefined) return say('False', 'VerificationFailed', failedVerification.message)
  const timer = scheduleTimer(verification?.schedule ?? '0 4 * * 0', timeZone)
  const from = isPlausible(lastVerified, now) ? lastVerified : since
  const next = from === undefined || verification === undefined || suspended !== undefined ? undefined : timer.after(Date.parse(from))
  const due = next === undefined ? undefined : next + (deadlineSeconds + latenessSeconds) * 1000
  const done = lastVerified === undefined ? 'No archive was restored on trial yet' : `An archive was restored on trial at ${lastVerified}`
  if (due !== undefined && now > due) return say('False', 'VerificationOverdue', `${done}, and it was due at ${metaTime(next ?? due)}`)
  if (lastVerified === undefined) return say('Unknown', 'NeverVerified', `${done}, and it was not due yet`, due)
  return say('True', 'Verified', `${done}, and all of it was there`, due)
}

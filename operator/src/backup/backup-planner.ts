import type { BackupStatus, NotejamBackup } from '../api/notejam.ts'
import { condition, type ReasonOf } from '../api/reasons.ts'
import { findCondition, metaTime, setCondition } from '../runtime/conditions.ts'
import { instanceGraceMs, lostAfterMs, patienceOf } from './patience.ts'
import { isPlausible } from './plausible-time.ts'
import { readBackupReport } from './report.ts'
import type { RunState } from './run-state.ts'

/** Everything that the next step of a NotejamBackup depends on. */
export interface BackupObservation {
  readonly backup: NotejamBackup
  /** Whether its instance is there, and not being deleted. */
  readonly hasInstance: boolean
  readonly run: RunState
  /** The trial restore of its archive, where there was one. */
  readonly verified?: BackupStatus['verified']
  /** What it waits for before its Job is made; undefined when it need not. */
  readonly waitsFor: string | undefined
  /** Whether it waits for something that is missing, and not for a turn that comes by itself, or for a person who lets the instance sleep. */
  readonly lacks?: boolean
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** The next step of a NotejamBackup. */
export interface BackupPlan {
  readonly status: BackupStatus
  /** `Delete` ends a Job whose end nobody waits for any more. */
  readonly job: 'Leave' | 'Create' | 'Delete'
  /** When to look again, where no watch tells; milliseconds since the epoch. */
  readonly wakeAt: number | undefined
}

/** Whether a run has come to its end, good or bad: nothing changes it then. */
export function hasEnded(status: { readonly conditions?: BackupStatus['conditions'] } | undefined): boolean {
  const state = findCondition(status?.conditions, 'Succeeded')?.status
  return state === 'True' || state === 'False'
}

/**
 * Finds the next step of a NotejamBackup. Pure: the same observation gives the same step. Its Job may be made again as long as its end was not seen,
 * because the archive bears the backup's UID: a run that finds it complete says so instead of taking another.
 */
export function planBackup(observation: BackupObservation): BackupPlan {
  const { backup, run, waitsFor, now, hasInstance } = observation
  const status = backup.status ?? {}
  const kept = { ...status, observedGeneration: backup.metadata.generation ?? 0 }
  if (hasEnded(status)) {
    const { verified } = observation
    // All of it is written down, and its pod would keep the volume of an instance that is gone.
    const job = !hasInstance && run.type !== 'Absent' ? 'Delete' : 'Leave'
    return { status: verified === undefined ? kept : { ...kept, verified }, job, wakeAt: undefined }
  }
  const { instanceRef, deadlineSeconds = 3600 } = backup.spec
  if (!hasInstance) return withoutInstance(observation)
  const started = status.startTime === undefined ? now : Date.parse(status.startTime)
  const lostAt = started + deadlineSeconds * 1000 + lostAfterMs
  switch (run.type) {
    case 'Absent':
      if (status.startTime !== undefined && now > lostAt)
        return end(observation, 'False', 'RunnerLost', 'The Job disappeared before its end was seen')
      if (status.startTime === undefined && waitsFor !== undefined) return pending(observation, waitsFor)
      return { ...begin(observation), job: 'Create', wakeAt: lostAt }
    case 'Active': {
      if (now > lostAt) {
        const message = `The run was not over a minute after its deadline of ${deadlineSeconds} s, so its node is taken for lost`
        return { ...end(observation, 'False', 'RunnerLost', message), job: 'Delete' }
      }
      const plan = begin(observation)
      const message = run.problem ?? `The data of ${instanceRef.name} is being backed up`
      return { ...plan, status: setState(observation, plan.status, 'Unknown', 'Running', message), wakeAt: lostAt + 1000 }
    }
    case 'Failed':
      return end(observation, 'False', run.reason, run.message, run.finishedAt)
    case 'Succeeded':
      return succeeded(observation, run, lostAt)
  }
}

function succeeded(observation: BackupObservation, run: Extract<RunState, { type: 'Succeeded' }>, lostAt: number): BackupPlan {
  const { backup, now } = observation
  if (run.report === undefined) {
    // The pod was collected before it was read: another run finds the archive by the UID, and says the same.
    if (now > lostAt) return end(observation, 'False', 'RunnerLost', 'The report of the run was gone before it was read')
    return { ...begin(observation), job: 'Delete', wakeAt: now + 1000 }
  }
  const report = readBackupReport(run.report)
  if (report.outcome === 'NothingToBackUp') return end(observation, 'True', 'NothingToBackUp', 'The database is empty', run.finishedAt)
  const isOurs = report.uid === backup.metadata.uid && report.backupID !== undefined
  if (!isOurs) return end(observation, 'False', 'Failed', 'The run left no report of an archive that bears the UID of this backup')
  const { outcome: _outcome, uid: _uid, ...facts } = report
  const failed = (report.copies ?? []).filter(({ state }) => state === 'Failed').map(({ store }) => store)
  const but = failed.length === 0 ? '' : `; ${failed.join(', ')} did not get a copy`
  const plan = end(observation, 'True', 'Completed', `${report.backupID} is complete${but}`, run.finishedAt)
  const image = run.digest === undefined ? {} : { appDigest: run.digest }
  // The command goes by the clock of its node, which may have jumped.
  const { completionTime = facts.completionTime } = isPlausible(facts.completionTime, now) ? facts : plan.status
  return { ...plan, status: { ...plan.status, ...image, ...facts, ...(completionTime === undefined ? {} : { completionTime }) } }
}

function pending(observation: BackupObservation, waitsFor: string): BackupPlan {
  const { backup, lacks = false, now } = observation
  const patience = patienceOf(backup, waitsFor, lacks, now)
  if (patience.type === 'Over') return end(observation, 'False', 'NotStarted', patience.message)
  return working(observation, 'Pending', waitsFor, patience.until)
}

function withoutInstance(observation: BackupObservation): BackupPlan {
  const { backup, run, now } = observation
  const message = `NotejamInstance ${backup.spec.instanceRef.name} is not there`
  const graceEnds = Date.parse(backup.metadata.creationTimestamp ?? metaTime(now)) + instanceGraceMs
  if (run.type === 'Absent' && backup.status?.startTime === undefined && now < graceEnds)
    return working(observation, 'Pending', message, graceEnds)
  const plan = end(observation, 'False', 'InstanceNotFound', message)
  return run.type === 'Active' ? { ...plan, job: 'Delete' } : plan
}

/** The run has begun, if it had not. */
function begin(observation: BackupObservation): BackupPlan {
  const { backup, now } = observation
  const plan = working(observation, 'Running', 'Its Job is being made', undefined)
  return { ...plan, status: { ...plan.status, startTime: backup.status?.startTime ?? metaTime(now) } }
}

function working(observation: BackupObservation, reason: ReasonOf<'Succeeded'>, message: string, wakeAt: number | undefined): BackupPlan {
  return { status: setState(observation, observation.backup.status ?? {}, 'Unknown', reason, message), job: 'Leave', wakeAt }
}

function end(
  observation: BackupObservation,
  state: 'True' | 'False',
  reason: ReasonOf<'Succeeded'>,
  message: string,
  finishedAt?: string,
): BackupPlan {
  const { backup, now } = observation
  const status = setState(observation, backup.status ?? {}, state, reason, message)
  return { status: { ...status, completionTime: finishedAt ?? metaTime(now) }, job: 'Leave', wakeAt: undefined }
}

function setState(
  { backup, now }: BackupObservation,
  status: BackupStatus,
  state: 'True' | 'False' | 'Unknown',
  reason: ReasonOf<'Succeeded'>,
  message: string,
): BackupStatus {
  const generation = backup.metadata.generation ?? 0
  const conditions = setCondition(status.conditions ?? [], condition('Succeeded', state, reason, message, generation), now)
  return { ...status, observedGeneration: generation, conditions: [...conditions] }
}

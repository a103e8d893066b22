import type { InstanceBackupStatus, InstanceSpec } from '../api/notejam.ts'
import { condition } from '../api/reasons.ts'
import { metaTime } from '../runtime/conditions.ts'
import type { BackupEvidence, Judged, PastRun } from './instance-planner.ts'
import { copySchedule, type MaskedCopy } from './resources/mask-cron-job.ts'
import { scheduleTimer } from './schedule-timer.ts'

/** What the status keeps of a masked copy: Jobs are collected. */
export type CopyStatus = NonNullable<InstanceBackupStatus['maskedCopies']>[number]

/** How long after a time of its schedule a copy may come, beside what the run itself may take. */
const latenessSeconds = 900
const defaultDeadlineSeconds = 3600

/** What is known of the declared copies: what was known, and what the runs that are over say. */
export function copyStatuses(
  { backup }: InstanceSpec,
  runs: readonly PastRun[],
  before: readonly CopyStatus[] = [],
): readonly CopyStatus[] {
  return (backup?.maskedCopies ?? []).map(({ name }) => {
    const known = before.find((status) => status.name === name) ?? { name }
    const last = runsOf(name, runs).findLast(({ run }) => run.type === 'Succeeded')
    if (last?.run.type !== 'Succeeded' || last.finishedAt <= (known.lastSuccessful ?? '')) return known
    const id = last.run.report?.['backupID']
    return { name, lastSuccessful: last.finishedAt, ...(typeof id === 'string' ? { lastBackupID: id } : {}) }
  })
}

function runsOf(copy: string, runs: readonly PastRun[]): readonly PastRun[] {
  return runs.filter((run) => run.kind === 'mask' && run.copy === copy).toSorted((a, b) => a.finishedAt.localeCompare(b.finishedAt))
}

/** In the order in which they are told: the worst first. */
const severities = ['InvalidCopy', 'CopyFailed', 'Overdue', 'AwaitingFirst', 'Copied'] as const

interface Finding {
  readonly reason: (typeof severities)[number]
  readonly message: string
  readonly due: number | undefined
}

/** Whether the masked copies are as recent as their schedules ask for; undefined where none is declared. Releases do not wait for them. */
export function maskedCopiesCurrent(evidence: BackupEvidence, statuses: readonly CopyStatus[]): Judged | undefined {
  const { spec, generation } = evidence
  const findings = (spec.backup?.maskedCopies ?? []).map((copy) =>
    judge(
      copy,
      statuses.find(({ name }) => name === copy.name),
      evidence,
    ),
  )
  const reason = severities.find((candidate) => findings.some((finding) => finding.reason === candidate))
  if (reason === undefined) return undefined
  const message = findings
    .filter((finding) => finding.reason === reason)
    .map((finding) => finding.message)
    .join('; ')
  const dues = findings.flatMap(({ due }) => due ?? [])
  return {
    state: condition('MaskedCopiesCurrent', valueOf(reason), reason, message, generation),
    due: dues.length === 0 ? undefined : Math.min(...dues),
  }
}

function valueOf(reason: Finding['reason']): 'True' | 'False' | 'Unknown' {
  if (reason === 'Copied') return 'True'
  return reason === 'AwaitingFirst' ? 'Unknown' : 'False'
}

function judge(copy: MaskedCopy, status: CopyStatus | undefined, { spec, runs, unfitCopies, suspended, now }: BackupEvidence): Finding {
  const about = `masked copy ${copy.name}`
  const unfit = unfitCopies.get(copy.name)
  if (unfit !== undefined) return { reason: 'InvalidCopy', message: `${about}: ${unfit}`, due: undefined }
  const last = runsOf(copy.name, runs).at(-1)
  const { lastSuccessful } = status ?? {}
  if (last?.run.type === 'Failed' && last.finishedAt > (lastSuccessful ?? ''))
    return { reason: 'CopyFailed', message: `${about}: ${last.run.message}`, due: undefined }
  if (lastSuccessful === undefined) return { reason: 'AwaitingFirst', message: `${about} was not made yet`, due: undefined }
  const next =
    suspended === undefined ? scheduleTimer(copySchedule(copy), spec.backup?.timeZone).after(Date.parse(lastSuccessful)) : undefined
  const lateMs = ((spec.backup?.deadlineSeconds ?? defaultDeadlineSeconds) + latenessSeconds) * 1000
  const due = next === undefined ? undefined : next + lateMs
  const made = `${about} was made at ${lastSuccessful}`
  if (due !== undefined && now > due)
    return { reason: 'Overdue', message: `${made}, and another one was due at ${metaTime(next ?? due)}`, due: undefined }
  return { reason: 'Copied', message: made, due }
}

import type { LastRestore, NotejamRestore, Operation, RestoreStatus } from '../api/notejam.ts'
import { condition, conditionReasons, type ReasonOf } from '../api/reasons.ts'
import { metaTime, setCondition } from '../runtime/conditions.ts'
import { hasEnded } from './backup-planner.ts'
import { instanceGraceMs, lostAfterMs, patienceOf } from './patience.ts'
import type { Report, RunState } from './run-state.ts'

/** Everything that the status of a NotejamRestore depends on. */
export interface RestoreObservation {
  readonly restore: NotejamRestore
  readonly hasInstance: boolean
  /** The operation of the instance that this restore is; undefined while it is none. */
  readonly operation: Operation | undefined
  /** What it came to, as the instance says. */
  readonly last: LastRestore | undefined
  readonly safetyBackupID: string | undefined
  /** The Job of a trial restore, or of a selection. */
  readonly run: RunState
  /** What it waits for; undefined when its turn has come. */
  readonly waitsFor: string | undefined
  /** Whether it waits for something that is missing, and not for its turn. */
  readonly lacks?: boolean
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** The next step of a NotejamRestore; one in place is done by the planner of its instance. */
export interface RestorePlan {
  readonly status: RestoreStatus
  readonly job: 'Leave' | 'Create' | 'Delete'
}

/** Finds the next step of a NotejamRestore. Pure: the same observation gives the same step. */
export function planRestore(observation: RestoreObservation): RestorePlan {
  const { restore, hasInstance, now } = observation
  const status = restore.status ?? {}
  if (hasEnded(status)) return { status, job: 'Leave' }
  if (!hasInstance) {
    const message = `NotejamInstance ${restore.spec.instanceRef.name} is not there`
    const isFresh = now < Date.parse(restore.metadata.creationTimestamp ?? metaTime(now)) + instanceGraceMs
    if (isFresh && status.startTime === undefined) return say(observation, 'Unknown', 'Pending', message)
    const plan = end(observation, 'False', 'InstanceNotFound', message)
    return observation.run.type === 'Active' ? { ...plan, job: 'Delete' } : plan
  }
  return restore.spec.mode === 'InPlace' ? planInPlace(observation) : planJob(observation)
}

function planInPlace(observation: RestoreObservation): RestorePlan {
  const { last, operation, waitsFor, safetyBackupID } = observation
  const facts = safetyBackupID === undefined ? {} : { safetyBackupID }
  if (last !== undefined) {
    const { result, reason, message = '', backupID, rows, durationSeconds, startTime, completionTime, step } = last
    const more: RestoreStatus = {
      ...facts,
      ...(step === undefined ? {} : { step }),
      ...(backupID === undefined ? {} : { backupID }),
      ...(rows === undefined ? {} : { restoredRows: rows }),
      ...(durationSeconds === undefined ? {} : { durationSeconds }),
      ...(startTime === undefined ? {} : { startTime }),
      completionTime,
    }
    if (result === 'Succeeded')
      return end(observation, 'True', 'Completed', `${backupID ?? 'The archive'} is restored, and the app is back`, more)
    const why = reason !== undefined && reason in conditionReasons.Succeeded ? (reason as ReasonOf<'Succeeded'>) : 'Failed'
    return end(observation, 'False', why, message, more)
  }
  if (operation !== undefined) {
    const more = { ...facts, step: operation.step, startTime: operation.startTime }
    return say(
      observation,
      'Unknown',
      'Running',
      `Step ${operation.step}${operation.message === undefined ? '' : `: ${operation.message}`}`,
      more,
    )
  }
  return say(observation, 'Unknown', 'Pending', waitsFor ?? 'Its turn has come')
}

/** A trial restore or a selection, which is one Job. */
function planJob(observation: RestoreObservation): RestorePlan {
  const { restore, run, waitsFor, now } = observation
  const { startTime } = restore.status ?? {}
  const { deadlineSeconds = 14_400 } = restore.spec
  const isLost = startTime !== undefined && now > Date.parse(startTime) + deadlineSeconds * 1000 + lostAfterMs
  switch (run.type) {
    case 'Absent':
      if (isLost) return end(observation, 'False', 'RunnerLost', 'The Job disappeared before its end was seen')
      if (startTime === undefined && waitsFor !== undefined) return pending(observation, waitsFor)
      return { ...running(observation, 'Its Job is being made'), job: 'Create' }
    case 'Active':
      if (isLost) return { ...end(observation, 'False', 'RunnerLost', 'The run was not over a minute after its deadline'), job: 'Delete' }
      return running(observation, run.problem ?? works[kindOf(restore)].message)
    case 'Failed':
      return end(observation, 'False', outcomeReasons[run.outcome ?? ''] ?? run.reason, run.message)
    case 'Succeeded': {
      if (restore.spec.mode === 'Select') return recovered(observation, run.report ?? {})
      const { backupID, rows, durationSeconds } = run.report ?? {}
      return end(
        observation,
        'True',
        'Completed',
        `${typeof backupID === 'string' ? backupID : 'The archive'} was restored on trial, and all of it was there`,
        {
          ...(typeof backupID === 'string' ? { backupID } : {}),
          ...(typeof rows === 'number' ? { restoredRows: rows } : {}),
          ...(typeof durationSeconds === 'number' ? { durationSeconds: Math.round(durationSeconds) } : {}),
        },
      )
    }
  }
}

function pending(observation: RestoreObservation, waitsFor: string): RestorePlan {
  const { restore, lacks = false, now } = observation
  const patience = patienceOf(restore, waitsFor, lacks, now)
  if (patience.type === 'Over') return end(observation, 'False', 'NotStarted', patience.message)
  return say(observation, 'Unknown', 'Pending', waitsFor)
}

/** What the Job of a restore that is not in place does. */
const works = {
  Verify: { step: 'Verifying', message: 'The archive is being restored into a throw-away database' },
  Select: { step: 'Recovering', message: 'The notes are being read from the archive and put back' },
} as const

function kindOf({ spec }: NotejamRestore): keyof typeof works {
  return spec.mode === 'Select' ? 'Select' : 'Verify'
}

/** What `recover` says that has no exit code of its own (image contract). */
const outcomeReasons: Readonly<Record<string, ReasonOf<'Succeeded'>>> = { NotFound: 'NotFound', AccountGone: 'AccountGone' }

/** How often a selection was run before does not matter: what is there is not put there twice. */
function recovered(observation: RestoreObservation, report: Report): RestorePlan {
  const { startTime } = observation.restore.status ?? {}
  const [inserted = 0, copies = 0, unchanged = 0] = ['inserted', 'copies', 'unchanged'].map((name) => Number(report[name] ?? 0))
  const { backupID } = report
  const from = typeof backupID === 'string' ? ` of ${backupID}` : ''
  const message = `Notes${from} that are back: ${inserted}; beside what they are by now: ${copies}; there as they were: ${unchanged}`
  return end(observation, 'True', 'Completed', message, {
    ...(typeof backupID === 'string' ? { backupID } : {}),
    ...(startTime === undefined ? {} : { durationSeconds: Math.max(0, Math.round((observation.now - Date.parse(startTime)) / 1000)) }),
    restoredRows: inserted + copies,
  })
}

function running(observation: RestoreObservation, message: string): RestorePlan {
  const { restore, now } = observation
  const { step } = works[kindOf(restore)]
  return say(observation, 'Unknown', 'Running', message, { step, startTime: restore.status?.startTime ?? metaTime(now) })
}

function end(
  observation: RestoreObservation,
  state: 'True' | 'False',
  reason: ReasonOf<'Succeeded'>,
  message: string,
  more: RestoreStatus = {},
): RestorePlan {
  return say(observation, state, reason, message, { completionTime: metaTime(observation.now), ...more })
}

function say(
  { restore, now }: RestoreObservation,
  state: 'True' | 'False' | 'Unknown',
  reason: ReasonOf<'Succeeded'>,
  message: string,
  more: RestoreStatus = {},
): RestorePlan {
  const generation = restore.metadata.generation ?? 0
  const before = restore.status ?? {}
  const conditions = setCondition(before.conditions ?? [], condition('Succeeded', state, reason, message, generation), now)
  return { status: { ...before, ...more, observedGeneration: generation, conditions: [...conditions] }, job: 'Leave' }
}

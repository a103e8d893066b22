import { registryDigest } from '../api/image.ts'
import type { DatabaseIdentity, Operation, Release } from '../api/notejam.ts'
import type { ForeignCondition, Job, Pod, TerminatedState } from '../api/objects.ts'
import type { StalledReason } from '../api/reasons.ts'
import { describeEnd, findPodProblem, parseResult, type PodProblem } from './pod-problem.ts'
import type { Phase } from './release/steps.ts'
import { exitLocked } from './resources/release-job.ts'

/**
 * How the Job of a step is doing. `Pending` until its container has run: such a Job has touched nothing and can be taken back.
 */
export type JobState =
  | { readonly type: 'Absent' }
  | { readonly type: 'Pending'; readonly problem?: PodProblem }
  /** `lock`: what the last pod said that found the database locked; the Job tries again. */
  | { readonly type: 'Running'; readonly lock?: string }
  | {
      readonly type: 'Succeeded'
      readonly digest?: string
      readonly schemaVersion?: string
      readonly identity?: DatabaseIdentity
      /** Steps of the schema that only older code needs, and that are still there. */
      readonly pendingContract?: number
      /** What an inspection found: nothing, a Notejam, or tables of somebody else. */
      readonly database?: 'empty' | 'ours' | 'foreign'
      /** Steps of the schema that the image would add. */
      readonly pending?: number
      /** Accounts that an inspection found. */
      readonly accounts?: number
      /** What a rehearsal compared. */
      readonly rehearsed?: Omit<NonNullable<Release['rehearsal']>, 'result' | 'message'>
      /** What a restore put in the place of the data. */
      readonly restored?: NonNullable<Operation['restored']>
      /** The app's key from the archive, sealed to the operator. */
      readonly sealedSecretKey?: string
    }
  /** `noBackupAt`: when it ended because the store held nothing that it could take. `unknown`: how it ended because the image does not know the command. */
  | {
      readonly type: 'Failed'
      readonly reason: StalledReason
      readonly message: string
      readonly timedOut?: true
      readonly noBackupAt?: string
      readonly unknown?: string
    }

type Succeeded = Extract<JobState, { type: 'Succeeded' }>

/** What the Job of each step is called, and what its failure means where the exit code does not say more. */
const jobs: Readonly<Record<Phase, { readonly name: string; readonly reason: StalledReason; readonly timeout?: StalledReason }>> = {
  inspect: { name: 'The inspection of the database', reason: 'InspectionFailed' },
  contract: { name: 'The contract migration', reason: 'MigrationFailed', timeout: 'MigrationTimedOut' },
  wipe: { name: 'The wipe', reason: 'WipeFailed' },
  expand: { name: 'The migration', reason: 'MigrationFailed', timeout: 'MigrationTimedOut' },
  rehearse: { name: 'The rehearsal of the migration on an archive', reason: 'RehearsalFailed' },
  restore: { name: 'The restore', reason: 'RestoreFailed' },
  seed: { name: 'The seed', reason: 'SeedFailed' },
  smoke: { name: 'The smoke test', reason: 'VerificationFailed' },
  verify: { name: 'The verification', reason: 'VerificationFailed' },
}

/** Outcomes that the report names, where the exit code is a general one. */
const outcomeReasons: Readonly<Record<string, StalledReason>> = {
  ContractFirst: 'UpgradePathUnsupported',
  NotMasked: 'NotMasked',
  RowsChanged: 'RowsChanged',
}

/** Exit codes of the image contract. */
const exitReasons: Readonly<Record<number, StalledReason>> = {
  [exitLocked]: 'MigrationLocked',
  4: 'SchemaDrifted',
  5: 'DowngradeRefused',
  6: 'DatabaseFenced',
}

/** Exit code of a bad command line and of a bad environment. */
const exitUsage = 2

/** Of those, what a rehearsal finds out about the schema; the others are about its throw-away database. */
const rehearsedReasons: ReadonlySet<StalledReason> = new Set(['SchemaDrifted', 'DowngradeRefused'])

/**
 * Reads the state from the Job's conditions, never from its counters or times: a Job that used up its retries has no completion time, and one that
 * succeeded at the second try has a failure count.
 *
 * @param pods - the Job's pods
 * @param phase - what the Job does
 */
export function readJobState(job: Job | undefined, pods: readonly Pod[], phase: Phase = 'expand'): JobState {
  if (job === undefined) return { type: 'Absent' }
  if (hasCondition(job, 'Complete')) return succeeded(pods)
  const failure = job.status?.conditions?.find((condition) => condition.type === 'Failed' && condition.status === 'True')
  if (failure !== undefined) return failedState(failure, pods, phase)
  if (pods.some((pod) => hasStarted(pod))) {
    const locked = pods.every((pod) => endOf(pod) !== undefined) ? pods.map(endOf).find((end) => end?.exitCode === exitLocked) : undefined
    return { type: 'Running', ...(locked === undefined ? {} : { lock: describeEnd(locked) }) }
  }
  const problem = pods.map((pod) => findPodProblem(pod)).find((found) => found !== undefined)
  return { type: 'Pending', ...(problem === undefined ? {} : { problem }) }
}

function hasCondition(job: Job, type: string): boolean {
  return job.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true
}

function hasStarted(pod: Pod): boolean {
  return (
    pod.status?.containerStatuses?.some(
      ({ state, lastState }) => (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined,
    ) === true
  )
}

function endOf(pod: Pod): TerminatedState | undefined {
  return pod.status?.containerStatuses?.[0]?.state?.terminated
}

function succeeded(pods: readonly Pod[]): JobState {
  const pod = pods.find((candidate) => endOf(candidate)?.exitCode === 0)
  const digest = registryDigest(pod?.status?.containerStatuses?.[0]?.imageID)
  const result = parseResult(pod === undefined ? undefined : endOf(pod)?.message)
  const version = result?.['schemaVersion']
  const identity = readIdentity(result?.['identity'])
  return {
    type: 'Succeeded',
    ...(digest === undefined ? {} : { digest }),
    ...(typeof version === 'string' || typeof version === 'number' ? { schemaVersion: String(version) } : {}),
    ...(identity === undefined ? {} : { identity }),
    ...(typeof result?.['sealedSecretKey'] === 'string' ? { sealedSecretKey: result['sealedSecretKey'] } : {}),
    ...readCounts(result ?? {}),
    ...(result?.['outcome'] === 'Restored' ? { restored: readRestored(result) } : {}),
    ...(result?.['outcome'] === 'Rehearsed' ? { rehearsed: readRehearsed(result) } : {}),
  }
}

/** What `migrate` and `status` say beside that. */
function readCounts({
  pendingContract,
  database,
  pending,
  rows,
}: Readonly<Record<string, unknown>>): Pick<Succeeded, 'pendingContract' | 'database' | 'pending' | 'accounts'> {
  const users = typeof rows === 'object' && rows !== null && 'users' in rows ? rows.users : undefined
  return {
    ...(typeof users === 'number' ? { accounts: users } : {}),
    ...(typeof pendingContract === 'number' ? { pendingContract } : {}),
    ...(database === 'empty' || database === 'ours' || database === 'foreign' ? { database } : {}),
    ...(Array.isArray(pending) ? { pending: pending.filter((step) => String(step).endsWith(':expand')).length } : {}),
  }
}

function readRestored({ backupID, rows, durationSeconds }: Readonly<Record<string, unknown>>): NonNullable<Operation['restored']> {
  return {
    ...(typeof backupID === 'string' ? { backupID } : {}),
    ...(typeof rows === 'number' ? { rows } : {}),
    ...(typeof durationSeconds === 'number' ? { durationSeconds: Math.round(durationSeconds) } : {}),
  }
}

function readRehearsed(result: Readonly<Record<string, unknown>>): NonNullable<Succeeded['rehearsed']> {
  const { tables } = result
  return { ...readRestored(result), ...(typeof tables === 'number' ? { tables } : {}) }
}

function readIdentity(value: unknown): DatabaseIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { instanceUID, environment, fingerprint } = value as Readonly<Record<string, unknown>>
  if (typeof instanceUID !== 'string' || typeof environment !== 'string' || typeof fingerprint !== 'string') return undefined
  return { instanceUID, environment, fingerprint }
}

function failedState(failure: ForeignCondition, pods: readonly Pod[], phase: Phase): JobState {
  const { name, reason, timeout = reason } = jobs[phase]
  const failed = pods.filter((pod) => (endOf(pod)?.exitCode ?? 0) !== 0)
  const last = failed.toSorted((a, b) => (endOf(a)?.finishedAt ?? '').localeCompare(endOf(b)?.finishedAt ?? '')).at(-1)
  const end = last === undefined ? undefined : endOf(last)
  if (failure.reason === 'DeadlineExceeded' || last?.status?.reason === 'DeadlineExceeded') {
    const log = end === undefined ? '' : `; it ended with ${describeEnd(end)}`
    return { type: 'Failed', reason: timeout, message: `${name} did not end within its deadline and was stopped${log}`, timedOut: true }
  }
  if (end === undefined) {
    return { type: 'Failed', reason, message: `${name} failed: ${failure.message ?? failure.reason ?? 'its pod is gone'}` }
  }
  const outcome = parseResult(end.message)?.['outcome']
  const named = typeof outcome === 'string' ? outcomeReasons[outcome] : undefined
  const ended = end.finishedAt ?? failure.lastTransitionTime
  const byCode = exitReasons[end.exitCode]
  const coded = byCode !== undefined && (phase !== 'rehearse' || rehearsedReasons.has(byCode)) ? byCode : reason
  return {
    type: 'Failed',
    reason: named ?? coded,
    message: `${name} failed with ${describeEnd(end)}`,
    ...(outcome === 'NoSuchBackup' && ended !== undefined ? { noBackupAt: ended } : {}),
    // A command that is there and finds its environment bad ends so as well, with a report that says it.
    ...(end.exitCode === exitUsage && outcome === undefined ? { unknown: describeEnd(end) } : {}),
  }
}

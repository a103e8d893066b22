import { registryDigest } from '../api/image.ts'
import type { DatabaseIdentity } from '../api/notejam.ts'
import type { Job, Pod, TerminatedState } from '../api/objects.ts'
import type { StalledReason } from '../api/reasons.ts'
import { exitLocked } from './resources/migration-job.ts'
import { describeEnd, findPodProblem, parseResult, type PodProblem } from './pod-problem.ts'

/**
 * How a migration Job is doing. `Pending` until its container has run: such a Job has touched nothing and can be taken back.
 */
export type JobState =
  | { readonly type: 'Absent' }
  | { readonly type: 'Pending'; readonly problem?: PodProblem }
  | { readonly type: 'Running' }
  | { readonly type: 'Succeeded'; readonly digest?: string; readonly schemaVersion?: string; readonly identity?: DatabaseIdentity }
  | { readonly type: 'Failed'; readonly reason: StalledReason; readonly message: string }

/** Exit codes of `migrate` in the image contract. */
const exitReasons: Readonly<Record<number, StalledReason>> = {
  [exitLocked]: 'MigrationLocked',
  4: 'SchemaDrifted',
  5: 'DowngradeRefused',
  6: 'DatabaseFenced',
}

/**
 * Reads the state from the Job's conditions, never from its counters or times: a Job that used up its retries has no completion time, and one that
 * succeeded at the second try has a failure count.
 *
 * @param pods - the Job's pods
 */
export function readJobState(job: Job | undefined, pods: readonly Pod[]): JobState {
  if (job === undefined) return { type: 'Absent' }
  if (hasCondition(job, 'Complete')) return succeeded(pods)
  const failure = job.status?.conditions?.find((condition) => condition.type === 'Failed' && condition.status === 'True')
  if (failure !== undefined) return failedState(failure.reason, failure.message, pods)
  if (pods.some((pod) => hasStarted(pod))) return { type: 'Running' }
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
  }
}

function readIdentity(value: unknown): DatabaseIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { instanceUID, environment, fingerprint } = value as Readonly<Record<string, unknown>>
  if (typeof instanceUID !== 'string' || typeof environment !== 'string' || typeof fingerprint !== 'string') return undefined
  return { instanceUID, environment, fingerprint }
}

function failedState(reason: string | undefined, message: string | undefined, pods: readonly Pod[]): JobState {
  const ends = pods.map((pod) => endOf(pod)).filter((end) => end !== undefined && end.exitCode !== 0)
  const last = ends.toSorted((a, b) => (a?.finishedAt ?? '').localeCompare(b?.finishedAt ?? '')).at(-1)
  if (reason === 'DeadlineExceeded') {
    return { type: 'Failed', reason: 'MigrationTimedOut', message: 'The migration did not end within its deadline and was stopped' }
  }
  if (last === undefined) {
    return { type: 'Failed', reason: 'MigrationFailed', message: `The migration failed: ${message ?? reason ?? 'its pod is gone'}` }
  }
  return {
    type: 'Failed',
    reason: exitReasons[last.exitCode] ?? 'MigrationFailed',
    message: `The migration failed with ${describeEnd(last)}`,
  }
}

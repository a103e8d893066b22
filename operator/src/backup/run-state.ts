import { registryDigest } from '../api/image.ts'
import type { ContainerStatus, Job, Pod, TerminatedState } from '../api/objects.ts'
import type { ReasonOf } from '../api/reasons.ts'
import { describeEnd, findPodProblem, parseResult } from '../instance/pod-problem.ts'
import { repeatedExits } from './resources/data-job.ts'

/** What a data command left as its last line. */
export type Report = Readonly<Record<string, unknown>>

/** How the run of a data command is doing, as its Job and their pods show it. */
export type RunState =
  | { readonly type: 'Absent' }
  /** `problem`: what keeps its pod, or what became of the try before. */
  | { readonly type: 'Active'; readonly problem?: string }
  /** Without a report the pod was collected before it was read. */
  | { readonly type: 'Succeeded'; readonly report: Report | undefined; readonly digest?: string; readonly finishedAt?: string }
  /** `outcome`: what the command itself called it, where it could still say so; `store`: the one that failed it. */
  | {
      readonly type: 'Failed'
      readonly reason: RunFailure
      readonly message: string
      readonly outcome?: string
      readonly store?: string
      readonly finishedAt?: string
    }

/** Why a run came to nothing. */
export type RunFailure = Exclude<
  ReasonOf<'Succeeded'>,
  'Pending' | 'Running' | 'Completed' | 'NothingToBackUp' | 'InstanceNotFound' | 'NotStarted' | 'RunnerLost'
>

/** Exit codes of the image contract. */
const exitReasons: Readonly<Record<number, RunFailure>> = {
  3: 'Locked',
  6: 'Fenced',
  7: 'StoreUnavailable',
  8: 'ChecksumMismatch',
  9: 'NotOurSchema',
}

/** How a store that fails is told: its name, and behind it its place (image contract). */
const failedStore = /\bstore (\S+) \(/

/**
 * Reads how one container of a Job's pod is doing; one that has ended well counts, whatever becomes of those after it.
 *
 * @param pods - the Job's pods
 * @param container - the one that runs the command
 */
export function readRun(job: Job | undefined, pods: readonly Pod[], container: string): RunState {
  if (job === undefined) return { type: 'Absent' }
  const statuses = pods.flatMap((pod) => statusOf(pod, container) ?? [])
  const good = statuses.find(({ state }) => state?.terminated?.exitCode === 0)
  if (good !== undefined) return succeeded(good)
  if (hasCondition(job, 'Complete')) return { type: 'Succeeded', report: undefined }
  const failure = job.status?.conditions?.find(({ type, status }) => status === 'True' && (type === 'Failed' || type === 'FailureTarget'))
  if (failure === undefined) {
    const problem = pods.map((pod) => findPodProblem(pod)?.message).find((message) => message !== undefined) ?? findTry(pods, container)
    return { type: 'Active', ...(problem === undefined ? {} : { problem }) }
  }
  const ends = statuses.flatMap(({ state }) => state?.terminated ?? [])
  const last = ends.toSorted((a, b) => (a.finishedAt ?? '').localeCompare(b.finishedAt ?? '')).at(-1)
  const finishedAt = last?.finishedAt ?? failure.lastTransitionTime
  const when = finishedAt === undefined ? {} : { finishedAt }
  const tooLate = failure.reason === 'DeadlineExceeded' || pods.some(({ status }) => status?.reason === 'DeadlineExceeded')
  if (tooLate)
    return { type: 'Failed', reason: 'DeadlineExceeded', message: `The run did not end within its deadline${log(last)}`, ...when }
  if (last === undefined) {
    return {
      type: 'Failed',
      reason: 'Failed',
      message: `The run failed: ${failure.message ?? failure.reason ?? 'its pod is gone'}`,
      ...when,
    }
  }
  const { outcome, message } = parseResult(last.message) ?? {}
  const store = typeof message === 'string' ? failedStore.exec(message)?.[1] : undefined
  return {
    type: 'Failed',
    reason: exitReasons[last.exitCode] ?? 'Failed',
    message: `The run failed with ${describeEnd(last)}${eviction(pods)}`,
    ...(typeof outcome === 'string' ? { outcome } : {}),
    ...(store === undefined ? {} : { store }),
    ...when,
  }
}

/** What became of the last try after which another one comes, as the rules of the Job have it; undefined where none has failed so. */
function findTry(pods: readonly Pod[], container: string): string | undefined {
  const tries = pods.flatMap((pod) => {
    const disruption = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True')
    const end = statusOf(pod, container)?.state?.terminated
    const time = end?.finishedAt ?? disruption?.lastTransitionTime ?? ''
    if (disruption !== undefined) {
      const why = pod.status?.message ?? disruption.message ?? disruption.reason ?? 'no reason given'
      return [{ time, message: `The pod of a try was taken away: ${why}; it is tried again` }]
    }
    if (end === undefined || !repeatedExits.includes(end.exitCode)) return []
    return [{ time, message: `A try failed with ${describeEnd(end)}; it is tried again` }]
  })
  return tries.toSorted((a, b) => a.time.localeCompare(b.time)).at(-1)?.message
}

/** The kubelet evicts a pod that uses more than its volumes may hold, and tells nobody else why. */
function eviction(pods: readonly Pod[]): string {
  const message = pods.find(({ status }) => status?.reason === 'Evicted')?.status?.message
  return message === undefined ? '' : `; its pod was evicted: ${message.trim()}`
}

/** When a Job ended; undefined while it has not. */
export function finishedAt(job: Job): string | undefined {
  if (!isOver(job)) return undefined
  const failed = job.status?.conditions?.find(({ type, status }) => type === 'Failed' && status === 'True')
  return job.status?.completionTime ?? failed?.lastTransitionTime
}

/** Whether nothing more comes of a Job. */
export function isOver(job: Job): boolean {
  return hasCondition(job, 'Complete') || hasCondition(job, 'Failed')
}

function hasCondition(job: Job, wanted: string): boolean {
  return job.status?.conditions?.some(({ type, status }) => type === wanted && status === 'True') === true
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find(({ name }) => name === container)
}

function succeeded({ imageID, state }: ContainerStatus): RunState {
  const { message, finishedAt } = state?.terminated ?? {}
  const digest = registryDigest(imageID)
  return {
    type: 'Succeeded',
    report: parseResult(message) ?? {},
    ...(digest === undefined ? {} : { digest }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  }
}

function log(end: TerminatedState | undefined): string {
  return end === undefined ? '' : `; it ended with ${describeEnd(end)}`
}

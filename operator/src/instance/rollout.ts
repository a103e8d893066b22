import { annotations } from '../api/labels.ts'
import type { Deployment, ForeignCondition, Pod } from '../api/objects.ts'
import type { StalledReason } from '../api/reasons.ts'
import { findPodProblem, type PodProblem } from './pod-problem.ts'

/** How far a Deployment is with one template. */
export type RolloutState =
  /** The Deployment has another template, or is not there. */
  | { readonly type: 'NotApplied' }
  /**
   * `degraded`: the roll-out was complete before, and pods were lost since. `overdue`: what it comes to if it lasts too long, where nobody else says so:
   * a Deployment whose template was complete before, as one that was scaled up from zero, counts no progress any more.
   */
  | { readonly type: 'Progressing'; readonly degraded: boolean; readonly message: string; readonly overdue?: RolloutFailure }
  /** All pods have the template, are available, and no older one is left. */
  | { readonly type: 'Complete' }
  | RolloutFailure

/** Why the pods of a template do not come up. */
export interface RolloutFailure {
  readonly type: 'Failed'
  readonly reason: StalledReason
  readonly message: string
}

/**
 * Reads how far the roll-out of a template is.
 *
 * @param hash - the template's hash, which its pods carry
 * @param pods - all pods of the app, of whatever template
 */
export function readRollout(deployment: Deployment | undefined, pods: readonly Pod[], hash: string): RolloutState {
  if (deployment === undefined || templateHashOf(deployment.spec.template) !== hash) return { type: 'NotApplied' }
  const wanted = deployment.spec.replicas ?? 1
  const status = deployment.status ?? {}
  if ((status.observedGeneration ?? 0) < (deployment.metadata.generation ?? 0)) {
    return { type: 'Progressing', degraded: false, message: 'the Deployment was changed just now' }
  }
  const [older, newer] = partition(pods, (pod) => templateHashOf(pod) === hash)
  const { updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status
  if (updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted && older.length === 0) return { type: 'Complete' }
  const wasComplete = older.length === 0 && progressOf(deployment)?.reason === 'NewReplicaSetAvailable'
  const degraded = wasComplete && updatedReplicas === wanted
  const message = describeProgress(wanted, { updatedReplicas, availableReplicas }, newer, older)
  const overdue = wasComplete ? { overdue: findCrash(newer) ?? lateness(newer, message) } : {}
  const progressing: RolloutState = { type: 'Progressing', degraded, message, ...overdue }
  return degraded ? progressing : (findFailure(deployment, newer) ?? progressing)
}

/** Hash of the template that a pod or a template carries. */
export function templateHashOf(holder: {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
}): string | undefined {
  return holder.metadata?.annotations?.[annotations.templateHash]
}

function progressOf(deployment: Deployment): ForeignCondition | undefined {
  return deployment.status?.conditions?.find((condition) => condition.type === 'Progressing')
}

function findFailure(deployment: Deployment, pods: readonly Pod[]): RolloutFailure | undefined {
  const crash = findCrash(pods)
  if (crash !== undefined) return crash
  const progressing = progressOf(deployment)
  if (progressing?.status !== 'False' || progressing.reason !== 'ProgressDeadlineExceeded') return undefined
  return lateness(pods, progressing.message ?? 'no message')
}

function findCrash(pods: readonly Pod[]): RolloutFailure | undefined {
  const crash = findProblems(pods).find(({ kind }) => kind === 'Crash')
  return crash === undefined ? undefined : { type: 'Failed', reason: 'RolloutCrashed', message: crash.message }
}

/** What pods that do not crash come to when their time is over. */
function lateness(pods: readonly Pod[], progress: string): RolloutFailure {
  const [problem] = findProblems(pods)
  if (problem?.kind === 'ImagePull') return { type: 'Failed', reason: 'ImagePullFailed', message: problem.message }
  const why = problem?.message ?? notReadyMessage(pods) ?? progress
  return { type: 'Failed', reason: 'RolloutDeadlineExceeded', message: `The roll-out made no progress within its deadline: ${why}` }
}

function findProblems(pods: readonly Pod[]): readonly PodProblem[] {
  return pods.map((pod) => findPodProblem(pod)).filter((problem) => problem !== undefined)
}

function notReadyMessage(pods: readonly Pod[]): string | undefined {
  for (const pod of pods) {
    const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready' && condition.status === 'False')
    if (ready !== undefined) return `Pod ${pod.metadata.name} is not ready: ${ready.message ?? ready.reason ?? 'no message'}`
  }
  return undefined
}

function describeProgress(
  wanted: number,
  { updatedReplicas, availableReplicas }: { readonly updatedReplicas: number; readonly availableReplicas: number },
  newer: readonly Pod[],
  older: readonly Pod[],
): string {
  const problem = newer.map((pod) => findPodProblem(pod)).find((found) => found !== undefined)
  if (problem !== undefined) return problem.message
  if (older.length > 0)
    return `${updatedReplicas} of ${wanted} pods are new, ${older.length} older ${older.length === 1 ? 'one is' : 'ones are'} still there`
  return `${availableReplicas} of ${wanted} pods are available`
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter((item) => !belongs(item)), items.filter((item) => belongs(item))]
}

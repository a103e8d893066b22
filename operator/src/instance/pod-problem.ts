import type { ContainerStatus, Pod, TerminatedState } from '../api/objects.ts'

/**
 * What keeps a pod from doing its work.
 *
 * - `ImagePull`: the node cannot get the image.
 * - `CannotStart`: the kubelet cannot start the container (a user it may not run as, a missing entry of a Secret).
 * - `Crash`: the container ends again and again.
 * - `Unschedulable`: no node takes the pod.
 */
export interface PodProblem {
  readonly kind: 'ImagePull' | 'CannotStart' | 'Crash' | 'Unschedulable'
  readonly message: string
}

/** Waiting reasons of the kubelet (pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go of Kubernetes). */
const pullReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'SignatureValidationFailed',
])
const startReasons = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
  'PostStartHookError',
])

/** Restarts after which a container counts as crashing: the second may be bad luck, a third in half a minute is not. */
const crashRestarts = 2

/** Finds what keeps the pod; undefined while nothing does. */
export function findPodProblem(pod: Pod): PodProblem | undefined {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  for (const container of containers) {
    const problem = containerProblem(pod, container)
    if (problem !== undefined) return problem
  }
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled')
  if (scheduled?.status !== 'False') return undefined
  return {
    kind: 'Unschedulable',
    message: `Pod ${pod.metadata.name} finds no node: ${scheduled.message ?? scheduled.reason ?? 'no reason given'}`,
  }
}

function containerProblem(pod: Pod, container: ContainerStatus): PodProblem | undefined {
  const { waiting, terminated } = container.state ?? {}
  const where = `Pod ${pod.metadata.name}`
  if (waiting?.reason !== undefined && pullReasons.has(waiting.reason)) {
    return { kind: 'ImagePull', message: `${where} cannot pull ${container.image ?? 'its image'}: ${pullMessage(waiting)}` }
  }
  if (waiting?.reason !== undefined && startReasons.has(waiting.reason)) {
    return { kind: 'CannotStart', message: `${where} cannot start: ${waiting.reason}: ${waiting.message ?? 'no message'}` }
  }
  const ended = terminated ?? container.lastState?.terminated
  const restarts = container.restartCount ?? 0
  const backingOff = waiting?.reason === 'CrashLoopBackOff' || terminated !== undefined
  if (ended !== undefined && backingOff && restarts >= crashRestarts) {
    return { kind: 'Crash', message: `${where} ended ${restarts + 1} times, the last time with ${describeEnd(ended)}` }
  }
  return undefined
}

/** The kubelet says the same in turns with and without its back-off before it; without, so that the status does not change to and fro. */
function pullMessage(waiting: { readonly reason?: string; readonly message?: string }): string {
  const message = waiting.message ?? waiting.reason ?? 'no message'
  return message.replace(/^Back-off pulling image .*?: (?:ErrImagePull: )?/, '')
}

/** `exit code 1: last lines of the log`; the signal's name where the kernel ended it. */
export function describeEnd(ended: TerminatedState): string {
  const reason = ended.reason === undefined || ended.reason === 'Error' || ended.reason === 'Completed' ? '' : ` (${ended.reason})`
  const text = endMessage(ended)
  return `exit code ${ended.exitCode}${reason}${text === '' ? '' : `: ${text}`}`
}

/** What the container said at last: its own JSON line's message, or the last lines of its log. */
function endMessage(ended: TerminatedState): string {
  const text = (ended.message ?? '').trim()
  const own = parseResult(text)
  for (const field of ['message', 'error', 'reason']) {
    const value = own?.[field]
    if (typeof value === 'string' && value !== '') return value
  }
  return lastLines(text)
}

const shownLines = 8
const shownLength = 1200

function lastLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(-shownLines).join('\n').slice(-shownLength)
}

/** The one line of JSON that a job command of the image leaves; undefined when the text is something else. */
export function parseResult(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const line = text?.trim() ?? ''
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

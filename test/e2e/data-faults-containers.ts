import { readdirSync, readFileSync } from 'node:fs'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** A pod of a data command, as far as faults look into it. */
interface RunPod extends KubeObject {
  readonly status?: { readonly initContainerStatuses?: readonly ContainerState[]; readonly containerStatuses?: readonly ContainerState[] }
}

interface ContainerState {
  readonly name: string
  readonly containerID?: string
  readonly state?: { readonly running?: object; readonly terminated?: { readonly exitCode: number; readonly message?: string } }
}

/** A container that does its work. */
export interface RunningContainer {
  readonly pod: string
  readonly id: string
  /** When it was seen to run, by `performance.now()`. */
  readonly since: number
}

const podType = { apiVersion: 'v1', kind: 'Pod' }

async function containersOf(
  api: ApiClient,
  namespace: string,
  job: string,
  name: string,
): Promise<readonly (ContainerState & { pod: string })[]> {
  const pods = await api.list<RunPod>(podType, namespace, { labelSelector: `batch.kubernetes.io/job-name=${job}` })
  return pods.flatMap(({ metadata, status }) =>
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
      .filter((container) => container.name === name)
      .map((container) => ({ ...container, pod: metadata.name })),
  )
}

/** Waits until a container of a Job runs. Of one that did its work within a second the kubelet may tell only when it is over; nothing of that is left to kill. */
export async function containerRuns(api: ApiClient, namespace: string, job: string, name: string): Promise<RunningContainer> {
  return await waitFor(
    async () => {
      const containers = await containersOf(api, namespace, job, name)
      const found =
        containers.find(({ state }) => state?.running !== undefined) ?? containers.find(({ state }) => state?.terminated?.exitCode === 0)
      const id = found?.containerID?.split('://')[1]
      return found === undefined || id === undefined ? undefined : { pod: found.pod, id, since: performance.now() }
    },
    { what: `container ${name} of ${job} running`, timeoutMs: 90_000, intervalMs: 50 },
  )
}

/** Milliseconds that a container ran for, from when it was seen to run. */
export async function containerEnds(
  api: ApiClient,
  namespace: string,
  job: string,
  name: string,
  { since }: RunningContainer,
): Promise<number> {
  return await waitFor(
    async () => {
      const ended = (await containersOf(api, namespace, job, name)).some(({ state }) => state?.terminated !== undefined)
      return ended ? performance.now() - since : undefined
    },
    { what: `container ${name} of ${job} ending`, timeoutMs: 180_000, intervalMs: 50 },
  )
}

/**
 * Kills all processes of a container as the kernel would that has no memory left. They are processes of this machine, in control groups that bear the
 * container's identifier.
 *
 * @returns whether there was one
 */
export function killContainer({ id }: RunningContainer): boolean {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`${id} is no container`)
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && groupsOf(entry).includes(id))
  let killed = 0
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL')
      killed += 1
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return killed > 0
}

function groupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return ''
  }
}

/** Evicts a pod, as those do who empty a node. */
export async function evictPod(api: ApiClient, namespace: string, pod: string): Promise<void> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } }
  const { status, text } = await api.call('POST', `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, { body })
  if (status >= 300 && status !== 404) throw new Error(`the pod ${pod} could not be evicted: ${status} ${text}`)
}

/** Takes a pod away at once. */
export async function dropPod(api: ApiClient, namespace: string, pod: string): Promise<void> {
  await api.delete(podType, pod, namespace, { gracePeriodSeconds: '0' })
}

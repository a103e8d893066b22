import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { type LossPlace, lostName } from './losses-engines.ts'

/** What prune says at its end. */
export interface Pruned {
  readonly kept: number
  readonly deleted: number
  readonly withheld?: string
}

interface CronJob extends KubeObject {
  readonly spec: { readonly jobTemplate: { readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } } } }
}

interface EndedPod extends KubeObject {
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly state?: { readonly terminated?: { readonly exitCode: number; readonly message?: string } }
    }[]
  }
}

/** Does what the CronJob of an instance does after a backup, without the backup. */
export async function pruneNow({ api, namespace }: LossPlace, name: string): Promise<Pruned> {
  const found = await waitFor(
    async () => await api.get<CronJob>({ apiVersion: 'batch/v1', kind: 'CronJob' }, `${lostName}-backup`, namespace),
    { what: 'the CronJob', timeoutMs: 20_000 },
  )
  const { metadata, spec } = found.spec.jobTemplate.spec.template
  const template = { metadata, spec: { ...spec, initContainers: [], restartPolicy: 'Never' } }
  await api.create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace }, spec: { backoffLimit: 0, template } })
  const { exitCode, message = '' } = await waitFor(
    async () => {
      const pods = await api.list<EndedPod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector: `job-name=${name}` })
      return pods.flatMap(({ status }) => status?.containerStatuses?.flatMap(({ state }) => state?.terminated ?? []) ?? [])[0]
    },
    { what: `${name} ending`, timeoutMs: 120_000, intervalMs: 250 },
  )
  // Nobody else deletes it, and its pod would keep the volume of SQLite.
  await api.delete({ apiVersion: 'batch/v1', kind: 'Job' }, name, namespace)
  if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}: ${message}`)
  return JSON.parse(message.trim().split('\n').at(-1) ?? '') as Pruned
}

import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import type { FaultedInstance } from './data-faults.ts'
import { conditionOf, getInstance, type Instance } from './instance.ts'
import { lostName as name } from './losses-engines.ts'

interface Container {
  readonly name: string
  readonly env: readonly { readonly name: string; readonly value?: string }[]
}

interface CronJob extends KubeObject {
  readonly spec: {
    readonly jobTemplate: {
      readonly metadata: object
      readonly spec: { readonly template: { readonly metadata: object; readonly spec: { readonly initContainers: readonly Container[] } } }
    }
  }
}

interface Job extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

const jobType = { apiVersion: 'batch/v1', kind: 'Job' }

/**
 * Starts a run of the schedule now, pruning and all.
 *
 * @param variables - in the environment of the command that backs up
 * @returns its UID, which its archive bears
 */
export async function startScheduled(
  { place: { api, namespace } }: FaultedInstance,
  job: string,
  variables: readonly { readonly name: string; readonly value: string }[] = [],
): Promise<string> {
  const cronJob = await waitFor(
    async () => await api.get<CronJob>({ apiVersion: 'batch/v1', kind: 'CronJob' }, `${name}-backup`, namespace),
    {
      what: 'the CronJob',
      timeoutMs: 20_000,
    },
  )
  const { metadata, spec } = cronJob.spec.jobTemplate
  const initContainers = spec.template.spec.initContainers.map((container) => ({
    ...container,
    // Without the wait by which a thousand runs are spread.
    env: [...container.env.filter((variable) => variable.name !== 'BACKUP_JITTER_SECONDS'), ...variables],
  }))
  const template = { ...spec.template, spec: { ...spec.template.spec, initContainers } }
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: cronJob.metadata.name, uid: cronJob.metadata.uid, controller: true }
  const made = await api.create({
    ...jobType,
    metadata: { ...metadata, name: job, namespace, ownerReferences: [owner] },
    spec: { ...spec, template },
  } as KubeObject)
  return made.metadata.uid ?? ''
}

/** Waits until a run is over: `Complete` or `Failed`. */
export async function scheduledEnds({ place: { api, namespace } }: FaultedInstance, job: string, timeoutMs = 180_000): Promise<string> {
  return await waitFor(
    async () => {
      const found = await api.get<Job>(jobType, job, namespace)
      return found?.status?.conditions?.find(({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'))?.type
    },
    { what: `${job} ending`, timeoutMs, intervalMs: 100 },
  )
}

/** What an instance says of its backups. */
export interface InstanceTold {
  readonly current: string
  readonly lastSuccessful: string | undefined
}

/** Waits until the instance says so of its scheduled backups, which has to be within a minute. */
export async function instanceTells(
  { place: { api, namespace } }: FaultedInstance,
  isSo: (told: InstanceTold) => boolean,
  what: string,
): Promise<InstanceTold & { readonly seconds: number }> {
  const started = performance.now()
  let last: InstanceTold | undefined
  try {
    await waitFor(
      async () => {
        const instance = (await getInstance(api, namespace, name)) as WithBackups | undefined
        const found = conditionOf(instance, 'BackupCurrent')
        last = { current: `${found?.status}:${found?.reason} ${found?.message}`, lastSuccessful: instance?.status?.backup?.lastSuccessful }
        return isSo(last)
      },
      { what, timeoutMs: 60_000, intervalMs: 100 },
    )
  } catch (error) {
    throw new Error(`${String(error)}; the instance says ${JSON.stringify(last)}`, { cause: error })
  }
  return { current: '', lastSuccessful: undefined, ...last, seconds: Math.round((performance.now() - started) / 100) / 10 }
}

type WithBackups = Instance & { readonly status?: { readonly backup?: { readonly lastSuccessful?: string } } }

import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import type { Scene } from './instance-scene.ts'

/** Kind for the API client. */
export const backupType = { apiVersion: 'notejam.io/v1', kind: 'NotejamBackup' }
/** Kind for the API client. */
export const storeType = { apiVersion: 'notejam.io/v1', kind: 'NotejamBackupStore' }

/** The parts of a NotejamBackup that tests look at. */
export interface Backup extends KubeObject {
  readonly spec: { readonly reason: string }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
    readonly backupID?: string
    readonly startTime?: string
    readonly rows?: number
    readonly verified?: { readonly durationSeconds?: number }
    readonly copies?: readonly { readonly store: string; readonly state: string }[]
  }
}

/** Two recipients, as Production wants them. */
export const recipients = [`age1${'q'.repeat(58)}`, `age1${'p'.repeat(58)}`]

/** Creates a store on S3, with its Secret. */
export async function createStore(
  api: ApiClient,
  { namespace }: Scene,
  name = 'offsite',
  encryption: object = { recipients },
): Promise<void> {
  const entry = Buffer.from('key').toString('base64')
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${name}-keys`, namespace } }
  await api.create({ ...secret, data: { 'access-key-id': entry, 'secret-access-key': entry } })
  const s3 = { endpoint: 'https://s3.example.org', bucket: 'notes', credentialsSecretRef: { name: `${name}-keys` } }
  await api.create({ ...storeType, metadata: { name, namespace }, spec: { s3, encryption } })
}

/** Creates a NotejamBackup of the instance `notes`. */
export async function createBackup(api: ApiClient, { namespace }: Scene, name: string, spec: object = {}): Promise<void> {
  await api.create({ ...backupType, metadata: { name, namespace }, spec: { instanceRef: { name: 'notes' }, ...spec } })
}

/** Waits until a NotejamBackup says so, and gives it. */
export async function backupUntil(api: ApiClient, { namespace }: Scene, name: string, status: string, reason: string): Promise<Backup> {
  let seen: unknown
  try {
    return await waitFor(
      async () => {
        const backup = await api.get<Backup>(backupType, name, namespace)
        seen = backup?.status
        const found = backup?.status?.conditions?.find(({ type }) => type === 'Succeeded')
        return found?.status === status && found.reason === reason ? backup : undefined
      },
      { what: `NotejamBackup ${name} ${status}, ${reason}`, timeoutMs: 30_000, intervalMs: 40 },
    )
  } catch (error) {
    throw new Error(`${String(error)}\n${JSON.stringify(seen, undefined, 1)}`, { cause: error })
  }
}

/** A CronJob as far as tests look at it. */
export interface CronJob extends KubeObject {
  readonly spec: {
    readonly schedule: string
    readonly suspend: boolean
    readonly concurrencyPolicy: string
    readonly startingDeadlineSeconds: number
    readonly jobTemplate: { readonly metadata: object; readonly spec: object }
  }
}

/** Kind for the API client. */
export const cronJobType = { apiVersion: 'batch/v1', kind: 'CronJob' }

/** Starts a run of a CronJob, as its controller would when it is due. */
export async function runNow(api: ApiClient, { namespace }: Scene, cronJob: CronJob, name: string): Promise<void> {
  const { metadata, spec } = cronJob.spec.jobTemplate
  const owner = { ...cronJobType, name: cronJob.metadata.name, uid: cronJob.metadata.uid, controller: true }
  await api.create({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { ...metadata, name, namespace, ownerReferences: [owner] },
    spec,
  } as KubeObject)
}

/** Waits for a CronJob that looks so. */
export async function cronJobUntil(
  api: ApiClient,
  { namespace }: Scene,
  name: string,
  isSo: (cronJob: CronJob) => boolean,
): Promise<CronJob> {
  return waitFor(
    async () => {
      const cronJob = await api.get<CronJob>(cronJobType, name, namespace)
      return cronJob !== undefined && isSo(cronJob) ? cronJob : undefined
    },
    { what: `CronJob ${name}`, timeoutMs: 20_000, intervalMs: 40 },
  )
}

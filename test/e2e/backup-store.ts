import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createAgeKeys } from '../app/age-keys.ts'
import type { ObjectStore } from '../app/object-store.ts'

/** Kind for the API client. */
export const backupType = { apiVersion: 'notejam.io/v1', kind: 'NotejamBackup' } as const
/** Kind for the API client. */
export const restoreType = { apiVersion: 'notejam.io/v1', kind: 'NotejamRestore' } as const

/** A run to completion, as far as tests look at it. */
export interface Run extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
    readonly backupID?: string
  }
}

/** What opens a store: everything that a person has to have kept when all else is gone. */
export interface StoreAccess {
  readonly endpoint: string
  readonly bucket: string
  readonly credentials: ObjectStore['credentials']
  readonly recipients: readonly string[]
  readonly identity: string
  /** The other one, which is kept off line. */
  readonly kept: string
}

/** A bucket of its own, and keys for it. */
export async function createStoreAccess(store: ObjectStore, endpoint: string): Promise<StoreAccess> {
  const { bucket } = await store.createBucket()
  const [daily, offline] = [createAgeKeys(), createAgeKeys()]
  return {
    endpoint,
    bucket,
    credentials: store.credentials,
    recipients: [daily.recipient, offline.recipient],
    identity: daily.identity,
    kept: offline.identity,
  }
}

/** Creates the NotejamBackupStore `offsite` with its Secrets in a namespace. */
export async function createBackupStore(api: ApiClient, namespace: string, access: StoreAccess): Promise<void> {
  const { endpoint, bucket, credentials, recipients, identity } = access
  const secret = (name: string, stringData: Readonly<Record<string, string>>): KubeObject => {
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData }
  }
  await api.create(secret('offsite-s3', { 'access-key-id': credentials.accessKeyId, 'secret-access-key': credentials.secretAccessKey }))
  await api.create(secret('offsite-identity', { identity }))
  await api.create({
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamBackupStore',
    metadata: { name: 'offsite', namespace },
    spec: {
      s3: { endpoint, bucket, pathStyle: 'Always', credentialsSecretRef: { name: 'offsite-s3' } },
      encryption: { recipients, identitySecretRef: { name: 'offsite-identity' } },
    },
  })
}

/** Creates a NotejamBackup or NotejamRestore and waits for its end. */
export async function runToEnd(
  api: ApiClient,
  type: typeof backupType | typeof restoreType,
  { namespace, name, spec }: { readonly namespace: string; readonly name: string; readonly spec: object },
  timeoutMs = 180_000,
): Promise<Run> {
  await api.create({ ...type, metadata: { name, namespace }, spec })
  let last: Run | undefined
  try {
    return await waitFor(
      async () => {
        last = await api.get<Run>(type, name, namespace)
        const found = last?.status?.conditions?.find((condition) => condition.type === 'Succeeded')
        return found === undefined || found.status === 'Unknown' ? undefined : last
      },
      { what: `${type.kind} ${name} ending`, timeoutMs, intervalMs: 250 },
    )
  } catch (error) {
    throw new Error(`${String(error)}; status: ${JSON.stringify(last?.status)}`, { cause: error })
  }
}

/** `status:reason` of a run's condition. */
export function endOf(run: Run): string {
  const found = run.status?.conditions?.find((condition) => condition.type === 'Succeeded')
  return `${found?.status}:${found?.reason}${found?.status === 'True' ? '' : ` ${found?.message}`}`
}

import type { BackupStoreSpec, Environment, InstanceSpec, NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import { isNotFound } from '../kube/errors.ts'
import type { KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import type { Stall } from '../instance/release/types.ts'
import { notejamBackupStores } from './kinds.ts'
import type { InstanceStores } from './resources/data-pod.ts'
import { authorityEntry, credentialEntries, identityEntry } from './resources/store-pod.ts'

/** What the stores of an instance come to. */
export interface StoresState {
  /** Undefined while one of them cannot be used, or none is asked for. */
  readonly stores: InstanceStores | undefined
  readonly problems: readonly Stall[]
}

/** Recipients without which losing one key would lose every archive. */
const productionRecipients = 2

/** Names of the stores that an instance uses for longer than its beginning: of its backups, of its masked copies, of the copy that its releases begin with. */
export function storeNames({ backup, seed }: InstanceSpec): ReadonlySet<string> {
  const copies = backup?.maskedCopies?.map(({ storeRef }) => storeRef.name) ?? []
  const names = [backup?.storeRef.name, backup?.secondStoreRef?.name, ...copies, seed?.from?.storeRef.name]
  return new Set(names.filter((name) => name !== undefined))
}

/** Reads the stores that an instance names, and whether what they need is there. */
export async function readStores(instance: NotejamInstance, context: ReconcileContext): Promise<StoresState> {
  const { backup, environment } = instance.spec
  if (backup === undefined) return { stores: undefined, problems: [] }
  const { namespace = '' } = instance.metadata
  const problems: Stall[] = []
  const find = async (name: string | undefined) => {
    if (name === undefined) return undefined
    const store = context.cache.get<NotejamBackupStore>(notejamBackupStores, { namespace, name })
    const problem =
      store === undefined
        ? ({ reason: 'StoreNotFound', message: `NotejamBackupStore ${name} is not there; create it in namespace ${namespace}` } as const)
        : (findUnfit(store, environment) ?? (await findMissing(store, context)))
    if (problem !== undefined) problems.push(problem)
    return store === undefined ? undefined : { name, spec: store.spec }
  }
  const first = await find(backup.storeRef.name)
  const second = await find(backup.secondStoreRef?.name)
  return { stores: first === undefined || problems.length > 0 ? undefined : { first, second }, problems }
}

/** What makes a store unfit for an environment: archives of Production are encrypted, and no single key that is lost takes them all along. */
function findUnfit({ metadata, spec }: NotejamBackupStore, environment: Environment): Stall | undefined {
  if (environment !== 'Production') return undefined
  const { mode = 'Age', recipients = [] } = spec.encryption
  if (mode === 'Age' && recipients.length >= productionRecipients) return undefined
  const has = mode === 'None' ? 'encryption None' : 'one recipient'
  const message = `NotejamBackupStore ${metadata.name} has ${has}; Production needs encryption Age with ${productionRecipients} recipients or more, of which one is kept off line`
  return { reason: 'InvalidStore', message }
}

/** What a store names and is not there, among Secrets, their entries and claims. */
export async function findMissing(
  { metadata, spec }: NotejamBackupStore,
  context: ReconcileContext,
): Promise<(Stall & { readonly reason: 'SecretNotFound' | 'SecretKeyMissing' | 'ClaimNotFound' }) | undefined> {
  const { namespace = '' } = metadata
  const about = `NotejamBackupStore ${metadata.name}`
  const claim = spec.volume?.claimName
  if (claim !== undefined && (await getIfThere(resources.persistentVolumeClaims, namespace, claim, context)) === undefined) {
    return {
      reason: 'ClaimNotFound',
      message: `${about}: PersistentVolumeClaim ${claim} is not there; create it in namespace ${namespace}`,
    }
  }
  for (const [name, entries] of secretsOf(spec)) {
    const secret = await getIfThere<Secret>(resources.secrets, namespace, name, context)
    if (secret === undefined) {
      return {
        reason: 'SecretNotFound',
        message: `${about}: Secret ${name} is not there; create it with the entries ${entries.join(', ')}`,
      }
    }
    const lacking = entries.filter((entry) => secret.data?.[entry] === undefined)
    if (lacking.length > 0) return { reason: 'SecretKeyMissing', message: `${about}: Secret ${name} needs the entry ${lacking.join(', ')}` }
  }
  return undefined
}

function secretsOf({ s3, encryption }: BackupStoreSpec): readonly (readonly [string, readonly string[]])[] {
  const pair = [credentialEntries.id, credentialEntries.secret]
  const named: readonly (readonly [string | undefined, readonly string[]])[] = [
    [s3?.credentialsSecretRef?.name, pair],
    [s3?.pruneCredentialsSecretRef?.name, pair],
    [s3?.caSecretRef?.name, [authorityEntry]],
    [encryption.identitySecretRef?.name, [identityEntry]],
  ]
  return named.flatMap(([name, entries]) => (name === undefined ? [] : [[name, entries] as const]))
}

async function getIfThere<T extends KubeObject>(
  resource: Resource,
  namespace: string,
  name: string,
  { client, signal }: ReconcileContext,
): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, { namespace, name }, { signal })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

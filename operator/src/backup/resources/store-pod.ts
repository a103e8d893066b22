import type { BackupStoreSpec } from '../../api/notejam.ts'
import type { Variable } from '../../instance/resources/pod.ts'

/** A store as a pod gets to know it. */
export interface NamedStore {
  readonly name: string
  readonly spec: BackupStoreSpec
}

/** Before the names of a store's variables: which of a command's stores it is (image contract). */
export type StoreRole = 'STORE_' | 'SECOND_STORE_' | 'SOURCE_STORE_' | 'TARGET_STORE_'

/** What a container does with a store. `Read` gets the key that opens archives, `Prune` the credentials that may delete. */
export type StoreUse = 'Write' | 'Read' | 'Prune'

/** Entries of a store's Secrets. */
export const credentialEntries = { id: 'access-key-id', secret: 'secret-access-key', token: 'session-token' } as const
/** Entry of the Secret of encryption.identitySecretRef. */
export const identityEntry = 'identity'
/** Entry of the Secret of s3.caSecretRef. */
export const authorityEntry = 'ca.crt'

const pathStyles = { Auto: 'Auto', Always: 'true', Never: 'false' } as const

/** The variables by which a command finds a store. Keys come from Secrets, so none stands in an object of ours. */
export function storeEnvironment({ name, spec }: NamedStore, role: StoreRole, use: StoreUse): readonly Variable[] {
  const { s3, volume, encryption } = spec
  const values: readonly (readonly [string, string | undefined])[] = [
    ['NAME', name],
    ['PATH', volume === undefined ? undefined : folderOf(role)],
    ['S3_ENDPOINT', s3?.endpoint],
    ['S3_REGION', s3?.region],
    ['S3_BUCKET', s3?.bucket],
    ['PREFIX', s3?.prefix],
    ['S3_PATH_STYLE', s3 === undefined ? undefined : pathStyles[s3.pathStyle ?? 'Auto']],
    ['S3_CA_FILE', s3?.caSecretRef === undefined ? undefined : `${authorityFolder(role)}/${authorityEntry}`],
    ['S3_OBJECT_LOCK', s3 === undefined ? undefined : (s3.objectLock ?? 'Auto')],
    ['ENCRYPTION', encryption.mode ?? 'Age'],
    ['RECIPIENTS', encryption.recipients?.join(',')],
    ['IDENTITY_FILE', hasIdentity(spec, use) ? `${identityFolder(role)}/${identityEntry}` : undefined],
  ]
  return [
    ...values.flatMap(([variable, value]) => (value === undefined ? [] : [{ name: `${role}${variable}`, value }])),
    ...credentials(spec, role, use),
  ]
}

function credentials({ s3 }: BackupStoreSpec, role: StoreRole, use: StoreUse): readonly Variable[] {
  if (s3 === undefined) return []
  const { name } = (use === 'Prune' ? s3.pruneCredentialsSecretRef : undefined) ?? s3.credentialsSecretRef ?? {}
  // What the pod's service account gives is found by the client itself.
  if (name === undefined) return []
  const entry = (variable: string, key: string, optional?: true): Variable => ({
    name: `${role}${variable}`,
    valueFrom: { secretKeyRef: { name, key, ...(optional === undefined ? {} : { optional }) } },
  })
  return [
    entry('S3_ACCESS_KEY_ID', credentialEntries.id),
    entry('S3_SECRET_ACCESS_KEY', credentialEntries.secret),
    entry('S3_SESSION_TOKEN', credentialEntries.token, true),
  ]
}

/** The volumes of a pod that uses a store. */
export function storeVolumes({ spec }: NamedStore, role: StoreRole, use: StoreUse): readonly unknown[] {
  const { s3, volume, encryption } = spec
  const secret = (name: string, secretName: string, entry: string) => ({
    name: `${volumeName(role)}-${name}`,
    secret: { secretName, items: [{ key: entry, path: entry }] },
  })
  return [
    ...(volume === undefined ? [] : [{ name: volumeName(role), persistentVolumeClaim: { claimName: volume.claimName } }]),
    ...(s3?.caSecretRef === undefined ? [] : [secret('ca', s3.caSecretRef.name, authorityEntry)]),
    ...(hasIdentity(spec, use) ? [secret('identity', encryption.identitySecretRef?.name ?? '', identityEntry)] : []),
  ]
}

/** Where a container finds them. */
export function storeMounts({ spec }: NamedStore, role: StoreRole, use: StoreUse): readonly unknown[] {
  return [
    ...(spec.volume === undefined ? [] : [{ name: volumeName(role), mountPath: folderOf(role) }]),
    ...(spec.s3?.caSecretRef === undefined ? [] : [{ name: `${volumeName(role)}-ca`, mountPath: authorityFolder(role), readOnly: true }]),
    ...(hasIdentity(spec, use) ? [{ name: `${volumeName(role)}-identity`, mountPath: identityFolder(role), readOnly: true }] : []),
  ]
}

function hasIdentity({ encryption }: BackupStoreSpec, use: StoreUse): boolean {
  return use === 'Read' && encryption.identitySecretRef !== undefined
}

/** `store`, `second-store`. */
function volumeName(role: StoreRole): string {
  return role.slice(0, -1).toLowerCase().replaceAll('_', '-')
}

function folderOf(role: StoreRole): string {
  return `/stores/${volumeName(role)}`
}

function authorityFolder(role: StoreRole): string {
  return `/run/secrets/notejam-${volumeName(role)}-ca`
}

function identityFolder(role: StoreRole): string {
  return `/run/secrets/notejam-${volumeName(role)}-identity`
}

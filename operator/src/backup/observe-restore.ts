import type { NotejamBackup, NotejamBackupStore, NotejamInstance, NotejamRestore } from '../api/notejam.ts'
import { restoreID } from '../instance/release/restore.ts'
import type { RestoreRequest, Stall } from '../instance/release/types.ts'
import type { SecretsState } from '../instance/secrets.ts'
import { keyToString } from '../kube/object.ts'
import { findCondition, metaTime } from '../runtime/conditions.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { restoresByInstance } from './backup-indexes.ts'
import { hasEnded } from './backup-planner.ts'
import { byAge } from './by-age.ts'
import { notejamBackups, notejamBackupStores, notejamRestores } from './kinds.ts'
import { bootstraps } from './bootstrap.ts'
import type { InstanceStores } from './resources/data-pod.ts'
import type { ArchiveChoice, RestoreJobInput } from './resources/restore-job.ts'
import { operationBackupName } from './resources/names.ts'
import type { NamedStore } from './resources/store-pod.ts'

/** What the Job of a restore is made of beside the instance. */
export type RestoreInput = Pick<
  RestoreJobInput,
  'archive' | 'source' | 'stores' | 'deadlineSeconds' | 'bootstrap' | 'withoutKey' | 'recipient'
>

/** What a pass over an instance knows of its restores in place. */
export interface RestoreSeen {
  readonly requestedRestore: RestoreRequest | undefined
  readonly restore: RestoreInput | undefined
}

/** Finds the restore in place that is under way, or whose turn it is: the oldest that has not ended. */
export function observeRestore(instance: NotejamInstance, stores: InstanceStores | undefined, context: ReconcileContext): RestoreSeen {
  const { operation, lastRestore } = instance.status ?? {}
  const waiting = restoresInPlace(instance, context)
  const isUnderWay = operation?.type === 'Restore'
  const restore = isUnderWay
    ? waiting.find(({ metadata }) => restoreID(metadata.uid ?? '') === operation.id)
    : waiting.find(({ status }) => !hasEnded(status))
  // Its end is in the status, and its own controller is about to write it down: nothing else begins before.
  const isOver = !isUnderWay && restore !== undefined && restore.metadata.uid === lastRestore?.uid
  if (restore === undefined || isOver) return { requestedRestore: undefined, restore: undefined }
  const request = { uid: restore.metadata.uid ?? '', name: restore.metadata.name, notBefore: nextSecond(restore) }
  const source = stores === undefined ? undefined : findSource(restore, stores, context)
  if (stores === undefined || source === undefined) return { requestedRestore: isUnderWay ? request : undefined, restore: undefined }
  return {
    requestedRestore: request,
    restore: {
      source,
      stores,
      archive: archiveBefore(findSafetyBackup(instance, context), restore),
      deadlineSeconds: restore.spec.deadlineSeconds ?? defaultDeadlineSeconds,
      bootstrap: isEmpty(instance, context),
    },
  }
}

/** Whether the safety backup found nothing: a database that lost everything, its mark too, is filled as a new one is. */
function isEmpty(instance: NotejamInstance, context: ReconcileContext): boolean {
  const backup = findSafetyBackup(instance, context)
  return findCondition(backup?.status?.conditions, 'Succeeded')?.reason === 'NothingToBackUp'
}

/** The backup of the operation under way. */
function findSafetyBackup({ metadata, status }: NotejamInstance, { cache }: ReconcileContext): NotejamBackup | undefined {
  if (status?.operation === undefined) return undefined
  const key = { namespace: metadata.namespace ?? '', name: operationBackupName({ metadata }, status.operation.id) }
  return cache.get<NotejamBackup>(notejamBackups, key)
}

/**
 * The name of an archive and `creationTimestamp` count in whole seconds, and an archive from the second in which the restore was asked for may be meant. So
 * the safety backup is not begun before the next one.
 */
function nextSecond({ metadata: { creationTimestamp = '' } }: NotejamRestore): number {
  return Date.parse(creationTimestamp) + 1000
}

/** As {@link archiveOf}, and never the safety backup itself, whatever time the clock of its node had. */
export function archiveBefore(safety: Pick<NotejamBackup, 'status'> | undefined, restore: NotejamRestore): ArchiveChoice {
  const archive = archiveOf(restore)
  const { startTime } = safety?.status ?? {}
  if (archive.notAfterTime === undefined || startTime === undefined) return archive
  const before = Date.parse(startTime) - 1000
  return before < Date.parse(archive.notAfterTime) ? { ...archive, notAfterTime: metaTime(before) } : archive
}

const defaultDeadlineSeconds = 14_400

/** `Latest` is the newest one from before the restore was asked for: its own safety backup is newer. */
export function archiveOf({ spec: { source }, metadata }: NotejamRestore): ArchiveChoice {
  const { backupID, notAfterTime = metadata.creationTimestamp, instance } = source
  return backupID === undefined || backupID === 'Latest' ? { notAfterTime, instance } : { backupID, instance }
}

/** What an instance is to begin with: the Job's input, or what is wrong with it. */
export function observeBootstrap(
  instance: NotejamInstance,
  { awaitsKey = false, recipient }: Pick<SecretsState, 'awaitsKey' | 'recipient'>,
  { cache }: ReconcileContext,
): { readonly restore: RestoreInput } | { readonly problem: Stall } | undefined {
  const { restore } = instance.spec.bootstrap ?? {}
  if (restore === undefined || !bootstraps(instance)) return undefined
  const { storeRef, ...archive } = restore
  const { namespace = '' } = instance.metadata
  const store = cache.get<NotejamBackupStore>(notejamBackupStores, { namespace, name: storeRef.name })
  if (store === undefined) {
    const message = `NotejamBackupStore ${storeRef.name} of spec.bootstrap is not there; create it in namespace ${namespace}`
    return { problem: { reason: 'StoreNotFound', message } }
  }
  if (store.spec.encryption.mode !== 'None' && store.spec.encryption.identitySecretRef === undefined) {
    const message = `NotejamBackupStore ${storeRef.name} of spec.bootstrap has no encryption.identitySecretRef, so its archives cannot be read here`
    return { problem: { reason: 'InvalidStore', message } }
  }
  const source = { name: storeRef.name, spec: store.spec }
  const key = awaitsKey ? { withoutKey: true, recipient } : {}
  return {
    restore: {
      source,
      stores: { first: source, second: undefined },
      archive,
      deadlineSeconds: defaultDeadlineSeconds,
      bootstrap: true,
      ...key,
    },
  }
}

/** The restores in place of an instance, the oldest first. */
export function restoresInPlace({ metadata }: NotejamInstance, { cache }: ReconcileContext): readonly NotejamRestore[] {
  const key = keyToString({ namespace: metadata.namespace ?? '', name: metadata.name })
  return cache
    .byIndex<NotejamRestore>(notejamRestores, restoresByInstance, key)
    .filter(({ spec, metadata: { deletionTimestamp } }) => spec.mode === 'InPlace' && deletionTimestamp === undefined)
    .toSorted(byAge)
}

/** The store that an archive is read from; undefined while it is not there. */
export function findSource(
  { spec, metadata }: NotejamRestore,
  { first }: InstanceStores,
  { cache }: ReconcileContext,
): NamedStore | undefined {
  const name = spec.source.storeRef?.name ?? first.name
  const store = cache.get<NotejamBackupStore>(notejamBackupStores, { namespace: metadata.namespace ?? '', name })
  return store === undefined ? undefined : { name, spec: store.spec }
}

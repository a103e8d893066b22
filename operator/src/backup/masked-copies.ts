import type { BackupStoreSpec, NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import { notejamInstances } from '../instance/kinds.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { notejamBackupStores } from './kinds.ts'
import type { InstanceStores } from './resources/data-pod.ts'
import { copySchedule, type MaskedCopy, type MaskTarget } from './resources/mask-cron-job.ts'
import type { NamedStore } from './resources/store-pod.ts'
import { scheduleTimer } from './schedule-timer.ts'
import { findMissing } from './stores.ts'

/** What the masked copies of an instance come to. */
export interface MaskedCopiesState {
  /** Those that can be made. */
  readonly copies: readonly MaskTarget[]
  /** Why the others cannot, by their names. */
  readonly unfit: ReadonlyMap<string, string>
}

/** Reads the masked copies that an instance declares. One that cannot be made keeps nothing else from going on. */
export async function readMaskedCopies(
  instance: NotejamInstance,
  stores: InstanceStores | undefined,
  context: ReconcileContext,
): Promise<MaskedCopiesState> {
  const { maskedCopies = [], timeZone } = instance.spec.backup ?? {}
  const { namespace = '' } = instance.metadata
  const copies: MaskTarget[] = []
  const unfit = new Map<string, string>()
  const wanted = wantedCopies(instance, maskedCopies.length === 0 ? [] : context.cache.list<NotejamInstance>(notejamInstances))
  for (const copy of stores === undefined ? [] : maskedCopies) {
    const { name } = copy.storeRef
    const found = context.cache.get<NotejamBackupStore>(notejamBackupStores, { namespace, name })
    const problem =
      found === undefined || stores === undefined
        ? `NotejamBackupStore ${name} is not there; create it in namespace ${namespace}`
        : (findUnfit({ copy, store: { name, spec: found.spec }, stores, timeZone, now: context.clock.now() }) ??
          (await findMissing(found, context))?.message)
    if (problem !== undefined) unfit.set(copy.name, problem)
    else if (found !== undefined) copies.push({ copy, store: { name, spec: found.spec }, wanted })
  }
  return { copies, unfit }
}

/** The copies that others name to begin with, of any store: a name is that of one archive. `Latest` is always there. */
export function wantedCopies({ metadata }: NotejamInstance, others: readonly NotejamInstance[]): readonly string[] {
  const name = `${metadata.namespace ?? ''}/${metadata.name}`
  const ids = others.flatMap(({ spec }) => {
    const { instance, backupID = 'Latest' } = spec.seed?.from ?? {}
    const isOurs = instance === name || instance === `${name}/${metadata.uid ?? ''}`
    return isOurs && backupID !== 'Latest' ? [backupID] : []
  })
  return [...new Set(ids)].toSorted()
}

/** What {@link findUnfit} looks at. */
export interface CopyEvidence {
  readonly copy: MaskedCopy
  /** Where the copy goes. */
  readonly store: NamedStore
  /** Where the archives of the instance itself lie. */
  readonly stores: InstanceStores
  readonly timeZone: string | undefined
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/**
 * Why a masked copy cannot be made as it is declared, or must not: its recipients would hold a key of the originals, or it would lie among the archives of
 * the instance, where a restore would take it for one.
 */
export function findUnfit({ copy, store, stores, timeZone, now }: CopyEvidence): string | undefined {
  const { first, second } = stores
  if (first.spec.encryption.mode !== 'None' && first.spec.encryption.identitySecretRef === undefined)
    return `NotejamBackupStore ${first.name} has no encryption.identitySecretRef, so no archive can be read here to be masked`
  const own = [first, ...(second === undefined ? [] : [second])]
  for (const { name, spec } of own) {
    if (placeOf(spec) === placeOf(store.spec))
      return `NotejamBackupStore ${store.name} is the place of ${name}; masked copies need a bucket, a volume or a prefix of their own`
    const shared = copy.recipients.find((recipient) => spec.encryption.recipients?.includes(recipient) === true)
    if (shared !== undefined)
      return `its recipient ${shared} opens the archives in NotejamBackupStore ${name} too; give a key that opens masked copies alone`
  }
  return scheduleTimer(copySchedule(copy), timeZone).invalid(now)
}

function placeOf({ s3, volume }: BackupStoreSpec): string {
  return JSON.stringify(s3 === undefined ? [volume?.claimName] : [s3.endpoint, s3.bucket, s3.prefix ?? ''])
}

import type { NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import { effectivePolicy } from '../api/policy.ts'
import type { Stall } from '../instance/release/types.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { bootstraps } from './bootstrap.ts'
import { notejamBackupStores } from './kinds.ts'
import type { SeedSource } from './resources/seed-job.ts'
import { findMissing } from './stores.ts'

/** Gathers where the masked copy is that a release of the instance is to begin with, or what is wrong with it; undefined where it needs none. */
export async function observeSeed(
  instance: NotejamInstance,
  context: ReconcileContext,
): Promise<{ readonly source: SeedSource } | { readonly problem: Stall } | undefined> {
  const { from } = instance.spec.seed ?? {}
  if (from === undefined || !isToSeed(instance)) return undefined
  const { namespace = '' } = instance.metadata
  const { name } = from.storeRef
  const store = context.cache.get<NotejamBackupStore>(notejamBackupStores, { namespace, name })
  if (store === undefined) {
    const message = `NotejamBackupStore ${name} of spec.seed.from is not there; create it in namespace ${namespace}`
    return { problem: { reason: 'StoreNotFound', message } }
  }
  if (store.spec.encryption.mode !== 'None' && store.spec.encryption.identitySecretRef === undefined) {
    const message = `NotejamBackupStore ${name} of spec.seed.from has no encryption.identitySecretRef, so its masked copies cannot be read here`
    return { problem: { reason: 'InvalidStore', message } }
  }
  const problem = await findMissing(store, context)
  if (problem !== undefined) return { problem }
  return { source: { store: { name, spec: store.spec }, instance: from.instance, backupID: from.backupID ?? 'Latest' } }
}

/** Whether a release is under way or about to begin that fills the database: each one where it is wiped, else the first. */
function isToSeed(instance: NotejamInstance): boolean {
  const { spec, status } = instance
  const { current } = status?.release ?? {}
  if (spec.environment === 'Production' || bootstraps(instance)) return false
  const { operation } = status ?? {}
  const isReleasing = operation === undefined ? current?.image !== spec.image : operation.type === 'Release'
  return isReleasing && (current === undefined || effectivePolicy(spec).releaseStrategy === 'Wipe')
}

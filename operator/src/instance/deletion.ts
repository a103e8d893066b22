import { annotationPrefix, annotations } from '../api/labels.ts'
import type { NotejamInstance } from '../api/notejam.ts'
import { deleteDataJobs } from '../backup/data-jobs.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'
import { controllerOf, keyOf } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import { addFinalizer, hasFinalizer, removeFinalizer } from '../runtime/finalizer.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { after, done, type Result } from '../runtime/result.ts'
import { notejamInstances } from './kinds.ts'
import { takeLastBackup } from './last-backup.ts'
import { ownerAnnotation } from '../backup/resources/last-backup.ts'
import { deletionPolicyOf, findOwnClaim, holdsOwnClaim } from './own-claim.ts'
import type { SecretsOptions } from './secrets.ts'

/** Holds an instance whose volume stays until the volume is let go. Removing it by hand lets the volume stay, as ours. */
const volumeFinalizer = `${annotationPrefix}retain-volume`
/** Holds an instance until its last backup is complete. Removing it by hand lets it go without one. */
const backupFinalizer = `${annotationPrefix}last-backup`

/** Seconds until an instance that waits for its last backup is looked at again, where no watch may tell. */
const lookSeconds = 10

/** The finalizer of an instance that somebody deletes in the foreground: all that the instance owns is deleted at once, whatever else holds it. */
const foregroundFinalizer = 'foregroundDeletion'

/** Whether the volume that the operator makes is to outlive the instance. */
function retains(instance: NotejamInstance): boolean {
  const { sqlite, builtIn } = instance.spec.database
  if (builtIn === undefined && (sqlite === undefined || sqlite.storage.existingClaim !== undefined)) return false
  return deletionPolicyOf(instance) === 'Retain'
}

/** Sets the finalizers that the deletion policy asks for, and takes those away that it does not, before there is anything to lose. */
export async function guardDeletion(instance: NotejamInstance, { cache, client, signal }: ReconcileContext): Promise<NotejamInstance> {
  const claim = findOwnClaim(instance, cache)
  // Until the garbage collector knows of it, a volume that is to go with its instance would stay.
  const isUnowned = !holdsOwnClaim(instance) && claim !== undefined && controllerOf(claim) === undefined
  const wanted = [
    [volumeFinalizer, retains(instance) || isUnowned],
    [backupFinalizer, deletionPolicyOf(instance) === 'BackupThenDelete'],
  ] as const
  let guarded = instance
  for (const [finalizer, isWanted] of wanted) {
    const change = isWanted ? addFinalizer : removeFinalizer
    guarded = await change(client, notejamInstances, guarded, finalizer, signal)
  }
  return guarded
}

/**
 * Does for a deleted instance what its policy says: backs it up and deletes its volume, or lets that stay; then lets the instance go. The garbage collector
 * deletes the other children: each has the instance as its owner. The policy counts that the spec has now: to change it is the way out of a backup that fails.
 */
export async function finishDeletion(
  instance: NotejamInstance,
  context: ReconcileContext,
  randomKey: NonNullable<SecretsOptions['randomKey']>,
): Promise<Result> {
  const { client, signal } = context
  const holding = [volumeFinalizer, backupFinalizer].filter((finalizer) => hasFinalizer(instance, finalizer))
  if (holding.length === 0) return done
  let left = instance
  if (deletionPolicyOf(instance) === 'BackupThenDelete') {
    // In the foreground what the backup needs would be deleted again as often as it is made.
    left = await removeFinalizer(client, notejamInstances, instance, foregroundFinalizer, signal)
    if (!(await takeLastBackup(left, context, randomKey))) return after(lookSeconds)
  }
  if (retains(instance)) await letVolumeGo(instance, context)
  else {
    await deleteDataJobs(instance, context)
    const claim = findOwnClaim(instance, context.cache)
    if (claim !== undefined) await context.applier.delete(resources.persistentVolumeClaims, claim, instance)
  }
  for (const finalizer of holding) left = await removeFinalizer(client, notejamInstances, left, finalizer, signal)
  return done
}

async function letVolumeGo(instance: NotejamInstance, { cache, client, recorder, signal }: ReconcileContext): Promise<void> {
  const claim = findOwnClaim(instance, cache)
  if (claim === undefined) return
  const { uid, resourceVersion, name } = claim.metadata
  const ownerReferences = (claim.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== instance.metadata.uid)
  const metadata = { uid, resourceVersion, ownerReferences, annotations: { [ownerAnnotation]: null } }
  try {
    await client.patch(resources.persistentVolumeClaims, keyOf(claim), { metadata }, { type: 'merge', signal })
  } catch (error) {
    if (!isNotFound(error)) throw error
    return
  }
  const wayBack =
    instance.spec.database.builtIn === undefined
      ? 'an instance takes it with database.sqlite.storage.existingClaim'
      : `an instance of the same name takes it, once it has the annotation ${annotations.adopt}=${instance.metadata.name}`
  const note = `PersistentVolumeClaim ${name} stays; ${wayBack}`
  recorder.event(instance, { type: 'Normal', reason: 'VolumeRetained', action: 'Delete', note, related: claim })
}

/** Deletes an instance whose time is over. */
export async function expire(instance: NotejamInstance, { client, recorder, signal }: ReconcileContext): Promise<Result> {
  const note = `The time of spec.expiration (${instance.spec.expiration?.time ?? ''}) has passed; the instance is deleted`
  const { uid } = instance.metadata
  try {
    await client.delete(notejamInstances, keyOf(instance), {
      propagation: 'Background',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      signal,
    })
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
    return done
  }
  recorder.event(instance, { type: 'Normal', reason: 'Expired', action: 'Delete', note })
  return done
}

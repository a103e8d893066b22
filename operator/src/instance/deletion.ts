import { annotationPrefix, annotations } from '../api/labels.ts'
import type { NotejamInstance } from '../api/notejam.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'
import { keyOf } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import { addFinalizer, hasFinalizer, removeFinalizer } from '../runtime/finalizer.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { done, type Result } from '../runtime/result.ts'
import { notejamInstances } from './kinds.ts'

/** Holds an instance whose volume stays until the volume is let go. Removing it by hand lets the volume be deleted with the instance. */
const finalizer = `${annotationPrefix}retain-volume`

/** Whether the volume that the operator makes is to outlive the instance. */
function retains({ spec }: NotejamInstance): boolean {
  const { sqlite, builtIn } = spec.database
  if (builtIn === undefined && (sqlite === undefined || sqlite.storage.existingClaim !== undefined)) return false
  return (spec.deletionPolicy ?? (spec.environment === 'Production' ? 'Retain' : 'Delete')) === 'Retain'
}

/** Sets the finalizer where the volume is to stay, and takes it away where it is not, before the volume is made. */
export async function guardVolume(instance: NotejamInstance, { client, signal }: ReconcileContext): Promise<NotejamInstance> {
  if (retains(instance) === hasFinalizer(instance, finalizer)) return instance
  const change = retains(instance) ? addFinalizer : removeFinalizer
  return change(client, notejamInstances, instance, finalizer, signal)
}

/**
 * Lets the volume of a deleted instance go, if it is to stay, and then the instance. The garbage collector deletes the other children: each has the
 * instance as its owner.
 */
export async function finishDeletion(instance: NotejamInstance, { cache, client, recorder, signal }: ReconcileContext): Promise<Result> {
  if (!hasFinalizer(instance, finalizer)) return done
  if (retains(instance)) {
    for (const claim of cache.controlledBy(resources.persistentVolumeClaims, instance.metadata.uid ?? '')) {
      const { uid, resourceVersion, name } = claim.metadata
      const ownerReferences = (claim.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== instance.metadata.uid)
      try {
        await client.patch(
          resources.persistentVolumeClaims,
          keyOf(claim),
          { metadata: { uid, resourceVersion, ownerReferences } },
          { type: 'merge', signal },
        )
      } catch (error) {
        if (!isNotFound(error)) throw error
        continue
      }
      const wayBack =
        instance.spec.database.builtIn === undefined
          ? 'an instance takes it with database.sqlite.storage.existingClaim'
          : `an instance of the same name takes it, once it has the annotation ${annotations.adopt}=${instance.metadata.name}`
      const note = `PersistentVolumeClaim ${name} stays; ${wayBack}`
      recorder.event(instance, { type: 'Normal', reason: 'VolumeRetained', action: 'Delete', note, related: claim })
    }
  }
  await removeFinalizer(client, notejamInstances, instance, finalizer, signal)
  return done
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

import type { InstanceSpec, NotejamInstance } from '../api/notejam.ts'
import { ownerAnnotation } from '../backup/resources/last-backup.ts'
import { controllerOf, keyOf, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { ownClaimName } from './resources/names.ts'

/** What happens to the volume of an instance when that is deleted. */
export function deletionPolicyOf({ spec }: NotejamInstance): NonNullable<InstanceSpec['deletionPolicy']> {
  return spec.deletionPolicy ?? (spec.environment === 'Production' ? 'Retain' : 'Delete')
}

/**
 * Whether the volume is ours to delete or to leave, and not the garbage collector's: with an owner reference it would go beside a finalizer that wants to
 * back it up or keep it, as soon as somebody deletes the instance in the foreground (Kubernetes documentation, "Foreground cascading deletion").
 */
export function holdsOwnClaim(instance: NotejamInstance): boolean {
  return deletionPolicyOf(instance) !== 'Delete'
}

/** The claim that the operator made for an instance, whether it has an owner reference or not. */
export function findOwnClaim(instance: NotejamInstance, cache: CacheReader): KubeObject | undefined {
  const claim = cache.get(resources.persistentVolumeClaims, { ...keyOf(instance), name: ownClaimName(instance) })
  return claim !== undefined && isOwn(claim, instance) ? claim : undefined
}

/** The claim of an earlier instance of the same name that is about to go. */
export function findLeavingClaim(instance: NotejamInstance, cache: CacheReader): KubeObject | undefined {
  const claim = cache.get(resources.persistentVolumeClaims, { ...keyOf(instance), name: ownClaimName(instance) })
  const isLeaving = claim?.metadata.deletionTimestamp !== undefined && controllerOf(claim) === undefined
  return isLeaving && !isOwn(claim, instance) ? claim : undefined
}

function isOwn(claim: KubeObject, { metadata: { uid } }: NotejamInstance): boolean {
  const owner = controllerOf(claim)
  return owner === undefined ? claim.metadata.annotations?.[ownerAnnotation] === uid : owner.uid === uid
}

import { childName } from '../../api/labels.ts'
import type { NotejamInstance } from '../../api/notejam.ts'
import type { Phase } from '../release/steps.ts'

/** Name of the Deployment, the Service and the Ingress. */
export function workloadName(instance: NotejamInstance): string {
  return instance.metadata.name
}

/** Name of the StatefulSet, the Service, the Secret and the NetworkPolicy of the built-in database. */
export function databaseName(instance: NotejamInstance): string {
  return childName(instance.metadata.name, 'database')
}

/** Name of the claim that the operator makes. */
export function ownClaimName(instance: NotejamInstance): string {
  return childName(instance.metadata.name, 'data')
}

/** Name of the claim that the pods mount: a given one, else the operator's. */
export function claimName(instance: NotejamInstance): string {
  return instance.spec.database.sqlite?.storage.existingClaim ?? ownClaimName(instance)
}

/** Name of the Secret that the operator makes for the session key. */
export function ownSecretName(instance: NotejamInstance): string {
  return childName(instance.metadata.name, 'session')
}

/** Name of the Secret whose key the app uses: a given one, else the operator's. */
export function secretName(instance: NotejamInstance): string {
  return instance.spec.app?.secretRef?.name ?? ownSecretName(instance)
}

/** Name of the Job of a release's step: by what it does, so that a step of a release has at most one. */
export function releaseJobName(instance: NotejamInstance, releaseID: string, phase: Phase): string {
  return childName(instance.metadata.name, `${releaseID}-${phase}`)
}

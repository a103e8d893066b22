import { annotationPrefix, childMetadata, childName } from '../../api/labels.ts'
import type { NotejamBackup, NotejamInstance } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'

/** Annotation with the UID of the instance, on what was made for it and outlives it. */
export const ownerAnnotation = `${annotationPrefix}owner`

/** Characters of the UID in the name: enough to tell the instances of one name apart. */
const uidLength = 8

/** Name of the last NotejamBackup of an instance: by its UID, so that it has at most one. */
export function lastBackupName({ metadata }: Pick<NotejamInstance, 'metadata'>): string {
  return childName(metadata.name, `last-${(metadata.uid ?? '').slice(0, uidLength)}`)
}

/** The NotejamBackup that is taken before an instance is deleted. The instance does not own it: it outlives the instance, and says where the data is. */
export function buildLastBackup(instance: NotejamInstance): DynamicObject {
  const { ownerReferences: _none, ...metadata } = childMetadata(instance, 'backup', lastBackupName(instance))
  const { deadlineSeconds = 3600 } = instance.spec.backup ?? {}
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamBackup',
    metadata,
    spec: { instanceRef: { name: instance.metadata.name }, reason: 'OnDemand', deadlineSeconds },
  }
}

/** Whether a NotejamBackup is the last one of this very instance. */
export function isLastBackup({ metadata }: Pick<NotejamBackup, 'metadata'>, instance: Pick<NotejamInstance, 'metadata'>): boolean {
  return (
    metadata.name === lastBackupName(instance) &&
    metadata.namespace === instance.metadata.namespace &&
    metadata.annotations?.[ownerAnnotation] === instance.metadata.uid
  )
}

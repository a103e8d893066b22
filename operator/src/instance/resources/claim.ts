import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { ownClaimName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The volume for the SQLite file; none where a claim was given. */
export function buildClaim({ instance, policy }: RenderInput): DynamicObject | undefined {
  if (policy.storageSize === undefined) return undefined
  const storageClassName = instance.spec.database.sqlite?.storage.storageClassName
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: childMetadata(instance, 'app', ownClaimName(instance)),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: policy.storageSize } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  }
}

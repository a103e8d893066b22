import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { holdsOwnClaim } from '../own-claim.ts'
import { ownClaimName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The volume for the SQLite file or the built-in database; none where a claim was given. */
export function buildClaim({ instance, policy }: RenderInput): DynamicObject | undefined {
  if (policy.storageSize === undefined) return undefined
  const { sqlite, builtIn } = instance.spec.database
  const storageClassName = (sqlite ?? builtIn)?.storage?.storageClassName
  const { ownerReferences, ...metadata } = childMetadata(instance, 'app', ownClaimName(instance))
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: holdsOwnClaim(instance) || ownerReferences === undefined ? metadata : { ...metadata, ownerReferences },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: policy.storageSize } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  }
}

import { childMetadata } from '../../api/labels.ts'
import type { NotejamInstance, Operation } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { operationBackupName } from './names.ts'

/** The NotejamBackup before an operation changes data. */
export function buildBackup(instance: NotejamInstance, operation: Operation): DynamicObject {
  const { deadlineSeconds = 3600 } = instance.spec.backup ?? {}
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamBackup',
    metadata: childMetadata(instance, 'backup', operationBackupName(instance, operation.id)),
    spec: {
      instanceRef: { name: instance.metadata.name },
      reason: operation.type === 'Restore' ? 'PreRestore' : 'PreMigration',
      deadlineSeconds,
    },
  }
}

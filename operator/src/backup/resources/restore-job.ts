import { annotations, childMetadata } from '../../api/labels.ts'
import type { NotejamRestore } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { dataJobSpec } from './backup-job.ts'
import { dataContainer, dataPod, runAnnotation, type DataPodInput } from './data-pod.ts'
import type { NamedStore } from './store-pod.ts'

/** What the Job of a restore in place depends on. */
export interface RestoreJobInput extends DataPodInput {
  readonly restore: NotejamRestore
  /** Where the archive lies. */
  readonly source: NamedStore
  readonly name: string
  readonly operationID: string
}

/** Seconds that the command waits for the lock of the database. */
const lockSeconds = 60

/** The Job that puts an archive in the place of the data, as a whole or not at all. */
export function buildRestoreJob(input: RestoreJobInput): DynamicObject {
  const { instance, restore, source, name, operationID, image } = input
  const { deadlineSeconds = 14_400 } = restore.spec
  const stores = [['SOURCE_STORE_', source] as const]
  const container = dataContainer(input, {
    name: 'restore',
    args: [
      'restore',
      ...choose(restore),
      '--confirm',
      instance.metadata.name,
      '--wait',
      String(lockSeconds),
      '--deadline',
      String(deadlineSeconds),
    ],
    use: 'Read',
    stores,
    database: true,
  })
  const notes = { [runAnnotation]: 'restore', [annotations.release]: operationID, [annotations.image]: image }
  const used = stores.map(([role, store]) => [role, store, 'Read'] as const)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(instance, 'backup', name, notes),
    spec: {
      ...dataJobSpec('restore', deadlineSeconds),
      template: dataPod(input, { run: 'restore', deadlineSeconds, stores: used, database: true, containers: [container] }),
    },
  }
}

/** `Latest` is the newest one from before the restore was asked for: its own safety backup is newer. */
function choose({ spec: { source }, metadata }: NotejamRestore): readonly string[] {
  const { backupID, notAfterTime = metadata.creationTimestamp ?? '', instance } = source
  const choice = backupID === undefined || backupID === 'Latest' ? ['--not-after', notAfterTime] : ['--backup', backupID]
  return [...choice, ...(instance === undefined ? [] : ['--from', instance])]
}

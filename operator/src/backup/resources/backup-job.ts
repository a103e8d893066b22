import { childName } from '../../api/labels.ts'
import type { NotejamBackup, NotejamInstance } from '../../api/notejam.ts'
import type { Variable } from '../../instance/resources/pod.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { dataJob } from './data-job.ts'
import { dataContainer, roledStores, type DataPodInput } from './data-pod.ts'

/** What the Job of a NotejamBackup depends on. */
export interface BackupJobInput extends DataPodInput {
  readonly backup: NotejamBackup
}

/** Name of the Job of a NotejamBackup: by its UID, so that it has one whatever happens. */
export function backupJobName(instance: string, backup: NotejamBackup): string {
  return childName(instance, `backup-${(backup.metadata.uid ?? '').slice(0, 8)}`)
}

/** The Job of a NotejamBackup. Created once; the archive carries the backup's UID, so one that is repeated finds what it has done. */
export function buildBackupJob(input: BackupJobInput): DynamicObject {
  const { instance, backup, stores } = input
  const { deadlineSeconds = 3600, reason = 'OnDemand', retention } = backup.spec
  const uid = backup.metadata.uid ?? ''
  const args = ['backup', '--uid', uid, '--reason', reason, '--deadline', String(deadlineSeconds)]
  const container = dataContainer(input, {
    name: 'backup',
    args: retention === 'Hold' ? [...args, '--hold'] : args,
    use: 'Write',
    stores: roledStores(stores),
    database: true,
    environment: manifestEnvironment(instance),
  })
  const used = roledStores(stores).map(([role, store]) => [role, store, 'Write'] as const)
  const pod = { run: 'backup', deadlineSeconds, stores: used, database: true, containers: [container] }
  return dataJob(input, backupJobName(instance.metadata.name, backup), pod)
}

/** What the manifest keeps, so that the instance can be declared again from the bucket alone; and how long a store that locks objects keeps them locked. */
export function manifestEnvironment({ spec }: NotejamInstance): readonly Variable[] {
  const { daily = 'P3Y', beforeMigration = 'P30D' } = spec.backup?.retention ?? {}
  return [
    { name: 'NOTEJAM_INSTANCE_SPEC', value: JSON.stringify(spec) },
    { name: 'RETENTION_DAILY', value: daily },
    { name: 'RETENTION_BEFORE_MIGRATION', value: beforeMigration },
  ]
}

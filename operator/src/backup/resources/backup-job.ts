import { annotations, childMetadata, childName } from '../../api/labels.ts'
import type { NotejamBackup, NotejamInstance } from '../../api/notejam.ts'
import type { Variable } from '../../instance/resources/pod.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { dataContainer, dataPod, roledStores, runAnnotation, stopSeconds, type DataPodInput } from './data-pod.ts'

/** What the Job of a NotejamBackup depends on. */
export interface BackupJobInput extends DataPodInput {
  readonly backup: NotejamBackup
}

/** Exit codes of a run that a repetition may cure: somebody else holds the database's lock, the store does not answer (image contract). */
export const repeatedExits = [3, 7]

/** Pods that may fail in a row so: with the Job's backoff of 10, 20, 40 … seconds, five minutes. */
const retries = 5
/** Seconds between the deadline of the pod and that of its Job. */
const jobMarginSeconds = 5
/** Of a finished Job: it stays for a day, so that an operator that was away for that long still reads what came of it. */
export const finishedSeconds = 86_400

/** Name of the Job of a NotejamBackup: by its UID, so that it has one whatever happens. */
export function backupJobName(instance: string, backup: NotejamBackup): string {
  return childName(instance, `backup-${(backup.metadata.uid ?? '').slice(0, 8)}`)
}

/** What every Job of a data command has in common; it may be repeated, for the command knows what it did before. */
export function dataJobSpec(container: string, deadlineSeconds: number) {
  return {
    activeDeadlineSeconds: deadlineSeconds + stopSeconds + jobMarginSeconds,
    backoffLimit: retries,
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { containerName: container, operator: 'NotIn', values: repeatedExits } },
      ],
    },
  }
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
  const notes = { [runAnnotation]: 'backup', [annotations.image]: input.image }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(instance, 'backup', backupJobName(instance.metadata.name, backup), notes),
    spec: {
      ...dataJobSpec('backup', deadlineSeconds),
      ttlSecondsAfterFinished: finishedSeconds,
      template: dataPod(input, { run: 'backup', deadlineSeconds, stores: used, database: true, containers: [container] }),
    },
  }
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

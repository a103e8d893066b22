import { createHash } from 'node:crypto'
import { annotations, childMetadata, childName } from '../../api/labels.ts'
import type { InstanceSpec } from '../../api/notejam.ts'
import type { Variable } from '../../instance/resources/pod.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { manifestEnvironment } from './backup-job.ts'
import { dataJobSpec, repeatedExits } from './data-job.ts'
import { dataContainer, dataPod, roledStores, runAnnotation, type DataPodInput } from './data-pod.ts'
import type { MaskTarget } from './mask-cron-job.ts'
import { scratchURL, withScratchServer } from './scratch-server.ts'

/** What the CronJobs of an instance depend on. */
export interface CronJobsInput extends DataPodInput {
  /** No run begins: the instance sleeps, or its data is being replaced. */
  readonly suspended: boolean
  /** Archives that stay, whatever the retention says. */
  readonly holds: readonly string[]
  /** Archives that stayed so, and need not any more. */
  readonly released: readonly string[]
  /** Masked copies that can be made. */
  readonly copies: readonly MaskTarget[]
}

/** Seconds for pruning after a scheduled backup, and the greatest wait before one: runs that all became due at once do not begin at once. */
export const pruneSeconds = 600
const jitterSeconds = 300

/** A run that was missed is made up for within twelve hours; beyond that the next one is near. */
const startingDeadlineSeconds = 43_200

/** Minutes after midnight over which instances that name no schedule are spread. */
const spreadMinutes = 15

/** The UID of a scheduled Job, as `$(RUN_UID)` in arguments: by it a pod that is repeated finds what the one before has done. */
export const runUid: Variable = {
  name: 'RUN_UID',
  valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } },
}

/** The schedule of backups: the given one, else daily in the first quarter of an hour, at a minute of the instance's own. */
export function backupSchedule({ backup }: InstanceSpec, uid: string): string {
  if (backup?.schedule !== undefined) return backup.schedule
  const minute = createHash('sha256').update(uid).digest().readUInt16BE() % spreadMinutes
  return `${minute} 0 * * *`
}

/** A prune that failed for good is not tried again. */
export const failsWithPrune = { action: 'FailJob', onExitCodes: { containerName: 'prune', operator: 'NotIn', values: repeatedExits } }

/** Name of the CronJob that backs up. */
export function backupCronJobName(instance: string): string {
  return childName(instance, 'backup')
}

/** Name of the CronJob that restores on trial. */
export function verifyCronJobName(instance: string): string {
  return childName(instance, 'verify')
}

/** The CronJobs of an instance: they go on while the operator is away. */
export function buildCronJobs(input: CronJobsInput): readonly DynamicObject[] {
  const { backup } = input.instance.spec
  if (backup === undefined) return []
  return [buildBackupCronJob(input), ...(backup.verification === undefined ? [] : [buildVerifyCronJob(input, backup.verification)])]
}

/** Backs up, and when that went well lets go of what the retention does not ask for any more: nothing is deleted while backups fail. */
function buildBackupCronJob(input: CronJobsInput): DynamicObject {
  const { instance, stores } = input
  const { deadlineSeconds = 3600 } = instance.spec.backup ?? {}
  const roled = roledStores(stores)
  const backup = dataContainer(input, {
    name: 'backup',
    args: ['backup', '--uid', '$(RUN_UID)', '--reason', 'Scheduled', '--deadline', String(deadlineSeconds)],
    use: 'Write',
    stores: roled,
    database: true,
    environment: [runUid, { name: 'BACKUP_JITTER_SECONDS', value: String(jitterSeconds) }, ...manifestEnvironment(instance)],
  })
  const prune = dataContainer(input, {
    name: 'prune',
    args: ['prune', ...retentionArguments(instance.spec), ...each('--hold', input.holds), ...each('--release', input.released)],
    use: 'Prune',
    stores: roled,
    database: false,
  })
  const used = roled.map(([role, store]) => [role, store, 'Prune'] as const)
  const seconds = jitterSeconds + deadlineSeconds + pruneSeconds
  const containers = { initContainers: [backup], containers: [prune] }
  const pod = dataPod(input, { run: 'backup', deadlineSeconds: seconds, stores: used, database: true, ...containers })
  const spec = dataJobSpec('backup', seconds)
  const rules = [...spec.podFailurePolicy.rules, failsWithPrune]
  return cronJob(input, backupCronJobName(instance.metadata.name), 'backup', backupSchedule(instance.spec, instance.metadata.uid ?? ''), {
    ...spec,
    podFailurePolicy: { rules },
    template: pod,
  })
}

/** An option that is said more than once. */
export function each(name: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value) => [name, value])
}

/** How long archives are kept, as `prune` takes it. The static defaults repeat those of the schema. */
export function retentionArguments({ backup }: InstanceSpec): readonly string[] {
  const { daily = 'P3Y', weekly, monthly, beforeMigration = 'P30D' } = backup?.retention ?? {}
  const tier = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value])
  return [
    ...tier('--daily', daily),
    ...tier('--weekly', weekly),
    ...tier('--monthly', monthly),
    ...tier('--before-migration', beforeMigration),
  ]
}

/** Restores the newest archive into a throw-away server beside it. It opens no database but that one, and holds the only key that is here. */
function buildVerifyCronJob(
  input: CronJobsInput,
  verification: NonNullable<NonNullable<InstanceSpec['backup']>['verification']>,
): DynamicObject {
  const { instance } = input
  const { deadlineSeconds = 3600 } = instance.spec.backup ?? {}
  const { template } = buildVerification(input, ['verify', '--backup', 'Latest'], deadlineSeconds)
  return cronJob(input, verifyCronJobName(instance.metadata.name), 'verify', verification.schedule ?? '0 4 * * 0', {
    ...dataJobSpec('verify', deadlineSeconds),
    template,
  })
}

/** The pod of a trial restore. */
export function buildVerification(input: DataPodInput, args: readonly string[], deadlineSeconds: number) {
  const roled = roledStores({ ...input.stores, second: undefined })
  const container = dataContainer(input, {
    name: 'verify',
    args,
    use: 'Read',
    stores: roled,
    database: false,
    environment: scratchURL(input),
  })
  const used = roled.map(([role, store]) => [role, store, 'Read'] as const)
  const template = dataPod(input, {
    ...{ run: 'verify', deadlineSeconds, stores: used, database: false },
    ...withScratchServer(input),
    containers: [container],
  })
  return { template }
}

/** A CronJob of a data command. */
export function cronJob(
  input: CronJobsInput,
  name: string,
  run: string,
  schedule: string,
  jobSpec: object,
  notes: Readonly<Record<string, string>> = {},
): DynamicObject {
  const { instance, image } = input
  const {
    name: _name,
    namespace: _namespace,
    ownerReferences: _owners,
    ...metadata
  } = childMetadata(instance, 'backup', name, {
    [runAnnotation]: run,
    [annotations.image]: image,
    ...notes,
  })
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: childMetadata(instance, 'backup', name),
    spec: {
      schedule,
      timeZone: instance.spec.backup?.timeZone ?? 'Etc/UTC',
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds,
      suspend: input.suspended,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: { metadata, spec: jobSpec },
    },
  }
}

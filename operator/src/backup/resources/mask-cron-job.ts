import { annotationPrefix, childName } from '../../api/labels.ts'
import type { InstanceSpec } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { cronJob, each, failsWithPrune, pruneSeconds, retentionArguments, runUid, type CronJobsInput } from './backup-cron-jobs.ts'
import { dataJobSpec } from './data-job.ts'
import { dataContainer, dataPod, type DataPod } from './data-pod.ts'
import { scratchURL, withScratchServer } from './scratch-server.ts'
import type { NamedStore } from './store-pod.ts'

/** A masked copy as its owner declares it. */
export type MaskedCopy = NonNullable<NonNullable<InstanceSpec['backup']>['maskedCopies']>[number]

/** A masked copy together with the store that it goes to. */
export interface MaskTarget {
  readonly copy: MaskedCopy
  readonly store: NamedStore
  /** Copies that an instance names to begin with: they stay. */
  readonly wanted?: readonly string[]
}

/** Annotation of the Jobs of a masked copy: its name in the spec. */
export const copyAnnotation = `${annotationPrefix}masked-copy`

/** The controller of CronJobs puts eleven characters behind the name, for a Job (Kubernetes documentation, "CronJob"). */
const longestCronJobName = 52

/** The schedule of a masked copy; the static default repeats that of the schema. */
export function copySchedule({ schedule = '0 5 * * 0' }: MaskedCopy): string {
  return schedule
}

/** Name of the CronJob of a masked copy. */
export function maskCronJobName(instance: string, copy: string): string {
  return childName(instance, `mask-${copy}`, longestCronJobName)
}

/** The CronJobs of the masked copies of an instance. */
export function buildMaskCronJobs(input: CronJobsInput): readonly DynamicObject[] {
  return input.copies.map((target) => buildMaskCronJob(input, target))
}

/**
 * Restores the newest archive into a throw-away server beside it, masks it there, and archives the result in the store of the copy for its recipients alone.
 * It opens no database but that one; what opens the copy is not in its pod. When that went well it lets go of old copies, where the store says with whose
 * credentials: those that write should not be able to delete.
 */
function buildMaskCronJob(input: CronJobsInput, { copy, store, wanted = [] }: MaskTarget): DynamicObject {
  const { instance, stores } = input
  const { deadlineSeconds = 3600 } = instance.spec.backup ?? {}
  const target: NamedStore = {
    name: store.name,
    spec: { ...store.spec, encryption: { mode: 'Age', recipients: [...copy.recipients] } },
  }
  const used = [
    ['STORE_', stores.first, 'Read'],
    ['TARGET_STORE_', target, 'Write'],
  ] as const
  const container = dataContainer(input, {
    name: 'mask',
    args: ['mask', '--backup', 'Latest', '--uid', '$(RUN_UID)', '--deadline', String(deadlineSeconds)],
    use: 'Read',
    stores: used,
    database: false,
    environment: [runUid, ...scratchURL(input)],
  })
  const beside: Partial<Pick<DataPod, 'annotations' | 'volumes' | 'initContainers'>> = withScratchServer(input)
  const { initContainers: servers = [], ...scratch } = beside
  const isPruned = store.spec.volume !== undefined || store.spec.s3?.pruneCredentialsSecretRef !== undefined
  const prune = dataContainer(input, {
    name: 'prune',
    args: ['prune', ...retentionArguments(instance.spec), ...each('--keep', wanted)],
    use: 'Prune',
    stores: [['TARGET_STORE_', target, 'Prune']],
    database: false,
  })
  const seconds = deadlineSeconds + (isPruned ? pruneSeconds : 0)
  const template = dataPod(input, {
    ...{ run: 'mask', deadlineSeconds: seconds, stores: used, database: false, ...scratch },
    ...(isPruned ? { initContainers: [...servers, container], containers: [prune] } : { initContainers: servers, containers: [container] }),
  })
  const name = maskCronJobName(instance.metadata.name, copy.name)
  const spec = dataJobSpec('mask', seconds)
  const rules = isPruned ? [...spec.podFailurePolicy.rules, failsWithPrune] : spec.podFailurePolicy.rules
  const notes = { [copyAnnotation]: copy.name }
  return cronJob(input, name, 'mask', copySchedule(copy), { ...spec, podFailurePolicy: { rules }, template }, notes)
}

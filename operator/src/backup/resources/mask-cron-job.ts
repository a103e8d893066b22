import { annotationPrefix, childName } from '../../api/labels.ts'
import type { InstanceSpec } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { cronJob, runUid, type CronJobsInput } from './backup-cron-jobs.ts'
import { dataJobSpec } from './data-job.ts'
import { dataContainer, dataPod } from './data-pod.ts'
import { scratchURL, withScratchServer } from './scratch-server.ts'
import type { NamedStore } from './store-pod.ts'

/** A masked copy as its owner declares it. */
export type MaskedCopy = NonNullable<NonNullable<InstanceSpec['backup']>['maskedCopies']>[number]

/** A masked copy together with the store that it goes to. */
export interface MaskTarget {
  readonly copy: MaskedCopy
  readonly store: NamedStore
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
 * It opens no database but that one; what opens the copy is not in its pod.
 */
function buildMaskCronJob(input: CronJobsInput, { copy, store }: MaskTarget): DynamicObject {
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
  const template = dataPod(input, {
    ...{ run: 'mask', deadlineSeconds, stores: used, database: false },
    ...withScratchServer(input),
    containers: [container],
  })
  const name = maskCronJobName(instance.metadata.name, copy.name)
  const spec = { ...dataJobSpec('mask', deadlineSeconds), template }
  return cronJob(input, name, 'mask', copySchedule(copy), spec, { [copyAnnotation]: copy.name })
}

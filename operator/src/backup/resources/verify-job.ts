import { annotations, childMetadata, childName } from '../../api/labels.ts'
import type { NotejamRestore } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { buildVerification } from './backup-cron-jobs.ts'
import { dataJobSpec, finishedSeconds } from './data-job.ts'
import { runAnnotation, type DataPodInput } from './data-pod.ts'
import type { NamedStore } from './store-pod.ts'

/** What the Job of a trial restore depends on. */
export interface VerifyJobInput extends DataPodInput {
  readonly restore: NotejamRestore
  readonly source: NamedStore
}

/** The Job of a NotejamRestore of mode Verify. */
export function buildVerifyJob(input: VerifyJobInput): DynamicObject {
  const { instance, restore, source, image } = input
  const { source: archive, deadlineSeconds = 14_400 } = restore.spec
  const from = archive.instance === undefined ? [] : ['--from', archive.instance]
  const args = ['verify', '--backup', archive.backupID ?? 'Latest', ...from]
  const { template } = buildVerification({ ...input, stores: { first: source, second: undefined } }, args, deadlineSeconds)
  const name = childName(instance.metadata.name, `verify-${(restore.metadata.uid ?? '').slice(0, 8)}`)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(instance, 'backup', name, { [runAnnotation]: 'verify', [annotations.image]: image }),
    spec: { ...dataJobSpec('verify', deadlineSeconds), ttlSecondsAfterFinished: finishedSeconds, template },
  }
}

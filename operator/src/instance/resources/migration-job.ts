import { annotations, childLabels, childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { migrationJobName } from './names.ts'
import { commonEnvironment, commonMounts, commonVolumes, hardenedContainer, hardenedPod, pullSecrets } from './pod.ts'
import type { PodInput } from './render-input.ts'

/** What a migration Job depends on beside the instance. */
export interface MigrationJobInput extends PodInput {
  /** Image as the spec names it: the digest that this Job gets is the one that is rolled out. */
  readonly image: string
  readonly releaseID: string
  /** Whether a pod of the app runs and shares a volume with the Job: one for a single node has to be mounted where it is. */
  readonly besideApp: boolean
}

/** Exit code of `migrate` when somebody else holds the database's lock: the only failure that a repetition may cure. */
export const exitLocked = 3

/** Pods that may fail in a row for a lock: with the Job's backoff of 10, 20, 40 … seconds, five minutes. */
const lockedRetries = 5

/**
 * The Job that brings the schema forward for one release. It is created once and never changed; a pod that was lost (a drained node, say) is
 * replaced without counting, one that failed is not repeated unless the database was locked.
 */
export function buildMigrationJob(input: MigrationJobInput): DynamicObject {
  const { instance, policy, image, releaseID } = input
  const { name } = instance.metadata
  const notes = { [annotations.image]: image, [annotations.release]: releaseID }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(instance, 'migration', migrationJobName(instance, releaseID), notes),
    spec: {
      activeDeadlineSeconds: policy.migrationDeadlineSeconds,
      backoffLimit: lockedRetries,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { containerName: 'migrate', operator: 'NotIn', values: [exitLocked] } },
        ],
      },
      template: {
        metadata: { labels: childLabels(name, 'migration'), annotations: notes },
        spec: {
          ...hardenedPod(),
          ...pullSecrets(input),
          restartPolicy: 'Never',
          ...(input.besideApp ? { affinity: besideAppAffinity(name) } : {}),
          containers: [
            {
              name: 'migrate',
              image,
              args: ['migrate', '--phase', 'expand'],
              ...hardenedContainer(),
              env: commonEnvironment(input),
              resources: policy.resources,
              volumeMounts: commonMounts(input),
            },
          ],
          volumes: commonVolumes(input),
        },
      },
    },
  }
}

function besideAppAffinity(instance: string) {
  const term = { labelSelector: { matchLabels: selectorLabels(instance, 'app') }, topologyKey: 'kubernetes.io/hostname' }
  return { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
}

import { annotations, childLabels, childMetadata, selectorLabels, type Component } from '../../api/labels.ts'
import type { DatabaseIdentity, InstanceSpec } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import type { Phase } from '../release/steps.ts'
import { releaseJobName, workloadName } from './names.ts'
import {
  commonEnvironment,
  commonMounts,
  commonVolumes,
  databaseWait,
  hardenedContainer,
  hardenedPod,
  podPlacement,
  pullPolicy,
  pullSecrets,
} from './pod.ts'
import { ports, type PodInput } from './render-input.ts'

/** What such a Job does; those of a restore and of a rehearsal are made like those of backups, as is that of a seed from a masked copy. */
export type ReleasePhase = Exclude<Phase, 'rehearse' | 'restore'>

/** What the Job of a release's step depends on beside the instance. */
export interface ReleaseJobInput extends PodInput {
  readonly phase: ReleasePhase
  /** Image of the step: as the spec names it until the first Job has shown its digest, by that digest from then on. */
  readonly image: string
  readonly releaseID: string
  /** Whether a pod of the app runs and shares a volume with the Job: one for a single node has to be mounted where it is. */
  readonly besideApp: boolean
  /** The mark that a wipe must find. */
  readonly identity?: DatabaseIdentity
}

/** Exit code when somebody else holds the database's lock: the only failure that a repetition may cure. */
export const exitLocked = 3

/** Pods that may fail in a row for a lock: with the Job's backoff of 10, 20, 40 … seconds, five minutes. */
const lockedRetries = 5

/** Seconds that a pod gets to end after its deadline; the Job's own deadline comes after that, so that the pod is still there to say what it did. */
const stopSeconds = 10
const jobMarginSeconds = 5

const components: Readonly<Record<ReleasePhase, Component>> = {
  inspect: 'release',
  contract: 'release',
  wipe: 'release',
  expand: 'migration',
  seed: 'release',
  smoke: 'smoke',
  verify: 'smoke',
}

/**
 * The Job of one step of a release. It is created once and never changed; a pod that was lost (a drained node, say) is replaced without counting, one
 * that failed is not repeated unless the database was locked.
 */
export function buildReleaseJob(input: ReleaseJobInput): DynamicObject {
  const { instance, phase, image, releaseID } = input
  const { name } = instance.metadata
  const notes = { [annotations.image]: image, [annotations.release]: releaseID }
  const component = components[phase]
  const deadline = deadlineOf(input)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(instance, component, releaseJobName(instance, releaseID, phase), notes),
    spec: {
      activeDeadlineSeconds: deadline + stopSeconds + jobMarginSeconds,
      backoffLimit: lockedRetries,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { containerName: containerNames[phase], operator: 'NotIn', values: [exitLocked] } },
        ],
      },
      template: {
        metadata: { labels: childLabels(name, component), annotations: notes },
        spec: {
          ...hardenedPod(),
          ...pullSecrets(input),
          ...podPlacement(input),
          restartPolicy: 'Never',
          activeDeadlineSeconds: deadline,
          terminationGracePeriodSeconds: stopSeconds,
          ...(input.besideApp && phase !== 'verify' ? { affinity: besideAppAffinity(name) } : {}),
          ...(phase === 'smoke' ? { initContainers: [buildSidecar(input)] } : {}),
          containers: [buildContainer(input)],
          ...(phase === 'verify' ? {} : { volumes: commonVolumes(input) }),
        },
      },
    },
  }
}

const containerNames: Readonly<Record<ReleasePhase, string>> = {
  inspect: 'inspect',
  contract: 'contract',
  wipe: 'wipe',
  expand: 'migrate',
  seed: 'seed',
  smoke: 'smoke',
  verify: 'verify',
}

/** What tries pages may take as long as a roll-out makes no progress; the others, as a migration. */
function deadlineOf({ phase, policy }: ReleaseJobInput): number {
  return phase === 'smoke' || phase === 'verify' ? policy.progressDeadlineSeconds : policy.migrationDeadlineSeconds
}

function buildContainer(input: ReleaseJobInput) {
  const { phase, image, policy } = input
  const base = {
    name: containerNames[phase],
    image,
    args: argumentsOf(input),
    ...pullPolicy(input),
    ...hardenedContainer(),
    resources: policy.resources,
  }
  // They talk to the app alone, so they get neither keys nor the database.
  if (phase === 'smoke' || phase === 'verify') return base
  const adopt = input.instance.spec.database.adopt?.instanceUID
  const takeOver = phase === 'expand' && adopt !== undefined ? [{ name: 'NOTEJAM_ADOPT', value: adopt }] : []
  return { ...base, env: [...commonEnvironment(input), ...takeOver, databaseWait], volumeMounts: commonMounts(input) }
}

function argumentsOf(input: ReleaseJobInput): readonly string[] {
  const { phase, instance, releaseID, identity } = input
  const uid = instance.metadata.uid ?? ''
  switch (phase) {
    case 'inspect':
      return ['status', '--json']
    case 'contract':
      return ['migrate', '--phase', 'contract']
    case 'expand':
      return ['migrate', '--phase', 'expand']
    case 'wipe':
      // The database remembers the id, and is not wiped for it again.
      return ['wipe', '--instance-uid', uid, '--fingerprint', identity?.fingerprint ?? '', '--wipe-id', `${uid}/${releaseID}`]
    case 'seed':
      return ['seed', '--generate', ...seedArguments(instance.spec)]
    case 'smoke':
      return ['smoke', '--base', `http://127.0.0.1:${ports.http}`]
    case 'verify':
      return ['smoke', '--base', `http://${workloadName(instance)}.${instance.metadata.namespace ?? 'default'}.svc`]
  }
}

/** The static defaults repeat those of the schema. */
function seedArguments({ seed }: InstanceSpec): readonly string[] {
  const { users = 3, notesPerUser = 60, seed: number = 1 } = seed?.generate ?? {}
  return ['--users', String(users), '--notes', String(notesPerUser), '--seed', String(number)]
}

/** The app of the new image, which only the smoke test beside it reaches: no Service selects its pod. */
function buildSidecar(input: ReleaseJobInput) {
  return {
    name: 'app',
    image: input.image,
    args: ['serve'],
    restartPolicy: 'Always',
    ...pullPolicy(input),
    ...hardenedContainer(),
    env: [...commonEnvironment(input), { name: 'DRAIN_SECONDS', value: '0' }, { name: 'STOP_TIMEOUT_SECONDS', value: '5' }],
    resources: input.policy.resources,
    startupProbe: { httpGet: { path: '/readyz', port: ports.ops }, timeoutSeconds: 3, periodSeconds: 1, failureThreshold: 600 },
    volumeMounts: commonMounts(input),
  }
}

function besideAppAffinity(instance: string) {
  const term = { labelSelector: { matchLabels: selectorLabels(instance, 'app') }, topologyKey: 'kubernetes.io/hostname' }
  return { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
}

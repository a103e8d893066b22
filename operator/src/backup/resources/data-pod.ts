import { childLabels, selectorLabels } from '../../api/labels.ts'
import type { NotejamInstance } from '../../api/notejam.ts'
import {
  commonMounts,
  commonVolumes,
  databaseEnvironment,
  hardenedContainer,
  hardenedPod,
  podPlacement,
  pullPolicy,
  pullSecrets,
  type Variable,
  databaseWait,
} from '../../instance/resources/pod.ts'
import { paths, secretKeyEntry, type PodInput } from '../../instance/resources/render-input.ts'
import { storeEnvironment, storeMounts, storeVolumes, type NamedStore, type StoreRole, type StoreUse } from './store-pod.ts'

/** What the pod of a data command depends on. */
export interface DataPodInput extends PodInput {
  /** By digest, as soon as it is known. */
  readonly image: string
  readonly stores: InstanceStores
  /** Whether a pod of the app runs and shares a volume with the pod: it has to be where that one is. */
  readonly besideApp: boolean
  /** Whether the app's key is not there yet: it comes with the archive that the pod restores. */
  readonly withoutKey?: boolean
}

/** The stores of an instance. */
export interface InstanceStores {
  readonly first: NamedStore
  readonly second: NamedStore | undefined
}

/** A store together with what a command calls it, and what it does with it where that is not what it does with the others. */
export type RoledStore = readonly [StoreRole, NamedStore, StoreUse?]

/** What a container of a data command is made of. */
export interface DataContainer {
  readonly name: string
  readonly args: readonly string[]
  readonly use: StoreUse
  readonly stores: readonly RoledStore[]
  /** Whether it opens the instance's own database. */
  readonly database: boolean
  readonly environment?: readonly Variable[]
}

/** Annotation of Jobs and their pods: which data command they run. */
export const runAnnotation = 'notejam.io/run'

/** Seconds that a pod gets to end after its deadline; the Job's own deadline comes after that, so that the pod is still there to say what it did. */
export const stopSeconds = 10
const scratch = '/scratch'
const defaultScratchSize = '10Gi'

/** Compression and encryption take a core for a while; the command itself stays within 128 MiB (measured bar), the tools beside it take the rest. */
const defaultResources = { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } }

/** The stores of an instance with their names in the environment. */
export function roledStores({ first, second }: InstanceStores): readonly RoledStore[] {
  return [['STORE_', first] as const, ...(second === undefined ? [] : [['SECOND_STORE_', second] as const])]
}

/** One container that runs a data command. */
export function dataContainer(input: DataPodInput, { name, args, use, stores, database, environment = [] }: DataContainer) {
  const { instance, image } = input
  return {
    name,
    image,
    args,
    ...pullPolicy(input),
    ...hardenedContainer(),
    env: [
      ...(database ? [...databaseEnvironment(input), databaseWait] : []),
      ...(database && input.withoutKey !== true ? [{ name: 'SECRET_KEY_FILE', value: `${paths.secrets}/${secretKeyEntry}` }] : []),
      ...identity(instance),
      { name: 'NOTEJAM_IMAGE', value: image },
      { name: 'SCRATCH_DIR', value: scratch },
      ...stores.flatMap(([role, store, own = use]) => storeEnvironment(store, role, own)),
      ...environment,
      ...(instance.spec.app?.extraEnv ?? []),
    ],
    resources: instance.spec.backup?.resources ?? defaultResources,
    volumeMounts: [
      ...(database ? keyed(input, commonMounts(input)) : [{ name: 'temporary', mountPath: paths.temporary }]),
      { name: 'scratch', mountPath: scratch },
      ...stores.flatMap(([role, store, own = use]) => storeMounts(store, role, own)),
    ],
  }
}

/** Who the instance is: where its archives lie, and what its database must say of itself. */
function identity({ metadata, spec, status }: NotejamInstance): readonly Variable[] {
  const fingerprint = status?.databaseIdentity?.fingerprint
  return [
    { name: 'NOTEJAM_NAMESPACE', value: metadata.namespace ?? 'default' },
    { name: 'NOTEJAM_INSTANCE', value: metadata.name },
    { name: 'NOTEJAM_INSTANCE_UID', value: metadata.uid ?? '' },
    { name: 'NOTEJAM_ENVIRONMENT', value: spec.environment },
    ...(fingerprint === undefined ? [] : [{ name: 'NOTEJAM_FINGERPRINT', value: fingerprint }]),
  ]
}

/** The pod of data commands. */
export interface DataPod {
  /** What it is for: {@link runAnnotation}. */
  readonly run: string
  readonly deadlineSeconds: number
  readonly stores: readonly (readonly [StoreRole, NamedStore, StoreUse])[]
  /** Whether one of its containers opens the instance's own database. */
  readonly database: boolean
  readonly annotations?: Readonly<Record<string, string>>
  readonly volumes?: readonly unknown[]
  readonly initContainers?: readonly unknown[]
  readonly containers: readonly unknown[]
}

/** The pod around such containers. */
export function dataPod(input: DataPodInput, pod: DataPod) {
  const { run, deadlineSeconds, stores, database, annotations = {}, volumes = [], ...containers } = pod
  const { instance, besideApp } = input
  const { name } = instance.metadata
  const sizeLimit = instance.spec.backup?.verification?.scratchSize ?? defaultScratchSize
  return {
    metadata: { labels: childLabels(name, 'backup'), annotations: { [runAnnotation]: run, ...annotations } },
    spec: {
      ...hardenedPod(),
      ...pullSecrets(input),
      ...podPlacement(input),
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      terminationGracePeriodSeconds: stopSeconds,
      ...(besideApp && database ? { affinity: besideAppAffinity(name) } : {}),
      ...containers,
      volumes: [
        ...(database ? keyed(input, commonVolumes(input)) : [{ name: 'temporary', emptyDir: { sizeLimit: '256Mi' } }]),
        { name: 'scratch', emptyDir: { sizeLimit } },
        ...stores.flatMap(([role, store, use]) => storeVolumes(store, role, use)),
        ...volumes,
      ],
    },
  }
}

function keyed({ withoutKey }: DataPodInput, volumes: readonly unknown[]): readonly unknown[] {
  return withoutKey === true ? volumes.filter((volume) => (volume as { readonly name: string }).name !== 'secrets') : volumes
}

function besideAppAffinity(instance: string) {
  const term = { labelSelector: { matchLabels: selectorLabels(instance, 'app') }, topologyKey: 'kubernetes.io/hostname' }
  return { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
}

import { createHash } from 'node:crypto'
import { annotations, childLabels, childMetadata, selectorLabels } from '../../api/labels.ts'
import type { EffectivePolicy } from '../../api/policy.ts'
import type { DynamicObject } from '../../kube/object.ts'
import type { Scaling } from '../scaling.ts'
import { workloadName } from './names.ts'
import {
  commonEnvironment,
  commonMounts,
  commonVolumes,
  hardenedContainer,
  hardenedPod,
  podPlacement,
  pullPolicy,
  pullSecrets,
} from './pod.ts'
import { ports, type PodInput } from './render-input.ts'

/** What a Deployment depends on beside the instance. */
export interface DeploymentInput extends PodInput {
  /** Image to run, by digest where it is known. */
  readonly image: string
  /** The release that brought the image: its id, and the image as the spec named it. */
  readonly release: { readonly id: string; readonly image: string }
  /** Hash of the Secrets that the pods read. */
  readonly secretHash: string
  readonly scaling: Scaling
}

/** How a pod ends, in seconds. */
interface Ending {
  /** It goes on as before, while proxies learn of its end. */
  readonly preStop: number
  /** It is not ready, and closes connections with its answers. */
  readonly drain: number
  /** What still runs may end. */
  readonly stop: number
}

/** What the kubelet needs around the end of a pod, in seconds. */
const endMargin = 5

/** Proxies learn of a pod's end within ten seconds; what is left after that and the drain is for requests that still run. */
function endingOf({ rolloutStrategy, drainSeconds }: EffectivePolicy): Ending {
  // Nobody else can serve while the only pod stops, so waiting for proxies would only make the gap longer.
  if (rolloutStrategy === 'Recreate') return { preStop: 0, drain: 0, stop: drainSeconds }
  const preStop = Math.min(10, Math.floor(drainSeconds / 3))
  const drain = Math.min(5, Math.floor(drainSeconds / 6))
  return { preStop, drain, stop: drainSeconds - preStop - drain }
}

/** Seconds after which a pod on a lost node is replaced, where nobody said so. */
const defaultNodeLossSeconds = 30

/** The Deployment that serves the app. */
export function buildDeployment(input: DeploymentInput): DynamicObject {
  const { instance, policy, release, scaling } = input
  const { name } = instance.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: childMetadata(instance, 'app', workloadName(instance), {
      [annotations.image]: release.image,
      [annotations.release]: release.id,
      [annotations.scaledBy]: scaling.by,
    }),
    spec: {
      ...(scaling.by === 'operator' ? { replicas: scaling.replicas } : {}),
      revisionHistoryLimit: 3,
      // The server drops a zero, and an object that comes back otherwise than it was sent is applied again after each start.
      ...(policy.minReadySeconds === 0 ? {} : { minReadySeconds: policy.minReadySeconds }),
      progressDeadlineSeconds: policy.progressDeadlineSeconds,
      selector: { matchLabels: selectorLabels(name, 'app') },
      strategy: strategyOf(input),
      template: buildTemplate(input),
    },
  }
}

/** Hash by which the pods of a template are told from older ones. It covers the template alone, so scaling does not change it. */
export function templateHash(input: DeploymentInput): string {
  return buildTemplate(input).metadata.annotations[annotations.templateHash] ?? ''
}

function buildTemplate(input: DeploymentInput) {
  const { instance } = input
  const { pod = {} } = instance.spec
  const labels = { ...pod.labels, ...childLabels(instance.metadata.name, 'app') }
  const spec = {
    ...hardenedPod(),
    ...pullSecrets(input),
    ...podPlacement(input),
    ...placement(input),
    terminationGracePeriodSeconds: input.policy.drainSeconds + endMargin,
    containers: [buildContainer(input)],
    volumes: commonVolumes(input),
  }
  const notes = { ...pod.annotations, [annotations.secretHash]: input.secretHash }
  const hash = createHash('sha256').update(JSON.stringify({ notes, labels, spec })).digest('hex').slice(0, 16)
  return { metadata: { labels, annotations: { ...notes, [annotations.templateHash]: hash } }, spec }
}

function buildContainer(input: DeploymentInput) {
  return {
    name: 'app',
    image: input.image,
    ...pullPolicy(input),
    args: ['serve'],
    ...hardenedContainer(),
    env: [...commonEnvironment(input), ...servingEnvironment(input)],
    ports: [
      { name: 'http', containerPort: ports.http, protocol: 'TCP' },
      { name: 'ops', containerPort: ports.ops, protocol: 'TCP' },
    ],
    resources: input.policy.resources,
    ...lifecycle(input),
    // The start may take as long as the roll-out may; the liveness probe begins after it.
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 60 }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 3 }),
    readinessProbe: probe('/readyz', { periodSeconds: 2, failureThreshold: 2 }),
    volumeMounts: commonMounts(input),
  }
}

/** The kubelet itself waits: the image has no shell to sleep in. */
function lifecycle({ policy }: DeploymentInput) {
  const { preStop } = endingOf(policy)
  return preStop === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds: preStop } } } }
}

function servingEnvironment({ instance, policy }: DeploymentInput) {
  const { drain, stop } = endingOf(policy)
  const { trustedProxies, allowFrom = [], ingress, gateway } = instance.spec.http ?? {}
  const behindProxy = ingress === undefined && gateway === undefined ? undefined : 'uniquelocal'
  const proxies = trustedProxies === undefined || trustedProxies.length === 0 ? behindProxy : trustedProxies.join(',')
  return [
    { name: 'DRAIN_SECONDS', value: String(drain) },
    { name: 'STOP_TIMEOUT_SECONDS', value: String(stop) },
    // An ingress controller is a pod: its address is a private one. What it says about who asks and how counts.
    ...(proxies === undefined ? [] : [{ name: 'TRUSTED_PROXIES', value: proxies }]),
    ...(allowFrom.length === 0 ? [] : [{ name: 'ALLOW_FROM', value: allowFrom.join(',') }]),
  ]
}

/** With more than one pod a new one serves before an old one goes. */
function strategyOf({ policy }: DeploymentInput) {
  if (policy.rolloutStrategy === 'Recreate') return { type: 'Recreate' }
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
}

/** Where pods go. The same for any number of them, so that scaling restarts none. */
function placement({ instance, policy }: DeploymentInput) {
  const { availability } = instance.spec
  const priority = availability?.priorityClassName === undefined ? {} : { priorityClassName: availability.priorityClassName }
  if (policy.rolloutStrategy === 'Recreate') return priority
  const spread = (topologyKey: string, whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway') => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable,
    // A node that is lost or set apart could take no pod: left in the count, its empty zone would keep every replacement waiting for it.
    ...(whenUnsatisfiable === 'DoNotSchedule' ? { nodeTaintsPolicy: 'Honor' } : {}),
    labelSelector: { matchLabels: selectorLabels(instance.metadata.name, 'app') },
    // Each template by itself: the pods that a roll-out takes away do not count.
    matchLabelKeys: ['pod-template-hash'],
  })
  const tolerationSeconds = availability?.nodeLossSeconds ?? defaultNodeLossSeconds
  return {
    ...priority,
    topologySpreadConstraints: [
      spread('topology.kubernetes.io/zone', availability?.zoneSpread === 'Required' ? 'DoNotSchedule' : 'ScheduleAnyway'),
      spread('kubernetes.io/hostname', 'ScheduleAnyway'),
    ],
    tolerations: [
      ...(instance.spec.pod?.tolerations ?? []),
      ...['not-ready', 'unreachable'].map((condition) => ({
        key: `node.kubernetes.io/${condition}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      })),
    ],
  }
}

function probe(path: string, times: { readonly periodSeconds: number; readonly failureThreshold: number }) {
  return { httpGet: { path, port: 'ops' }, timeoutSeconds: 3, ...times }
}

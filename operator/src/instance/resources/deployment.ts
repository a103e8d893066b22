import { createHash } from 'node:crypto'
import { annotations, childLabels, childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import { commonEnvironment, commonMounts, commonVolumes, hardenedContainer, hardenedPod, pullSecrets } from './pod.ts'
import { ports, type RenderInput } from './render-input.ts'

/** What a Deployment depends on beside the instance. */
export interface DeploymentInput extends RenderInput {
  /** Image to run, by digest where it is known. */
  readonly image: string
  /** The release that brought the image: its id, and the image as the spec named it. */
  readonly release: { readonly id: string; readonly image: string }
  /** Hash of the Secrets that the pods read. */
  readonly secretHash: string
}

/** Seconds in which the app finishes the requests that it has, after it was told to stop. */
const stopSeconds = 25
/** What the kubelet needs around that. */
const graceMarginSeconds = 5

/** The Deployment that serves the app. */
export function buildDeployment(input: DeploymentInput): DynamicObject {
  const { instance, policy, release } = input
  const { name } = instance.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: childMetadata(instance, 'app', workloadName(instance), {
      [annotations.image]: release.image,
      [annotations.release]: release.id,
    }),
    spec: {
      replicas: policy.replicas,
      revisionHistoryLimit: 3,
      minReadySeconds: policy.minReadySeconds,
      progressDeadlineSeconds: policy.progressDeadlineSeconds,
      selector: { matchLabels: selectorLabels(name, 'app') },
      strategy: { type: policy.rolloutStrategy },
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
  const labels = childLabels(instance.metadata.name, 'app')
  const spec = {
    ...hardenedPod(),
    ...pullSecrets(input),
    terminationGracePeriodSeconds: stopSeconds + graceMarginSeconds,
    containers: [buildContainer(input)],
    volumes: commonVolumes(input),
  }
  const notes = { [annotations.secretHash]: input.secretHash }
  const hash = createHash('sha256').update(JSON.stringify({ notes, labels, spec })).digest('hex').slice(0, 16)
  return { metadata: { labels, annotations: { ...notes, [annotations.templateHash]: hash } }, spec }
}

function buildContainer(input: DeploymentInput) {
  return {
    name: 'app',
    image: input.image,
    args: ['serve'],
    ...hardenedContainer(),
    env: [...commonEnvironment(input), ...servingEnvironment(input)],
    ports: [
      { name: 'http', containerPort: ports.http, protocol: 'TCP' },
      { name: 'ops', containerPort: ports.ops, protocol: 'TCP' },
    ],
    resources: input.policy.resources,
    // The start may take as long as the roll-out may; the liveness probe begins after it.
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 60 }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 3 }),
    readinessProbe: probe('/readyz', { periodSeconds: 2, failureThreshold: 2 }),
    volumeMounts: commonMounts,
  }
}

function servingEnvironment({ instance }: DeploymentInput) {
  return [
    // Nobody else can serve while the only pod stops, so it does not go on answering until proxies have noticed.
    { name: 'DRAIN_SECONDS', value: '0' },
    { name: 'STOP_TIMEOUT_SECONDS', value: String(stopSeconds) },
    // An ingress controller is a pod: its address is a private one. What it says about who asks and how counts.
    ...(instance.spec.http?.ingress === undefined ? [] : [{ name: 'TRUSTED_PROXIES', value: 'uniquelocal' }]),
  ]
}

function probe(path: string, times: { readonly periodSeconds: number; readonly failureThreshold: number }) {
  return { httpGet: { path, port: 'ops' }, timeoutSeconds: 3, ...times }
}

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { deploymentType, instanceType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const serviceType = { apiVersion: 'v1', kind: 'Service' }
const autoscalerType = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' }

interface Deployment extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly resourceVersion?: string
    readonly managedFields?: readonly { readonly manager: string; readonly fieldsV1: { readonly 'f:spec'?: object } }[]
  }
  readonly spec: { readonly replicas: number; readonly template: object }
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

const external = { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' }, tls: { mode: 'Disable' } } }

async function openWithDatabase(): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await api.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'notes-db', namespace: scene.namespace },
    stringData: { url: 'postgres://notes:secret@db.example.org/notes' },
  })
  return scene
}

async function deploymentOf(scene: Scene): Promise<Deployment> {
  const found = await api.get<Deployment>(deploymentType, 'notes', scene.namespace)
  if (found === undefined) throw new Error('the Deployment is not there')
  return found
}

/** Every number of replicas that the Deployment has had since, however shortly: the watch replays each of its versions. */
async function replicasSince({ namespace }: Scene, { metadata }: Deployment): Promise<ReadonlySet<number>> {
  const query = {
    watch: 'true',
    timeoutSeconds: '1',
    fieldSelector: 'metadata.name=notes',
    resourceVersion: metadata.resourceVersion ?? '',
  }
  const { text } = await api.call('GET', await api.path(deploymentType, namespace), { query })
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly object: Deployment })
  return new Set(events.map(({ object }) => object.spec.replicas))
}

const autoscalerOf = (scene: Scene) => api.get(autoscalerType, 'notes', scene.namespace)

describe('autoscaling', () => {
  it('takes the replicas over and gives them back without ever changing them', async () => {
    const scene = await openWithDatabase()
    await scene.create('good-1', { replicas: 4, database: external })
    await scene.served('good-1')
    const fixed = await deploymentOf(scene)

    await scene.edit({ replicas: null, autoscaling: { minReplicas: 2, maxReplicas: 8 } })
    await waitFor(() => autoscalerOf(scene), { what: 'the autoscaler', timeoutMs: 15_000, intervalMs: 40 })
    const autoscaled = await deploymentOf(scene)

    expect(await replicasSince(scene, fixed)).toEqual(new Set([4]))
    const own = autoscaled.metadata.managedFields?.find(({ manager }) => manager === 'notejam-operator')
    expect(own?.fieldsV1['f:spec']).toBeDefined()
    expect(own?.fieldsV1['f:spec']).not.toHaveProperty('f:replicas')
    expect(
      (await api.list<KubeObject & { reason: string }>({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, scene.namespace)).map(
        ({ reason }) => reason,
      ),
    ).toContain('ScalingHandedOver')

    await api.patch(deploymentType, 'notes', scene.namespace, { spec: { replicas: 6 } }, 'scale')
    const six = await deploymentOf(scene)
    const template = JSON.stringify(six.spec.template)
    await scene.edit({ app: { extraEnv: [{ name: 'LOG_LEVEL', value: 'debug' }] } })
    await waitFor(async () => JSON.stringify((await deploymentOf(scene)).spec.template) !== template, {
      what: 'the changed pods',
      timeoutMs: 15_000,
      intervalMs: 40,
    })
    await scene.until('Ready', 'True', 'Serving')
    const scaled = await deploymentOf(scene)
    expect(scaled.spec.replicas).toBe(6)

    await scene.edit({ replicas: 6, autoscaling: null })
    await waitFor(async () => (await autoscalerOf(scene)) === undefined, { what: 'no autoscaler', timeoutMs: 15_000, intervalMs: 40 })
    await scene.until('ScalingActive', 'False', 'FixedReplicas')
    const back = await deploymentOf(scene)
    expect(back.spec.replicas).toBe(6)
    expect(await replicasSince(scene, six)).toEqual(new Set([6]))

    await scene.edit({ replicas: 2 })
    await waitFor(async () => (await deploymentOf(scene)).spec.replicas === 2, { what: 'two replicas', timeoutMs: 15_000, intervalMs: 40 })
  })

  it('begins with the least number of pods, and says that it lacks metrics', async () => {
    const scene = await openWithDatabase()
    const metric = { type: 'Pods', pods: { metric: { name: 'requests_per_second' }, target: { type: 'AverageValue', averageValue: '50' } } }
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } }
    await scene.create('good-1', { database: external, autoscaling: { minReplicas: 3, maxReplicas: 4, metrics: [metric], behavior } })
    await scene.served('good-1')

    expect((await deploymentOf(scene)).spec.replicas).toBe(3)
    const autoscaler = await waitFor(() => autoscalerOf(scene), { what: 'the autoscaler', timeoutMs: 15_000, intervalMs: 40 })
    expect(autoscaler['spec']).toMatchObject({ minReplicas: 3, maxReplicas: 4, metrics: [metric], behavior })
    await scene.until('ScalingActive', 'False', 'MetricsUnavailable')

    await scene.edit({ autoscaling: { metrics: [{ type: 'Pods' }] } })
    expect(await scene.until('Stalled', 'True', 'ApplyRefused')).toContain('HorizontalPodAutoscaler notes was refused')
  })
})

/** As much of the Gateway API as the operator sees of it: the kind is served. Its own validation is not here. */
const routeDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'httproutes.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/3328' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'HTTPRoute', listKind: 'HTTPRouteList', plural: 'httproutes', singular: 'httproute' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

describe('what an instance passes on', () => {
  it('hangs a route on a Gateway, and gives names, nodes and addresses to its children', async () => {
    await api.apply(routeDefinition)
    const routeType = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' }
    await waitFor(async () => (await api.call('GET', '/apis/gateway.networking.k8s.io/v1')).text.includes('"httproutes"'), {
      what: 'the Gateway API',
      timeoutMs: 15_000,
      intervalMs: 50,
    })
    const scene = await openWithDatabase()
    await scene.create('good-1', {
      replicas: 1,
      database: external,
      http: {
        hosts: ['gateway.example.org'],
        gateway: { parentRefs: [{ name: 'main', namespace: 'infra' }] },
        service: { type: 'NodePort', annotations: { 'cloud.example/internal': 'true' } },
        trustedProxies: ['10.0.0.0/8', '192.0.2.1'],
      },
      pod: { labels: { team: 'notes' }, tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
      inheritedMetadata: { labels: ['cost-center'] },
    })
    await api.patch(instanceType, 'notes', scene.namespace, { metadata: { labels: { 'cost-center': '42', other: 'x' } } })
    await scene.served('good-1')

    const route = await waitFor(() => api.get(routeType, 'notes', scene.namespace), {
      what: 'the route',
      timeoutMs: 15_000,
      intervalMs: 40,
    })
    expect(route['spec']).toMatchObject({ hostnames: ['gateway.example.org'], parentRefs: [{ name: 'main', namespace: 'infra' }] })
    const service = await api.get(serviceType, 'notes', scene.namespace)
    expect(service).toMatchObject({ metadata: { annotations: { 'cloud.example/internal': 'true' } }, spec: { type: 'NodePort' } })
    const template = JSON.stringify((await deploymentOf(scene)).spec.template)
    expect(template).toContain('"team":"notes"')
    expect(template).toContain('{"key":"dedicated","operator":"Exists"}')
    expect(template).toContain('{"name":"TRUSTED_PROXIES","value":"10.0.0.0/8,192.0.2.1"}')
    expect(await scene.get()).toMatchObject({ status: { url: 'https://gateway.example.org' } })
    await waitFor(
      async () => {
        const children = (await scene.children()).filter(({ kind }) => kind !== 'Job' && kind !== 'Secret')
        return children.every(
          ({ metadata }) => JSON.stringify(metadata).includes('"cost-center":"42"') && !JSON.stringify(metadata).includes('"other"'),
        )
      },
      { what: 'the inherited label on every child', timeoutMs: 15_000, intervalMs: 100 },
    )

    await scene.edit({ http: { gateway: null, service: null } })
    await waitFor(async () => (await api.get(routeType, 'notes', scene.namespace)) === undefined, {
      what: 'no route',
      timeoutMs: 15_000,
      intervalMs: 40,
    })
  })
})

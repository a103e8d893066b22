import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { deploymentType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
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
    const template = JSON.stringify((await deploymentOf(scene)).spec.template)
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
    expect(await replicasSince(scene, autoscaled)).toEqual(new Set([6]))

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

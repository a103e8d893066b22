import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { deploymentType, instanceType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const setType = { apiVersion: 'apps/v1', kind: 'StatefulSet' }
const secretType = { apiVersion: 'v1', kind: 'Secret' }
const podType = { apiVersion: 'v1', kind: 'Pod' }
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
const secretHash = 'notejam.io/secret-hash'

interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas: number
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
      readonly spec: { readonly containers: readonly { readonly image: string }[] }
    }
  }
}

interface Secret extends KubeObject {
  readonly data: Readonly<Record<string, string>>
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

const open = () => Scene.open(api, inject('controlPlane').kubeconfig)
const postgres = (tag: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'PostgreSQL',
  builtIn: { image: `registry.example/postgres:${tag}`, ...more },
})
const server = async ({ namespace }: Scene) => api.get<Workload>(setType, 'notes-database', namespace)
const app = async ({ namespace }: Scene) => api.get<Workload>(deploymentType, 'notes', namespace)
const imageOf = (workload: Workload | undefined) => workload?.spec.template.spec.containers[0]?.image
const hashOf = (workload: Workload | undefined) => workload?.spec.template.metadata.annotations[secretHash]
const soon = { timeoutMs: 20_000, intervalMs: 40 }

async function appPods({ namespace }: Scene): Promise<number> {
  return (await api.list(podType, namespace, { labelSelector: 'app.kubernetes.io/component=app' })).length
}

async function databaseReplicas(scene: Scene, replicas: number): Promise<void> {
  await waitFor(async () => (await server(scene))?.spec.replicas === replicas, { what: `${replicas} servers being wanted`, ...soon })
}

describe('a built-in database', () => {
  it('is there before a Job or a pod of the app, with a Secret of its own; a server that never gets ready is replaced', async () => {
    const scene = await open()
    await scene.create('good-1', { database: postgres('17-unready') })

    expect(await scene.until('Reconciling', 'True', 'Waiting')).toContain('The built-in database is starting')
    await scene.until('DatabaseReachable', 'False', 'ServerStarting')
    expect(await scene.jobs()).toEqual([])
    expect(await app(scene)).toBeUndefined()
    const secret = await api.get<Secret>(secretType, 'notes-database', scene.namespace)
    expect(Object.keys(secret?.data ?? {}).toSorted()).toEqual(
      ['ca.crt', 'database', 'host', 'password', 'port', 'tls.crt', 'tls.key', 'user'].toSorted(),
    )

    await scene.edit({ database: postgres('17.6') })
    await scene.served('good-1')
    await scene.until('DatabaseReachable', 'True', 'ServerReady')
    const claims = await api.list(claimType, scene.namespace)
    expect(claims.map(({ metadata }) => metadata.name)).toEqual(['notes-data'])
  })

  it('stops after the app when the instance sleeps, and starts before it', async () => {
    const scene = await open()
    await scene.create('good-1', { database: postgres('17.6') })
    await scene.served('good-1')

    await scene.edit({ runPolicy: 'Hibernated' })
    await databaseReplicas(scene, 0)
    expect(await appPods(scene)).toBe(0)
    await scene.until('Ready', 'True', 'Hibernated')
    await scene.until('DatabaseReachable', 'False', 'ServerStopped')

    scene.kubelet.databasesStart = false
    await scene.edit({ runPolicy: 'Running' })
    await databaseReplicas(scene, 1)
    await scene.until('Reconciling', 'True', 'Waiting')
    expect((await app(scene))?.spec.replicas).toBe(0)

    scene.kubelet.databasesStart = true
    await scene.until('Ready', 'True', 'Serving')
    expect((await app(scene))?.spec.replicas).toBe(2)
  })

  it('takes another minor version, and refuses another major one: by its tag before anything is touched, by its data otherwise', async () => {
    const scene = await open()
    await scene.create('good-1', { database: postgres('17.6') })
    await scene.served('good-1')

    await scene.edit({ database: postgres('18.1') })
    expect(await scene.until('Stalled', 'True', 'DatabaseMajorUpgrade')).toContain('Nothing was changed')
    expect(imageOf(await server(scene))).toBe('registry.example/postgres:17.6')
    await scene.until('DatabaseReachable', 'True', 'ServerReady')

    await scene.edit({ database: postgres('17.7') })
    await scene.until('Ready', 'True', 'Serving')
    expect(imageOf(await server(scene))).toBe('registry.example/postgres:17.7')

    await scene.edit({ database: postgres('otherversion') })
    expect(await scene.until('Stalled', 'True', 'DatabaseMajorUpgrade')).toContain('The data is of PostgreSQL 17')
    await scene.until('DatabaseReachable', 'False', 'ServerFailed')
    await scene.edit({ database: postgres('17.7') })
    await scene.until('Ready', 'True', 'Serving')
  })

  it('gets a new password with a new Secret, and the app after it', async () => {
    const scene = await open()
    await scene.create('good-1', { database: postgres('17.6') })
    await scene.served('good-1')
    const before = [hashOf(await server(scene)), hashOf(await app(scene))]

    scene.kubelet.databasesStart = false
    await api.delete(secretType, 'notes-database', scene.namespace)
    await waitFor(async () => (await api.get(secretType, 'notes-database', scene.namespace)) === undefined, {
      what: 'the Secret being gone',
      ...soon,
    })
    // Nothing watches Secrets; a new process reads them at once.
    await scene.restartOperator()
    await waitFor(async () => hashOf(await server(scene)) !== before[0], { what: 'the server being rolled', ...soon })
    await scene.until('Reconciling', 'True', 'Waiting')
    expect(hashOf(await app(scene))).toBe(before[1])

    scene.kubelet.databasesStart = true
    await scene.until('Ready', 'True', 'Serving')
    expect(hashOf(await app(scene))).not.toBe(before[1])
  })

  it('is held to the connections that its memory allows', async () => {
    const scene = await open()
    await scene.create('good-1', { database: postgres('17.6'), replicas: 10 })

    expect(await scene.until('Stalled', 'True', 'ConnectionLimitExceeded')).toContain('could open 120 connections (10 each)')
    expect(await scene.jobs()).toEqual([])
    await scene.edit({ database: { poolSizePerReplica: 4 } })
    await scene.served('good-1')
  })

  it('leaves its volume where it is to stay, and a new instance of the same name takes it', async () => {
    const scene = await open()
    const wanted = { database: postgres('17.6'), deletionPolicy: 'Retain' }
    await scene.create('good-1', wanted)
    await scene.served('good-1')
    const volume = (await api.get(claimType, 'notes-data', scene.namespace))?.metadata.uid

    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await server(scene)) === undefined && (await scene.get()) === undefined, {
      what: 'the server and the instance being gone',
      ...soon,
    })
    await api.patch(claimType, 'notes-data', scene.namespace, { metadata: { annotations: { 'notejam.io/adopt': 'notes' } } })
    await scene.create('good-1', { ...wanted, database: { ...wanted.database, adopt: { instanceUID: scene.kubelet.mark?.instanceUID } } })
    scene.kubelet.mark = undefined
    await scene.served('good-1')

    expect((await api.get(claimType, 'notes-data', scene.namespace))?.metadata.uid).toBe(volume)
  })
})

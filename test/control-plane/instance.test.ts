import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { testNamespace } from '../support/namespace.ts'
import { digestOf, FakeKubelet, repository } from './instance-kubelet.ts'
import { OperatorProcess } from './instance-operator.ts'

const api = controlPlaneApi()
const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }
const jobType = { apiVersion: 'batch/v1', kind: 'Job' }
const deploymentType = { apiVersion: 'apps/v1', kind: 'Deployment' }
const childTypes = [
  deploymentType,
  jobType,
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
] as const

interface Instance extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
    readonly release?: {
      readonly counter?: number
      readonly current?: { readonly image: string; readonly digest?: string; readonly schemaVersion?: string }
      readonly history?: readonly { readonly id: string; readonly image: string; readonly result: string }[]
    }
    readonly operation?: { readonly id: string; readonly step: string }
    readonly inventory?: readonly { readonly kind: string; readonly name: string }[]
  }
}

/** A namespace with an operator, a kubelet and an instance in it. */
class Scene {
  readonly namespace: string
  readonly kubelet: FakeKubelet
  operator: OperatorProcess

  private constructor(namespace: string) {
    this.namespace = namespace
    this.kubelet = new FakeKubelet(api, namespace)
    this.operator = new OperatorProcess(inject('controlPlane').kubeconfig, namespace)
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await testNamespace(api))
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.log(scene.operator.log.join('\n'))
      scene.kubelet.stop()
      await scene.operator.kill()
    })
    scene.kubelet.start()
    await scene.operator.whenReady()
    return scene
  }

  async restartOperator(): Promise<void> {
    await this.operator.kill()
    this.operator = new OperatorProcess(inject('controlPlane').kubeconfig, this.namespace)
    await this.operator.whenReady()
  }

  async create(tag: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const spec = {
      environment: 'Test',
      image: this.kubelet.image(tag),
      database: { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } },
      http: { hosts: ['notes.example.org'], ingress: {} },
      release: { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 } },
      ...more,
    }
    await api.create({ ...instanceType, metadata: { name: 'notes', namespace: this.namespace }, spec })
  }

  async edit(spec: Readonly<Record<string, unknown>>): Promise<void> {
    await api.patch(instanceType, 'notes', this.namespace, { spec })
  }

  async get(): Promise<Instance | undefined> {
    return api.get<Instance>(instanceType, 'notes', this.namespace)
  }

  /** Waits until a condition has a status and a reason for the present generation, and gives its message. */
  async until(type: string, status: string, reason: string): Promise<string> {
    let seen: unknown
    try {
      return await waitFor(
        async () => {
          const instance = await this.get()
          seen = instance?.status
          if (instance?.status?.observedGeneration !== instance?.metadata.generation) return undefined
          const found = instance?.status?.conditions?.find((condition) => condition.type === type)
          return found?.status === status && found.reason === reason ? found.message : undefined
        },
        { what: `${type}=${status}, ${reason}`, timeoutMs: 30_000, intervalMs: 40 },
      )
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify(seen, undefined, 1)}`, { cause: error })
    }
  }

  async served(tag: string, timeoutMs = 30_000): Promise<void> {
    const image = this.kubelet.image(tag)
    await waitFor(async () => (await this.get())?.status?.release?.current?.image === image, {
      what: `release of ${tag}`,
      timeoutMs,
      intervalMs: 40,
    })
    await this.until('Ready', 'True', 'Serving')
  }

  async deployedImage(): Promise<string | undefined> {
    const deployment = await api.get<KubeObject & { spec: { template: { spec: { containers: { image: string }[] } } } }>(
      deploymentType,
      'notes',
      this.namespace,
    )
    return deployment?.spec.template.spec.containers[0]?.image
  }

  async jobs(): Promise<readonly KubeObject[]> {
    return api.list(jobType, this.namespace)
  }

  async children(): Promise<readonly KubeObject[]> {
    return (await Promise.all(childTypes.map((type) => api.list(type, this.namespace)))).flat()
  }
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('an instance', () => {
  it('becomes what its spec says: children, migration before roll-out, the digest that was migrated', async () => {
    const scene = await Scene.open()

    await scene.create('good-1')
    await scene.served('good-1')

    const instance = await scene.get()
    expect((await scene.children()).map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      'Deployment notes',
      'Ingress notes',
      'Job notes-r1-expand',
      'PersistentVolumeClaim notes-data',
      'Secret notes-session',
      'Service notes',
    ])
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-1')}`)
    expect(scene.kubelet.ran[0]).toBe('migrate good-1')
    expect(instance?.status?.release?.current).toMatchObject({
      id: 'r1',
      digest: digestOf('good-1'),
      schemaVersion: '7',
      version: 'good-1',
    })
    expect(instance?.status).toMatchObject({
      readyReplicas: 1,
      url: 'http://notes.example.org',
      databaseIdentity: { fingerprint: 'good-1' },
    })
    expect(instance?.status?.operation).toBeUndefined()
    expect(instance?.status?.inventory?.map(({ kind }) => kind)).toEqual([
      'Deployment',
      'Ingress',
      'PersistentVolumeClaim',
      'Secret',
      'Service',
    ])
  })

  it('takes a new image in: Ready goes Unknown and comes back', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('slowmigration-2') })
    await scene.until('Ready', 'Unknown', 'Updating')
    const during = await scene.deployedImage()
    scene.kubelet.slowMigrationsEnd = true
    await scene.served('slowmigration-2')

    expect(during).toBe(`${repository}@${digestOf('good-1')}`)
    expect((await scene.jobs()).map(({ metadata }) => metadata.name).toSorted()).toEqual(['notes-r1-expand', 'notes-r2-expand'])
  })

  it.each([
    ['badmigration-2', 'MigrationFailed', /exit code 1: no such table: pads/],
    ['crash-2', 'RolloutCrashed', /exit code 1: TypeError: cannot read the sky/],
    ['unready-2', 'RolloutDeadlineExceeded', /made no progress within its deadline/],
  ])('gives the image %s up, says %s, and serves the one before', async (tag, reason, message) => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image(tag) })

    expect(await scene.until('Stalled', 'True', reason)).toMatch(message)
    await scene.until('Ready', 'False', reason)
    await scene.until('Available', 'True', 'MinimumReplicas')
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-1')}`)
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')
    await scene.until('Stalled', 'False', 'None')
  })

  it('says that an image cannot be pulled, keeps serving, and takes another one', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('unpullable-2') })
    expect(await scene.until('Stalled', 'True', 'ImagePullFailed')).toContain('not found')
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')

    expect((await scene.get())?.status?.release?.history?.map(({ id, result }) => `${id} ${result}`)).toEqual([
      'r3 Succeeded',
      'r2 Superseded',
      'r1 Succeeded',
    ])
  })

  it('ends on the last of 50 edits in a second', async () => {
    const scene = await Scene.open()
    await scene.create('good-0')
    await scene.served('good-0')

    const started = performance.now()
    for (let edit = 1; edit <= 50; edit += 1)
      await scene.edit({ image: scene.kubelet.image(`good-${edit}`), http: { hosts: [`h${edit}.example.org`] } })
    const seconds = (performance.now() - started) / 1000
    await scene.served('good-50')

    expect(seconds).toBeLessThan(2)
    expect((await scene.get())?.status).toMatchObject({ url: 'http://h50.example.org' })
    const ids = (await scene.jobs()).map(({ metadata }) => metadata.name)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('leaves a foreign Deployment of its name alone, and migrates nothing', async () => {
    const scene = await Scene.open()
    const labels = { app: 'other' }
    const foreign = await api.create({
      ...deploymentType,
      metadata: { name: 'notes', namespace: scene.namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'other', image: 'other' }] } },
      },
    })

    await scene.create('good-1')

    expect(await scene.until('Stalled', 'True', 'NameConflict')).toContain(`Deployment ${scene.namespace}/notes exists`)
    expect(await scene.jobs()).toEqual([])
    const now = await api.get<KubeObject>(deploymentType, 'notes', scene.namespace)
    expect(now?.['spec']).toEqual(foreign['spec'])
    await api.delete(deploymentType, 'notes', scene.namespace)
    await scene.served('good-1')
  })

  it('changes nothing while paused, and says what it would', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ managementPolicy: 'Paused' })
    await scene.until('Paused', 'True', 'ByPolicy')
    await scene.until('Ready', 'True', 'Serving')
    await scene.edit({ image: scene.kubelet.image('good-2'), resources: { requests: { cpu: '50m' } } })
    const message = await scene.until('Paused', 'True', 'PendingChanges')

    expect(message).toContain('Deployment notes')
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-1')}`)
    await scene.edit({ managementPolicy: 'Managed' })
    await scene.served('good-2')
  })

  it('puts back what others change, and takes away what the spec drops', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')

    await api.delete({ apiVersion: 'v1', kind: 'Service' }, 'notes', scene.namespace)
    await api.patch(deploymentType, 'notes', scene.namespace, { spec: { template: { spec: { automountServiceAccountToken: true } } } })
    await scene.edit({ http: { ingress: null } })

    await waitFor(
      async () => {
        const kinds = (await scene.children()).map(({ kind }) => kind)
        const deployment = await api.get(deploymentType, 'notes', scene.namespace)
        return (
          kinds.includes('Service') &&
          !kinds.includes('Ingress') &&
          JSON.stringify(deployment).includes('"automountServiceAccountToken":false')
        )
      },
      { what: 'the children being as rendered', timeoutMs: 15_000 },
    )
  })

  it('does not roll the pods without the Secret that it names, and rolls them when it changes', async () => {
    const scene = await Scene.open()
    const secret = (key: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'mine', namespace: scene.namespace },
      stringData: { 'secret-key': key },
    })

    await scene.create('good-1', { app: { secretRef: { name: 'mine' } } })
    await scene.until('Stalled', 'True', 'SecretNotFound')
    await api.create(secret('too short'))
    await scene.until('Stalled', 'True', 'SecretKeyMissing')
    await api.apply(secret('0123456789abcdef0123456789abcdef'))
    await scene.served('good-1')
    const hash = async () => JSON.stringify(await api.get(deploymentType, 'notes', scene.namespace)).match(/secret-hash":"(\w+)/)?.[1]
    const first = await hash()
    await api.apply(secret('fedcba9876543210fedcba9876543210'))
    await scene.edit({ replicas: 1 })

    await waitFor(async () => (await hash()) !== first, { what: 'the pods being rolled', timeoutMs: 15_000 })
  })
})

describe('a deleted instance', () => {
  it('is gone with all its children when it is deleted, and can be made again at once', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')
    const before = new Set((await scene.children()).map(({ metadata }) => metadata.uid))

    await api.delete(instanceType, 'notes', scene.namespace)
    await scene.create('good-2')
    // The garbage collector learns of a new kind within half a minute.
    await scene.served('good-2', 75_000)

    const after = (await scene.children()).filter(({ metadata }) => before.has(metadata.uid))
    expect(after).toEqual([])
    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await scene.children()).length === 0, { what: 'every child being gone', timeoutMs: 75_000 })
  }, 180_000)
})

describe('the operator', () => {
  it('writes nothing at rest, nor after a restart', async () => {
    const scene = await Scene.open()
    await scene.create('good-1')
    await scene.served('good-1')
    const versions = async () =>
      [await scene.get(), ...(await scene.children())].map((object) => `${object?.kind} ${object?.metadata.resourceVersion}`).toSorted()
    const before = await versions()

    await scene.restartOperator()
    await waitFor(() => scene.operator.log.some((line) => line.includes('The caches are filled')), { what: 'a start', timeoutMs: 10_000 })
    // A change that the operator has to look at, and that asks for no write: a pass is over once the label is seen.
    await api.patch(
      { apiVersion: 'v1', kind: 'Pod' },
      (await api.list({ apiVersion: 'v1', kind: 'Pod' }, scene.namespace))[0]?.metadata.name ?? '',
      scene.namespace,
      {
        metadata: { labels: { touched: 'yes' } },
      },
    )
    await new Promise((resolve) => setTimeout(resolve, 1500))

    expect(await versions()).toEqual(before)
  })

  it('comes to the same end when it is killed at random points, with one migration Job per release', async () => {
    const scene = await Scene.open()
    const created = new Set<string>()
    const watchJobs = async () => {
      for (const { metadata } of await scene.jobs()) created.add(`${metadata.name} ${metadata.uid}`)
    }

    await scene.create('good-0')
    for (let kill = 0; kill < 8; kill += 1) {
      if (kill % 2 === 1) await scene.edit({ image: scene.kubelet.image(`good-${kill}`) })
      // Random on purpose: the seed is printed by the log of the operator that was killed.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
      await watchJobs()
      await scene.restartOperator()
    }
    await scene.edit({ image: scene.kubelet.image('good-last') })
    await scene.served('good-last')
    await watchJobs()

    const names = [...created].map((job) => job.split(' ')[0])
    expect(new Set(names).size).toBe(names.length)
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-last')}`)
  })
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { deploymentType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('an instance', () => {
  it('becomes what its spec says: children, migration before roll-out, the digest that was migrated', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)

    await scene.create('good-1')
    await scene.served('good-1')

    const instance = await scene.get()
    expect((await scene.children()).map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      'Deployment notes',
      'Ingress notes',
      'Job notes-r1-expand',
      'NetworkPolicy notes',
      'NetworkPolicy notes-default',
      'NetworkPolicy notes-smoke',
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
      'NetworkPolicy',
      'NetworkPolicy',
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'Secret',
      'Service',
    ])
  })

  it('leaves a foreign Deployment of its name alone, and migrates nothing', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
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
    const now = await api.get(deploymentType, 'notes', scene.namespace)
    expect(now?.['spec']).toEqual(foreign['spec'])
    await api.delete(deploymentType, 'notes', scene.namespace)
    await scene.served('good-1')
  })

  it('changes nothing while paused, and says what it would', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
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
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await api.delete({ apiVersion: 'v1', kind: 'Service' }, 'notes', scene.namespace)
    await api.patch(deploymentType, 'notes', scene.namespace, { spec: { template: { spec: { automountServiceAccountToken: true } } } })
    await scene.edit({ http: { ingress: null } })

    await waitFor(
      async () => {
        const kinds = new Set((await scene.children()).map(({ kind }) => kind))
        const deployment = await api.get(deploymentType, 'notes', scene.namespace)
        return kinds.has('Service') && !kinds.has('Ingress') && JSON.stringify(deployment).includes('"automountServiceAccountToken":false')
      },
      { what: 'the children being as rendered', timeoutMs: 15_000 },
    )
  })

  it('does not roll the pods without the Secret that it names, and rolls them when it changes', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
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

  it('runs several pods on an external database, rolled without a gap, spread, and protected from drains', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    const database = (data: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'notes-db', namespace: scene.namespace },
      stringData: data,
    })
    await api.create(database({ host: 'db.example.org', user: 'notes', database: 'notes' }))
    await scene.create('good-1', {
      replicas: 3,
      database: { type: 'PostgreSQL', poolSizePerReplica: 5, external: { secretRef: { name: 'notes-db' }, tls: { mode: 'Require' } } },
    })
    expect(await scene.until('Stalled', 'True', 'SecretKeyMissing')).toContain('it lacks password')
    await api.apply(database({ password: 'hunter2hunter2' }))
    await scene.served('good-1')

    const deployment = JSON.stringify(await api.get(deploymentType, 'notes', scene.namespace))
    expect(deployment).toContain('"rollingUpdate":{"maxUnavailable":0,"maxSurge":1}')
    expect(deployment).toContain('{"name":"DATABASE_POOL_MAX","value":"5"}')
    expect(deployment).toContain('"preStop":{"sleep":{"seconds":10}}')
    expect(deployment).not.toContain('hunter2')
    expect((await scene.get())?.status).toMatchObject({ readyReplicas: 3 })
    const kinds = async () => new Set((await scene.children()).map(({ kind }) => kind))
    expect(await kinds()).toContain('PodDisruptionBudget')
    expect(await kinds()).not.toContain('PersistentVolumeClaim')

    await scene.edit({ replicas: 1 })
    await waitFor(async () => !(await kinds()).has('PodDisruptionBudget'), { what: 'the disruption budget being gone', timeoutMs: 15_000 })
    await scene.until('Ready', 'True', 'Serving')
  })
})

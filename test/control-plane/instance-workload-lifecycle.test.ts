import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { deploymentType, instanceType, Scene, type Instance } from './instance-scene.ts'

const api = controlPlaneApi()
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

const open = () => Scene.open(api, inject('controlPlane').kubeconfig)

async function replicasOf({ namespace }: Scene): Promise<number | undefined> {
  const found = await api.get<KubeObject & { readonly spec: { readonly replicas: number } }>(deploymentType, 'notes', namespace)
  return found?.spec.replicas
}

async function eventsOf({ namespace }: Scene): Promise<readonly string[]> {
  const events = await api.list<KubeObject & { readonly reason: string }>({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)
  return events.map(({ reason }) => reason)
}

const secret = ({ namespace }: Scene, name: string, url: string) =>
  api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: { url } })
const external = (name: string) => ({ type: 'PostgreSQL', external: { secretRef: { name }, tls: { mode: 'Disable' } } })

describe('hibernation', () => {
  it('stops the pods and keeps everything else; a new image waits for the end of it', async () => {
    const scene = await open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ runPolicy: 'Hibernated' })
    expect(await scene.until('Ready', 'True', 'Hibernated')).toContain('spec.runPolicy is Hibernated')
    await waitFor(async () => (await replicasOf(scene)) === 0, { what: 'no pod being wanted', timeoutMs: 15_000, intervalMs: 40 })
    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.until('SchemaCurrent', 'False', 'Behind')
    await scene.until('Ready', 'True', 'Hibernated')
    expect(scene.kubelet.ran).not.toContain('migrate good-2')
    expect(await api.get(claimType, 'notes-data', scene.namespace)).toBeDefined()

    await scene.edit({ runPolicy: 'Running' })
    await scene.served('good-2')
    expect(await replicasOf(scene)).toBe(1)
  })

  it('follows a schedule', async () => {
    const scene = await open()
    const inAnHour = new Date(Date.now() + 3_600_000)
    const anHourAgo = new Date(Date.now() - 3_600_000)
    const cron = (time: Date) => `${time.getUTCMinutes()} ${time.getUTCHours()} * * *`
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ hibernation: { start: cron(anHourAgo), end: cron(inAnHour) } })
    expect(await scene.until('Ready', 'True', 'Hibernated')).toContain('spec.hibernation lets it sleep until')
    await scene.edit({ hibernation: { start: cron(inAnHour), end: cron(anHourAgo) } })
    await scene.until('Ready', 'True', 'Serving')
    await scene.edit({ hibernation: { timeZone: 'Europe/Nowhere' } })
    await scene.until('Stalled', 'True', 'InvalidSchedule')
  })
})

describe('the end of an instance', () => {
  it('comes at its time', async () => {
    const scene = await open()
    const time = new Date(Date.now() + 4000).toISOString()
    await scene.create('good-2', { environment: 'Development', expiration: { time, action: 'Delete' } })
    await waitFor(async () => (await scene.get()) === undefined, {
      what: 'the expired instance being gone',
      timeoutMs: 20_000,
      intervalMs: 40,
    })

    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(time))
    await waitFor(async () => (await eventsOf(scene)).includes('Expired'), { what: 'the event', timeoutMs: 10_000, intervalMs: 100 })
  })

  it.each(['Background', 'Foreground'])('leaves the volume where it is to stay, and nothing else (%s)', async (propagationPolicy) => {
    const scene = await open()
    await scene.create('good-1', { deletionPolicy: 'Retain' })
    await scene.served('good-1')

    await api.delete(instanceType, 'notes', scene.namespace, { propagationPolicy })

    await waitFor(async () => (await scene.children()).every(({ kind }) => kind === 'PersistentVolumeClaim'), {
      what: 'all children but the volume being gone',
      timeoutMs: 25_000,
      intervalMs: 100,
    })
    const claim = await api.get(claimType, 'notes-data', scene.namespace)
    expect(claim?.metadata['ownerReferences'] ?? []).toEqual([])
    expect(claim?.metadata.annotations?.['notejam.io/owner']).toBeUndefined()
    expect(claim?.metadata['deletionTimestamp']).toBeUndefined()
    await waitFor(async () => (await scene.get()) === undefined, { what: 'the instance being gone', timeoutMs: 25_000, intervalMs: 100 })
    await waitFor(async () => (await eventsOf(scene)).includes('VolumeRetained'), { what: 'the event', timeoutMs: 10_000, intervalMs: 100 })
  })
})

describe('a second instance', () => {
  it('is refused on the database of another, and on its host, before anything is touched', async () => {
    const scene = await open()
    await secret(scene, 'notes-db', 'postgres://notes:secret@db.example.org/notes')
    await secret(scene, 'copy-db', 'postgres://other:secret2@db.example.org:5432/notes')
    await secret(scene, 'own-db', 'postgres://own:secret@db.example.org/own')
    await scene.create('good-1', { database: external('notes-db') })
    await scene.served('good-1')
    const second = (name: string, database: object, hosts: readonly string[]) =>
      api.create({
        ...instanceType,
        metadata: { name, namespace: scene.namespace },
        spec: { environment: 'Test', image: scene.kubelet.image('good-2'), database, http: { hosts, ingress: {} } },
      })
    const stalled = (name: string) =>
      waitFor(
        async () => {
          const instance = await api.get<Instance>(instanceType, name, scene.namespace)
          const found = instance?.status?.conditions?.find(({ type, status }) => type === 'Stalled' && status === 'True')
          return found === undefined ? undefined : `${found.reason}: ${found.message}`
        },
        { what: `${name} being refused`, timeoutMs: 15_000, intervalMs: 40 },
      )

    await second('same-secret', external('notes-db'), ['a.example.org'])
    await second('same-address', external('copy-db'), ['b.example.org'])
    await second('same-host', external('own-db'), ['c.example.org', 'notes.example.org'])

    expect(await stalled('same-secret')).toContain('DatabaseConflict: NotejamInstance')
    expect(await stalled('same-address')).toContain('DatabaseConflict: NotejamInstance')
    expect(await stalled('same-host')).toContain('is reached at notes.example.org')
    const children = (await scene.children()).filter(({ kind, metadata }) => kind !== 'Secret' && metadata.name.startsWith('same-'))
    expect(children).toEqual([])
    await scene.until('Ready', 'True', 'Serving')
  })
})

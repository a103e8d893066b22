import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, createStore, type Backup } from './backup-scene.ts'
import { deploymentType, instanceType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
const secretType = { apiVersion: 'v1', kind: 'Secret' }
const setType = { apiVersion: 'apps/v1', kind: 'StatefulSet' }

async function servedScene(more: object = {}): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene)
  await scene.create('good-1', { backup: { storeRef: { name: 'offsite' } }, deletionPolicy: 'BackupThenDelete', ...more })
  await scene.served('good-1')
  return scene
}

const gone = (scene: Scene) =>
  waitFor(async () => (await scene.get()) === undefined, { what: 'the instance being gone', timeoutMs: 30_000, intervalMs: 40 })
const uidOf = async ({ namespace }: Scene, type: typeof claimType, name: string) => (await api.get(type, name, namespace))?.metadata.uid
const hasFailed = (status: Backup['status']) => status?.conditions?.[0]?.status === 'False'
const backupsOf = (scene: Scene) => api.list<Backup>(backupType, scene.namespace)

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('an instance with deletionPolicy BackupThenDelete', () => {
  it('is stopped, backed up, and goes; its backup stays and says where the data is', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false

    await api.delete(instanceType, 'notes', scene.namespace)
    await scene.until('DeletionBlocked', 'True', 'AwaitingLastBackup')
    await waitFor(async () => (await backupsOf(scene))[0]?.status?.startTime !== undefined, { what: 'its start', timeoutMs: 20_000 })
    const serving = await api.get(deploymentType, 'notes', scene.namespace)
    await scene.restartOperator()
    scene.kubelet.backupsEnd = true
    await gone(scene)

    const [backup, ...others] = await backupsOf(scene)
    expect(others).toEqual([])
    expect(serving).toBeUndefined()
    expect(scene.kubelet.archives).toMatchObject([{ uid: backup?.metadata.uid, backupID: backup?.status?.backupID }])
    expect(backup?.metadata['ownerReferences']).toBeUndefined()
    // Its Job is not the instance's own, and would keep the volume.
    const ofBackups = ({ metadata }: KubeObject) => metadata.labels?.['app.kubernetes.io/component'] === 'backup'
    await waitFor(async () => !(await scene.jobs()).some(ofBackups), { what: 'its Job being gone', timeoutMs: 25_000, intervalMs: 100 })
    expect(await backupsOf(scene)).toHaveLength(1)
  })

  it('stays when its backup fails, tries again when that one is deleted, and goes without once its policy says so', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('backup', { exitCode: 8, outcome: 'Failed', message: 'read back otherwise' })

    await api.delete(instanceType, 'notes', scene.namespace)
    const message = await scene.until('Stalled', 'True', 'LastBackupFailed')
    const [failed] = await backupsOf(scene)
    const claim = await api.get(claimType, 'notes-data', scene.namespace)
    await api.delete(backupType, failed?.metadata.name ?? '', scene.namespace)
    const another = await waitFor(
      async () => (await backupsOf(scene)).find(({ metadata, status }) => metadata.uid !== failed?.metadata.uid && hasFailed(status)),
      { what: 'another try', timeoutMs: 20_000, intervalMs: 40 },
    )
    await scene.edit({ deletionPolicy: 'Retain' })
    await gone(scene)

    expect(message).toContain('read back otherwise')
    expect(message).toContain(`Delete NotejamBackup ${failed?.metadata.name}`)
    expect(another.metadata.name).toBe(failed?.metadata.name)
    expect(claim?.metadata['deletionTimestamp']).toBeUndefined()
    const kept = await api.get(claimType, 'notes-data', scene.namespace)
    expect(kept?.metadata['ownerReferences'] ?? []).toEqual([])
    expect(scene.kubelet.archives).toEqual([])
  })

  it('does not hold its namespace up, in which no Job can be made any more', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false

    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await backupsOf(scene)).length === 1, { what: 'its backup', timeoutMs: 20_000, intervalMs: 40 })
    await api.delete({ apiVersion: 'v1', kind: 'Namespace' }, scene.namespace)

    await gone(scene)
  })

  it.each([
    ['SQLite', {}],
    ['a built-in database', { database: { type: 'PostgreSQL', builtIn: { image: 'registry.example/postgres:17.6' } } }],
  ])('is backed up also when somebody deletes it in the foreground: %s', async (_what, more) => {
    const scene = await servedScene(more)
    scene.kubelet.backupsEnd = false
    const [volume, key] = [await uidOf(scene, claimType, 'notes-data'), await uidOf(scene, secretType, 'notes-session')]

    // The garbage collector finds no operator in its way.
    await scene.operator.kill()
    await api.delete(instanceType, 'notes', scene.namespace, { propagationPolicy: 'Foreground' })
    await waitFor(async () => (await uidOf(scene, secretType, 'notes-session')) === undefined, {
      what: 'its Secrets being gone',
      timeoutMs: 30_000,
    })
    await waitFor(async () => (await uidOf(scene, setType, 'notes-database')) === undefined, {
      what: 'its server being gone',
      timeoutMs: 30_000,
    })
    await scene.restartOperator()
    await waitFor(async () => (await backupsOf(scene))[0]?.status?.startTime !== undefined, { what: 'its start', timeoutMs: 30_000 })
    const meanwhile = await Promise.all([
      uidOf(scene, claimType, 'notes-data'),
      uidOf(scene, secretType, 'notes-session'),
      api.get(setType, 'notes-database', scene.namespace),
    ])
    scene.kubelet.backupsEnd = true
    await gone(scene)

    expect(meanwhile[0]).toBe(volume)
    expect(meanwhile[1]).not.toBe(key)
    expect(meanwhile[1]).toBeDefined()
    expect(meanwhile[2] !== undefined).toBe('database' in more)
    expect(scene.kubelet.archives).toHaveLength(1)
    const rest = async () => (await scene.children()).filter(({ metadata }) => metadata.name.startsWith('notes'))
    await waitFor(async () => (await rest()).length === 0, { what: 'all else being gone', timeoutMs: 25_000, intervalMs: 100 })
  })

  it('owns its volume again, and leaves nothing, when its policy says so before it is deleted', async () => {
    const scene = await servedScene()

    await scene.edit({ deletionPolicy: 'Delete' })
    await waitFor(async () => (await api.get(claimType, 'notes-data', scene.namespace))?.metadata['ownerReferences'] !== undefined, {
      what: 'the owner of the volume',
      timeoutMs: 20_000,
    })
    await waitFor(async () => ((await scene.get())?.metadata['finalizers'] ?? []).toString() === '', {
      what: 'no finalizer',
      timeoutMs: 20_000,
    })
    await api.delete(instanceType, 'notes', scene.namespace)

    await waitFor(async () => (await api.get(claimType, 'notes-data', scene.namespace)) === undefined, {
      what: 'the volume being gone',
      timeoutMs: 25_000,
      intervalMs: 100,
    })
  })
})

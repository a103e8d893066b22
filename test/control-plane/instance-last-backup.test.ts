import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, createStore, type Backup } from './backup-scene.ts'
import { deploymentType, instanceType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }

async function servedScene(more: object = {}): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene)
  await scene.create('good-1', { backup: { storeRef: { name: 'offsite' } }, deletionPolicy: 'BackupThenDelete', ...more })
  await scene.served('good-1')
  return scene
}

const gone = (scene: Scene) =>
  waitFor(async () => (await scene.get()) === undefined, { what: 'the instance being gone', timeoutMs: 30_000, intervalMs: 40 })
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
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, backupUntil, createBackup, createStore, type Backup } from './backup-scene.ts'
import { instanceType, jobType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
const backup = { storeRef: { name: 'offsite' } }

async function servedScene(more: object = {}): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene)
  await scene.create('good-1', { backup: { ...backup, ...more } })
  await scene.served('good-1')
  return scene
}

const dataJobs = async (scene: Scene) =>
  (await scene.jobs()).filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'backup')
const messageOf = (object: Backup) => object.status?.conditions?.[0]?.message

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a NotejamBackup', () => {
  it('runs one Job to its end and holds what came of it, with keys from Secrets alone', async () => {
    const scene = await servedScene()

    await createBackup(api, scene, 'now')
    const done = await backupUntil(api, scene, 'now', 'True', 'Completed')

    expect(done.status).toMatchObject({ rows: 42, copies: [{ store: 'offsite', state: 'Stored' }] })
    expect(scene.kubelet.archives).toMatchObject([{ uid: done.metadata.uid, reason: 'OnDemand', backupID: done.status?.backupID }])
    const text = JSON.stringify(await dataJobs(scene))
    expect(text).toContain('"secretKeyRef":{"name":"offsite-keys","key":"secret-access-key"}')
    expect(text).not.toContain('"value":"key"')
  })

  it('goes on where a killed operator left it, with one archive', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false

    await createBackup(api, scene, 'now')
    await backupUntil(api, scene, 'now', 'Unknown', 'Running')
    await waitFor(async () => (await dataJobs(scene)).length === 1, { what: 'its Job', timeoutMs: 15_000 })
    await scene.restartOperator()
    scene.kubelet.backupsEnd = true
    await backupUntil(api, scene, 'now', 'True', 'Completed')

    expect(await dataJobs(scene)).toHaveLength(1)
    expect(scene.kubelet.archives).toHaveLength(1)
  })

  it('is made again when its Job was deleted, and the archive is not taken twice', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false
    await createBackup(api, scene, 'now')
    const [job] = await waitFor(async () => ((await dataJobs(scene)).length === 1 ? dataJobs(scene) : undefined), {
      what: 'its Job',
      timeoutMs: 15_000,
    })

    await api.delete(jobType, job?.metadata.name ?? '', scene.namespace)
    scene.kubelet.backupsEnd = true
    await backupUntil(api, scene, 'now', 'True', 'Completed')

    expect(scene.kubelet.archives).toHaveLength(1)
  })

  it('never runs beside another of the same instance, and says what it waits for', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false
    await createBackup(api, scene, 'first')
    await backupUntil(api, scene, 'first', 'Unknown', 'Running')

    await createBackup(api, scene, 'second')
    const waiting = await backupUntil(api, scene, 'second', 'Unknown', 'Pending')
    const jobs = await dataJobs(scene)
    scene.kubelet.backupsEnd = true
    await backupUntil(api, scene, 'first', 'True', 'Completed')
    await backupUntil(api, scene, 'second', 'True', 'Completed')

    expect(messageOf(waiting)).toMatch(/backs the instance up already|came before it/)
    expect(jobs).toHaveLength(1)
    expect(scene.kubelet.archives).toHaveLength(2)
  })

  it.each([
    [6, 'Fenced'],
    [8, 'ChecksumMismatch'],
    [9, 'NotOurSchema'],
    [1, 'Failed'],
  ])('tells exit code %i as %s, with what the command said, and does not repeat it', async (exitCode, reason) => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('backup', { exitCode, outcome: 'Failed', message: 'it did not work out' })

    await createBackup(api, scene, 'now')
    const failed = await backupUntil(api, scene, 'now', 'False', reason)

    expect(messageOf(failed)).toContain('it did not work out')
    expect(scene.kubelet.ran.filter((entry) => entry === 'backup good-1')).toHaveLength(1)
  })

  it('is tried again while the store does not answer', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('backup', { exitCode: 7, outcome: 'Failed', message: 'the store said 503' })
    await createBackup(api, scene, 'now')
    await waitFor(() => scene.kubelet.ran.includes('backup good-1'), { what: 'the first try', timeoutMs: 15_000 })

    scene.kubelet.dataEndings.clear()
    await backupUntil(api, scene, 'now', 'True', 'Completed')

    expect(scene.kubelet.archives).toHaveLength(1)
  })

  it('waits for a store that is missing, and for the Secret of it, and says so', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await createBackup(api, scene, 'now')
    const without = await backupUntil(api, scene, 'now', 'Unknown', 'Pending')
    await createStore(api, scene)
    await scene.edit({ backup })
    await backupUntil(api, scene, 'now', 'True', 'Completed')

    expect(messageOf(without)).toContain('has no spec.backup.storeRef')
  })

  it('ends with its instance, and its Job with it', async () => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = false
    await createBackup(api, scene, 'now')
    await waitFor(async () => (await dataJobs(scene)).length === 1, { what: 'its Job', timeoutMs: 15_000 })

    await api.delete(instanceType, 'notes', scene.namespace)
    await backupUntil(api, scene, 'now', 'False', 'InstanceNotFound')

    await waitFor(async () => (await dataJobs(scene)).length === 0, { what: 'the Job being gone', timeoutMs: 20_000 })
    expect(await api.get(backupType, 'now', scene.namespace)).toBeDefined()
  })

  it('lets the volume of an instance that is gone go, and stays itself', async () => {
    const scene = await servedScene()
    await createBackup(api, scene, 'now')
    const done = await backupUntil(api, scene, 'now', 'True', 'Completed')
    const before = await dataJobs(scene)

    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await dataJobs(scene)).length === 0, { what: 'the Job being gone', timeoutMs: 20_000 })

    expect(before).toHaveLength(1)
    expect((await api.get<Backup>(backupType, 'now', scene.namespace))?.status).toEqual(done.status)
  })

  // Nothing is scheduled here, so no pod keeps a claim: a finalizer of the test stands for the pods that do on a node.
  it('lets a volume go that somebody deleted, once its end is told; another volume is made', async () => {
    const scene = await servedScene()
    await createBackup(api, scene, 'now')
    const done = await backupUntil(api, scene, 'now', 'True', 'Completed')
    const claim = await api.get(claimType, 'notes-data', scene.namespace)
    const finalizersOf = (names: readonly string[]) =>
      api.patch(claimType, 'notes-data', scene.namespace, { metadata: { finalizers: names } })
    await finalizersOf(['example.org/in-use'])

    await api.delete(claimType, 'notes-data', scene.namespace)
    await waitFor(async () => (await scene.jobs()).length === 0, { what: 'no Job that is over', timeoutMs: 20_000 })
    const held = await api.get(claimType, 'notes-data', scene.namespace)
    await finalizersOf([])
    await waitFor(
      async () => {
        const found = await api.get(claimType, 'notes-data', scene.namespace)
        return found !== undefined && found.metadata.uid !== claim?.metadata.uid
      },
      { what: 'another claim', timeoutMs: 20_000 },
    )

    expect(held?.metadata.uid).toBe(claim?.metadata.uid)
    expect((await api.get<Backup>(backupType, 'now', scene.namespace))?.status).toEqual(done.status)
    await scene.until('Ready', 'True', 'Serving')
  })
})

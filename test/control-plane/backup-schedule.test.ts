import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, backupUntil, createBackup, createStore, cronJobUntil, runNow, storeType, type Backup } from './backup-scene.ts'
import { Scene, type Instance } from './instance-scene.ts'

const api = controlPlaneApi()

interface BackedUp extends Instance {
  readonly status?: Instance['status'] & {
    readonly backup?: {
      readonly lastSuccessful?: string
      readonly lastBackupID?: string
      readonly lastVerified?: string
      readonly lastSecondCopy?: string
      readonly nextRunTime?: string
      readonly consecutiveFailures?: number
      readonly storedCount?: number
      readonly oldest?: string
    }
  }
}

interface Store extends KubeObject {
  readonly status?: { readonly usage?: object; readonly lastProbeTime?: string; readonly conditions?: readonly object[] }
}

const backup = {
  storeRef: { name: 'offsite' },
  secondStoreRef: { name: 'other' },
  verification: {},
  retention: { daily: 'P30D', weekly: 'P1Y' },
}
const backupsOf = async (scene: Scene) => ((await scene.get()) as BackedUp | undefined)?.status?.backup

async function servedScene(): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene)
  await createStore(api, scene, 'other')
  await scene.create('good-1', { backup })
  await scene.served('good-1')
  return scene
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('the schedule of backups', () => {
  it('is a CronJob that backs up and then prunes, and what came of it is in the status', async () => {
    const scene = await servedScene()
    const cronJob = await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => !spec.suspend)
    const before = (await scene.get())?.status?.conditions?.find(({ type }) => type === 'BackupCurrent')

    await runNow(api, scene, cronJob, 'run-1')
    await scene.until('BackupCurrent', 'True', 'Recent')

    expect(before).toMatchObject({ status: 'Unknown', reason: 'AwaitingFirst' })
    expect(cronJob.spec).toMatchObject({ concurrencyPolicy: 'Forbid', startingDeadlineSeconds: 43_200 })
    expect(cronJob.spec.schedule).toMatch(/^([0-9]|1[0-4]) 0 \* \* \*$/)
    expect(JSON.stringify(cronJob)).toContain('["prune","--daily","P30D","--weekly","P1Y","--before-migration","P30D"]')
    const seen = await waitFor(async () => ((await backupsOf(scene))?.storedCount === 1 ? backupsOf(scene) : undefined), {
      what: 'the count of the store',
      timeoutMs: 15_000,
    })
    expect(seen).toMatchObject({
      consecutiveFailures: 0,
      oldest: '2026-01-01T00:00:00Z',
      lastBackupID: scene.kubelet.archives[0]?.backupID,
    })
    expect(Date.parse(seen?.nextRunTime ?? '') - Date.now()).toBeLessThan(25 * 3_600_000)
    await scene.until('SecondCopyCurrent', 'True', 'Copied')
    expect(scene.kubelet.archives).toMatchObject([{ reason: 'Scheduled' }])
    const store = await waitFor(
      async () => {
        const found = await api.get<Store>(storeType, 'offsite', scene.namespace)
        return found?.status?.usage === undefined ? undefined : found.status
      },
      { what: 'what the store says', timeoutMs: 10_000 },
    )
    expect(store).toMatchObject({ usage: { archives: 1, instances: 1 }, conditions: [{ type: 'Ready', status: 'True', reason: 'Usable' }] })
    expect(store.lastProbeTime).toBeDefined()
  })

  it('says that a run failed, and for how often, until one succeeds; pruning does not begin after a failed one', async () => {
    const scene = await servedScene()
    const cronJob = await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => !spec.suspend)
    scene.kubelet.dataEndings.set('backup', { exitCode: 9, outcome: 'Failed', message: 'no table of ours' })

    await runNow(api, scene, cronJob, 'run-1')
    const first = await scene.until('BackupCurrent', 'False', 'LastRunFailed')
    await runNow(api, scene, cronJob, 'run-2')
    await waitFor(async () => (await backupsOf(scene))?.consecutiveFailures === 2, { what: 'the second failure', timeoutMs: 20_000 })
    const pruned = scene.kubelet.ran.some((entry) => entry.startsWith('prune'))
    scene.kubelet.dataEndings.clear()
    await runNow(api, scene, cronJob, 'run-3')
    await scene.until('BackupCurrent', 'True', 'Recent')

    expect(first).toContain('no table of ours')
    expect(pruned).toBe(false)
    expect((await backupsOf(scene))?.consecutiveFailures).toBe(0)
  })

  it('counts a backup as good when only the pruning after it failed', async () => {
    const scene = await servedScene()
    const cronJob = await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => !spec.suspend)
    scene.kubelet.dataEndings.set('prune', { exitCode: 1, outcome: 'Failed', message: 'access denied' })

    await runNow(api, scene, cronJob, 'run-1')
    await scene.until('BackupCurrent', 'True', 'Recent')

    expect((await backupsOf(scene))?.storedCount).toBeUndefined()
  })

  it('restores on trial by a schedule of its own, and says when that failed', async () => {
    const scene = await servedScene()
    const cronJob = await cronJobUntil(api, scene, 'notes-verify', () => true)
    const before = await scene.until('RestoreVerified', 'False', 'NoIdentity')
    const identity = Buffer.from('AGE-SECRET-KEY-1').toString('base64')
    await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'age', namespace: scene.namespace }, data: { identity } })
    const type = { apiVersion: 'notejam.io/v1', kind: 'NotejamBackupStore' }
    await api.patch(type, 'offsite', scene.namespace, { spec: { encryption: { identitySecretRef: { name: 'age' } } } })
    const readable = await cronJobUntil(api, scene, 'notes-verify', (found) => JSON.stringify(found).includes('STORE_IDENTITY_FILE'))

    await createBackup(api, scene, 'now')
    await backupUntil(api, scene, 'now', 'True', 'Completed')
    await runNow(api, scene, readable, 'verify-1')
    await scene.until('RestoreVerified', 'True', 'Verified')
    await waitFor(async () => (await api.get<Backup>(backupType, 'now', scene.namespace))?.status?.verified?.durationSeconds === 12, {
      what: 'the backup saying that it was verified',
      timeoutMs: 10_000,
    })
    scene.kubelet.dataEndings.set('verify', { exitCode: 8, outcome: 'Failed', message: 'one byte differs' })
    await runNow(api, scene, readable, 'verify-2')

    expect(await scene.until('RestoreVerified', 'False', 'VerificationFailed')).toContain('one byte differs')
    expect(before).toContain('identitySecretRef')
    expect(JSON.stringify(cronJob)).not.toContain('persistentVolumeClaim')
  })

  it('is suspended while the instance sleeps', async () => {
    const scene = await servedScene()

    await scene.edit({ runPolicy: 'Hibernated' })
    await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => spec.suspend)
    await scene.until('BackupCurrent', 'True', 'NotRequired')
    const asleep = await backupsOf(scene)
    await scene.edit({ runPolicy: 'Running' })
    await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => !spec.suspend)

    expect(asleep?.nextRunTime).toBeUndefined()
  })

  it('goes with spec.backup, and leaves nothing in the status', async () => {
    const scene = await servedScene()
    await cronJobUntil(api, scene, 'notes-verify', () => true)

    await scene.edit({ backup: null })
    await waitFor(async () => (await api.list({ apiVersion: 'batch/v1', kind: 'CronJob' }, scene.namespace)).length === 0, {
      what: 'no CronJob',
      timeoutMs: 15_000,
    })

    await waitFor(async () => (await backupsOf(scene)) === undefined, { what: 'no status', timeoutMs: 10_000 })
    expect((await scene.get())?.status?.conditions?.map(({ type }) => type)).not.toContain('BackupCurrent')
  })
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, createStore, cronJobUntil, type Backup } from './backup-scene.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const restoreType = { apiVersion: 'notejam.io/v1', kind: 'NotejamRestore' }

interface Restore extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
    readonly step?: string
    readonly safetyBackupID?: string
    readonly restoredRows?: number
    readonly durationSeconds?: number
  }
}

async function servedScene(): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene, 'offsite', { mode: 'None' })
  await scene.create('good-1', { backup: { storeRef: { name: 'offsite' } } })
  await scene.served('good-1')
  return scene
}

async function createRestore(scene: Scene, name: string, more: object = {}): Promise<void> {
  const spec = { instanceRef: { name: 'notes' }, source: { backupID: 'Latest' }, mode: 'InPlace', confirm: 'notes', ...more }
  await api.create({ ...restoreType, metadata: { name, namespace: scene.namespace }, spec })
}

async function restoreUntil(scene: Scene, name: string, status: string, reason: string): Promise<Restore> {
  let seen: unknown
  try {
    return await waitFor(
      async () => {
        const restore = await api.get<Restore>(restoreType, name, scene.namespace)
        seen = [restore?.status, (await scene.get())?.status]
        const found = restore?.status?.conditions?.[0]
        return found?.status === status && found.reason === reason ? restore : undefined
      },
      { what: `NotejamRestore ${name} ${status}, ${reason}`, timeoutMs: 30_000, intervalMs: 40 },
    )
  } catch (error) {
    throw new Error(`${String(error)}\n${JSON.stringify(seen, undefined, 1)}`, { cause: error })
  }
}

const atStep = (scene: Scene, step: string) =>
  waitFor(async () => (await scene.get())?.status?.operation?.step === step, { what: `step ${step}`, timeoutMs: 20_000, intervalMs: 20 })

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a restore in place', () => {
  it('backs up first, replaces the data with no pod of the app there, migrates, and serves again', async () => {
    const scene = await servedScene()
    const asked = Date.now()

    await createRestore(scene, 'back')
    const done = await restoreUntil(scene, 'back', 'True', 'Completed')
    await scene.until('Ready', 'True', 'Serving')

    const [safety] = await api.list<Backup>(backupType, scene.namespace)
    expect(safety?.spec.reason).toBe('PreRestore')
    expect(done.status).toMatchObject({ restoredRows: 42, durationSeconds: 3, safetyBackupID: safety?.status?.backupID })
    expect(scene.kubelet.restores).toMatchObject([{ appPods: 0 }])
    const { args = [] } = scene.kubelet.restores[0] ?? {}
    expect(args).toEqual(expect.arrayContaining(['--confirm', 'notes']))
    // The newest archive would be the safety backup: the newest one before the restore was asked for is meant.
    const notAfter = Date.parse(args[args.indexOf('--not-after') + 1] ?? '')
    expect(Math.abs(notAfter - asked)).toBeLessThan(10_000)
    expect(Date.parse(safety?.status?.startTime ?? '')).toBeGreaterThan(notAfter)
    const order = scene.kubelet.ran.filter((entry) => /^(backup|restore|migrate) /.test(entry)).map((entry) => entry.split(' ')[0])
    expect(order).toEqual(['migrate', 'backup', 'restore', 'migrate'])
  })

  it.each(['BackingUp', 'Restoring'] as const)('goes on when the operator is killed at %s, and restores once', async (step) => {
    const scene = await servedScene()
    scene.kubelet.backupsEnd = step !== 'BackingUp'
    scene.kubelet.restoresEnd = step !== 'Restoring'

    await createRestore(scene, 'back')
    await atStep(scene, step)
    if (step === 'Restoring') await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => spec.suspend)
    await scene.restartOperator()
    scene.kubelet.backupsEnd = true
    scene.kubelet.restoresEnd = true
    await restoreUntil(scene, 'back', 'True', 'Completed')
    await scene.until('Ready', 'True', 'Serving')

    expect(scene.kubelet.restores).toHaveLength(1)
    expect(scene.kubelet.archives).toHaveLength(1)
    await cronJobUntil(api, scene, 'notes-backup', ({ spec }) => !spec.suspend)
  })

  it('changes nothing when the safety backup fails', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('backup', { exitCode: 8, outcome: 'Failed', message: 'read back otherwise' })

    await createRestore(scene, 'back')
    const failed = await restoreUntil(scene, 'back', 'False', 'SafetyBackupFailed')
    await scene.until('Ready', 'True', 'Serving')

    expect(failed.status?.conditions?.[0]?.message).toContain('read back otherwise')
    expect(scene.kubelet.restores).toEqual([])
  })

  it('fills a database that lost everything as it would a new one, for its mark is lost too', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('backup', { exitCode: 0, outcome: 'NothingToBackUp' })

    await createRestore(scene, 'back')
    await restoreUntil(scene, 'back', 'True', 'Completed')

    const { args = [] } = scene.kubelet.restores[0] ?? {}
    expect(args).toContain('--bootstrap')
    expect(args).not.toContain('--confirm')
  })

  it('brings the app back on what was there when the restore fails, and lets the next one have its turn', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('restore', { exitCode: 8, outcome: 'Failed', message: 'a byte differs' })

    await createRestore(scene, 'one')
    await createRestore(scene, 'two', { source: { backupID: '20260101T000000Z-0123abcd' } })
    const failed = await restoreUntil(scene, 'one', 'False', 'RestoreFailed')
    scene.kubelet.dataEndings.clear()
    await restoreUntil(scene, 'two', 'True', 'Completed')
    await scene.until('Ready', 'True', 'Serving')

    expect(failed.status?.conditions?.[0]?.message).toContain('a byte differs')
    expect(scene.kubelet.restores.map(({ args }) => args[args.indexOf('--backup') + 1])).toEqual(['20260101T000000Z-0123abcd'])
  })
})

describe('a selection', () => {
  const selection = { mode: 'Select', confirm: undefined, select: { user: 'anna@example.org' } }
  const recovered = { exitCode: 0, outcome: 'Recovered', backupID: '20260101T000000Z-0123abcd', inserted: 3, copies: 1, unchanged: 2 }
  const argumentsOf = async (scene: Scene) => {
    const jobs = (await scene.jobs()) as readonly (KubeObject & {
      readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly args?: readonly string[] }[] } } }
    })[]
    return jobs.flatMap(({ spec }) => spec.template.spec.containers).filter(({ args }) => args?.[0] === 'recover')
  }

  it('puts notes back while the app serves, and says what became of them, or why not', async () => {
    const scene = await servedScene()
    const asked = Date.now()
    scene.kubelet.dataEndings.set('recover', recovered)

    await createRestore(scene, 'annas', selection)
    const done = await restoreUntil(scene, 'annas', 'True', 'Completed')
    scene.kubelet.dataEndings.set('recover', { exitCode: 1, outcome: 'NotFound', message: 'the archive holds no note 7' })
    await createRestore(scene, 'not-there', { ...selection, select: { noteIDs: [7] } })
    const missing = await restoreUntil(scene, 'not-there', 'False', 'NotFound')

    expect(missing.status?.conditions?.[0]?.message).toContain('the archive holds no note 7')
    expect(done.status).toMatchObject({ restoredRows: 4, backupID: recovered.backupID })
    expect(done.status?.conditions?.[0]?.message).toContain('back: 3; beside what they are by now: 1; there as they were: 2')
    const { args = [] } = (await argumentsOf(scene)).find((container) => container.args?.includes('--user=anna@example.org')) ?? {}
    expect(args).toEqual(expect.arrayContaining(['recover', '--reinsert']))
    expect(Math.abs(Date.parse(args[args.indexOf('--not-after') + 1] ?? '') - asked)).toBeLessThan(10_000)
    expect(scene.kubelet.ran.filter((entry) => entry.startsWith('app '))).toEqual(['app good-1'])
    expect(await api.list<Backup>(backupType, scene.namespace)).toEqual([])
  })

  it('waits while the data is being replaced', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('recover', recovered)
    scene.kubelet.restoresEnd = false
    await createRestore(scene, 'back')
    await atStep(scene, 'Restoring')

    await createRestore(scene, 'annas', selection)
    const waiting = await restoreUntil(scene, 'annas', 'Unknown', 'Pending')
    scene.kubelet.restoresEnd = true
    await restoreUntil(scene, 'back', 'True', 'Completed')
    await restoreUntil(scene, 'annas', 'True', 'Completed')

    expect(waiting.status?.conditions?.[0]?.message).toContain('(Restoring)')
  })
})

describe('a trial restore', () => {
  it('has a Job of its own, and touches nothing', async () => {
    const scene = await servedScene()
    const before = await scene.deployedImage()

    await createRestore(scene, 'trial', { mode: 'Verify', confirm: undefined })
    const done = await restoreUntil(scene, 'trial', 'True', 'Completed')

    expect(done.status).toMatchObject({ durationSeconds: 12 })
    expect(scene.kubelet.restores).toEqual([])
    expect(await scene.deployedImage()).toBe(before)
    await scene.until('RestoreVerified', 'True', 'Verified')
  })

  it('that fails is told by the instance, also where none is asked for by schedule', async () => {
    const scene = await servedScene()
    scene.kubelet.dataEndings.set('verify', { exitCode: 8, outcome: 'Failed', message: 'a byte differs' })

    await createRestore(scene, 'trial', { mode: 'Verify', confirm: undefined })
    await restoreUntil(scene, 'trial', 'False', 'ChecksumMismatch')

    expect(await scene.until('RestoreVerified', 'False', 'VerificationFailed')).toContain('a byte differs')
  })
})

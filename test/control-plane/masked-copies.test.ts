import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { createStore, cronJobType, cronJobUntil, recipients, runNow, storeType } from './backup-scene.ts'
import { jobType, Scene, type Instance } from './instance-scene.ts'

const api = controlPlaneApi()
const testKey = `age1${'z'.repeat(58)}`
const otherKey = `age1${'y'.repeat(58)}`
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

interface Copied extends Instance {
  readonly status?: Instance['status'] & { readonly backup?: { readonly maskedCopies?: readonly object[] } }
}

interface Store extends KubeObject {
  readonly status?: { readonly lastProbeTime?: string }
}

async function createSecret({ namespace }: Scene, name: string, data: Readonly<Record<string, string>>): Promise<void> {
  const encoded = Object.fromEntries(Object.entries(data).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]))
  await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: encoded } as KubeObject)
}

const jobNamed = async ({ namespace }: Scene, name: string): Promise<string> => JSON.stringify(await api.get(jobType, name, namespace))
const stepsOf = ({ kubelet }: Scene) => kubelet.ran.filter((entry) => !entry.startsWith('app')).map((entry) => entry.split(' ')[0])

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('masked copies of Production', () => {
  const backup = {
    storeRef: { name: 'offsite' },
    verification: { serverImage: 'registry.example/postgres:17' },
    maskedCopies: [{ name: 'test', storeRef: { name: 'for-test' }, recipients: [testKey] }],
  }

  async function production(): Promise<Scene> {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await createSecret(scene, 'age', { identity: 'AGE-SECRET-KEY-1' })
    await createSecret(scene, 'db', { url: 'postgres://notes:secret@db.example/notes' })
    await createSecret(scene, 'tls', { 'tls.crt': 'c', 'tls.key': 'k' })
    await createStore(api, scene, 'offsite', { recipients, identitySecretRef: { name: 'age' } })
    await api.create({
      ...storeType,
      metadata: { name: 'for-test', namespace: scene.namespace },
      spec: {
        s3: { endpoint: 'https://s3.example.org', bucket: 'for-test', credentialsSecretRef: { name: 'offsite-keys' } },
        encryption: { recipients: [testKey] },
      },
    })
    await scene.create('good-1', {
      environment: 'Production',
      image: `registry.example/notejam@${digest}`,
      replicas: 1,
      database: { type: 'PostgreSQL', external: { secretRef: { name: 'db' }, tls: { mode: 'Disable' } } },
      http: { hosts: ['notes.example.org'], ingress: { tls: { secretRef: { name: 'tls' } } } },
      backup,
    })
    await waitFor(async () => (await api.get(cronJobType, 'notes-mask-test', scene.namespace)) !== undefined, {
      what: 'the CronJob of the copy',
      timeoutMs: 60_000,
    })
    return scene
  }

  it('are made by CronJobs and told in the status, hold nothing up when they fail, and are not made for who could open the originals', async () => {
    const scene = await production()
    const cronJob = await cronJobUntil(api, scene, 'notes-mask-test', ({ spec }) => !spec.suspend)
    const before = (await scene.get())?.status?.conditions?.find(({ type }) => type === 'MaskedCopiesCurrent')

    scene.kubelet.dataEndings.set('mask', { exitCode: 1, outcome: 'Unclassified', message: 'notes.secret is not classified' })
    await runNow(api, scene, cronJob, 'copy-1')
    const failure = await scene.until('MaskedCopiesCurrent', 'False', 'CopyFailed')
    scene.kubelet.dataEndings.set('mask', { exitCode: 0, outcome: 'Masked', backupID: '20261122T050000Z-1f0c2a9b' })
    await runNow(api, scene, cronJob, 'copy-2')
    await scene.until('MaskedCopiesCurrent', 'True', 'Copied')

    expect(before).toMatchObject({ status: 'Unknown', reason: 'AwaitingFirst' })
    expect(cronJob.spec).toMatchObject({ schedule: '0 5 * * 0', concurrencyPolicy: 'Forbid' })
    expect(failure).toContain('notes.secret is not classified')
    const instance = (await scene.get()) as Copied | undefined
    expect(instance?.status?.backup?.maskedCopies).toMatchObject([{ name: 'test', lastBackupID: '20261122T050000Z-1f0c2a9b' }])
    await scene.until('Ready', 'True', 'Serving')
    const probeOf = async (store: string) => (await api.get<Store>(storeType, store, scene.namespace))?.status?.lastProbeTime
    await waitFor(async () => (await probeOf('for-test')) !== undefined, { what: 'the store that tells of the copy', timeoutMs: 10_000 })
    expect(await probeOf('offsite')).toBeUndefined()

    const copyGone = async (): Promise<boolean> =>
      waitFor(async () => (await api.get(cronJobType, 'notes-mask-test', scene.namespace)) === undefined, {
        what: 'no CronJob of the copy',
        timeoutMs: 15_000,
      })

    await scene.edit({ backup: { maskedCopies: [{ ...backup.maskedCopies[0], recipients: [testKey, recipients[1]] }] } })
    const refusal = await scene.until('MaskedCopiesCurrent', 'False', 'InvalidCopy')
    await copyGone()
    await scene.edit({ backup: { maskedCopies: [{ ...backup.maskedCopies[0], recipients: [testKey, otherKey] }] } })
    await cronJobUntil(api, scene, 'notes-mask-test', (found) => JSON.stringify(found).includes(`${testKey},${otherKey}`))
    await scene.edit({ backup: { maskedCopies: null } })
    await copyGone()

    expect(refusal).toContain(`its recipient ${recipients[1]} opens the archives in NotejamBackupStore offsite too`)
    await cronJobUntil(api, scene, 'notes-backup', () => true)
  })
})

describe('an instance that begins with a masked copy', () => {
  const seed = { from: { storeRef: { name: 'from-prod' }, instance: 'notejam-prod/notes' } }

  async function open(encryption: object = { recipients: [testKey], identitySecretRef: { name: 'age' } }): Promise<Scene> {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await createSecret(scene, 'age', { identity: 'AGE-SECRET-KEY-1' })
    await createStore(api, scene, 'from-prod', encryption)
    return scene
  }

  it('Test takes it at its first start, after it looked, and not again', async () => {
    const scene = await open()

    await scene.create('good-1', { seed })
    await scene.served('good-1')
    const seedJob = await jobNamed(scene, 'notes-r1-seed')
    // Test has the way to that store only while it needs it.
    const policyType = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }
    await waitFor(async () => (await api.get(policyType, 'notes-backup', scene.namespace)) === undefined, {
      what: 'no way to the store',
      timeoutMs: 15_000,
    })
    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.served('good-2')

    expect(stepsOf(scene)).toEqual(['inspect', 'migrate', 'seed', 'migrate', 'verify'])
    expect(seedJob).toContain('["seed","--from","notejam-prod/notes","--backup","Latest"')
    expect(seedJob).toContain('{"name":"NOTEJAM_FINGERPRINT","value":"good-1"}')
    expect(seedJob).toContain('SOURCE_STORE_IDENTITY_FILE')
  })

  it('Development takes it at each release', async () => {
    const scene = await open()

    await scene.create('good-1', { environment: 'Development', seed })
    await scene.served('good-1')
    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.served('good-2')

    expect(stepsOf(scene).filter((step) => step === 'wipe' || step === 'seed')).toEqual(['seed', 'wipe', 'seed'])
  })

  it('begins nothing while its store cannot be read, and stops at an archive that is not masked', async () => {
    const scene = await open({ recipients: [testKey] })
    scene.kubelet.dataEndings.set('seed', { exitCode: 6, outcome: 'NotMasked', message: 'only a masked copy may leave' })

    await scene.create('good-1', { seed })
    const unreadable = await scene.until('Stalled', 'True', 'InvalidStore')
    const before = [...scene.kubelet.ran]
    await api.patch(storeType, 'from-prod', scene.namespace, { spec: { encryption: { identitySecretRef: { name: 'age' } } } })

    expect(await scene.until('Stalled', 'True', 'NotMasked')).toContain('only a masked copy may leave')
    expect(unreadable).toContain('encryption.identitySecretRef')
    expect(before).toEqual([])
    expect(scene.kubelet.ran.some((entry) => entry.startsWith('app'))).toBe(false)
  })

  it('waits for the first copy, and goes on by itself when it is there, also past a restart', async () => {
    const scene = await open()
    scene.kubelet.dataEndings.set('seed', { exitCode: 1, outcome: 'NoSuchBackup', message: 'a backup is not in store from-prod' })
    const looks = () => scene.kubelet.ran.filter((entry) => entry.startsWith('seed')).length

    await scene.create('good-1', { seed })
    const said = await scene.until('Reconciling', 'True', 'WaitingForMaskedCopy')
    await scene.restartOperator()
    await waitFor(() => looks() > 1, { what: 'another look', timeoutMs: 30_000 })
    const stalled = (await scene.get())?.status?.conditions?.find(({ type }) => type === 'Stalled')
    scene.kubelet.dataEndings.delete('seed')
    await scene.served('good-1', 60_000)

    expect(said).toContain('a backup is not in store from-prod')
    expect(stalled?.status).toBe('False')
    expect(stepsOf(scene).slice(0, 2)).toEqual(['inspect', 'migrate'])
    expect(looks()).toBeGreaterThan(2)
  })

  it('does not wait for a copy that it names and that is not there', async () => {
    const scene = await open()
    scene.kubelet.dataEndings.set('seed', { exitCode: 1, outcome: 'NoSuchBackup', message: 'is not in store from-prod' })

    await scene.create('good-1', { seed: { from: { ...seed.from, backupID: '20261122T050000Z-1f0c2a9b' } } })

    expect(await scene.until('Stalled', 'True', 'SeedFailed')).toContain('is not in store from-prod')
  })
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { instanceType, Scene, type Instance } from './instance-scene.ts'

const api = controlPlaneApi()
const secretType = { apiVersion: 'v1', kind: 'Secret' }

interface Detailed extends Instance {
  readonly status?: Instance['status'] & {
    readonly verifiedImages?: readonly { readonly digest: string; readonly image: string }[]
    readonly databaseIdentity?: { readonly address?: string; readonly fingerprint: string }
    readonly release?: {
      readonly history?: readonly { readonly id: string; readonly result: string; readonly approval?: { readonly manager?: string } }[]
    }
  }
}

const open = () => Scene.open(api, inject('controlPlane').kubeconfig)
const detailed = async (scene: Scene) => (await scene.get()) as Detailed | undefined
const results = async (scene: Scene) => (await scene.get())?.status?.release?.history?.map(({ id, result }) => `${id} ${result}`)
const jobNames = async (scene: Scene) => (await scene.jobs()).map(({ metadata }) => metadata.name).toSorted()

/** An instance of environment Production on a PostgreSQL that nobody asks. */
async function createProduction(scene: Scene, tag: string, release: object = {}, environment = 'Production'): Promise<void> {
  const url = Buffer.from('postgres://notes:secret@db.example/notes').toString('base64')
  await api.create({ ...secretType, metadata: { name: 'notes-db', namespace: scene.namespace }, data: { url } })
  await scene.create(tag, {
    environment,
    image: byDigest(scene, tag),
    database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' } } },
    http: undefined,
    release: { missingBackup: 'Accept', rollout: { minReadySeconds: 0, progressDeadlineSeconds: 30 }, ...release },
  })
}

function byDigest(scene: Scene, tag: string): string {
  scene.kubelet.image(tag)
  return `${repository}@${digestOf(tag)}`
}

async function servesDigest(scene: Scene, tag: string): Promise<void> {
  await waitFor(async () => (await scene.get())?.status?.release?.current?.image === byDigest(scene, tag), {
    what: `release of ${tag}`,
    timeoutMs: 30_000,
    intervalMs: 40,
  })
  await scene.until('Ready', 'True', 'Serving')
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('environment Development', () => {
  it('wipes exactly once per release, with no pod there, also when the operator is killed meanwhile', async () => {
    const scene = await open()
    await scene.create('good-1', { environment: 'Development', seed: { generate: { users: 2 } } })
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.served('good-2')
    scene.kubelet.wipesEnd = false
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.until('Reconciling', 'True', 'Wiping')
    await scene.restartOperator()
    scene.kubelet.wipesEnd = true
    await scene.served('good-3')

    expect(scene.kubelet.wipes).toEqual([
      { id: 'r2', appPods: 0 },
      { id: 'r3', appPods: 0 },
    ])
    expect(await jobNames(scene)).toEqual(
      ['r1-expand', 'r1-seed', ...['r2', 'r3'].flatMap((id) => ['expand', 'inspect', 'seed', 'wipe'].map((phase) => `${id}-${phase}`))].map(
        (name) => `notes-${name}`,
      ),
    )
  })

  it.each([
    ['crash-2', 'RolloutCrashed', /exit code 1: TypeError: cannot read the sky/],
    ['unready-2', 'RolloutDeadlineExceeded', /made no progress within its deadline/],
  ])('tries %s again, with another wipe, each time that is asked for, until its pods come up', async (tag, reason, message) => {
    const scene = await open()
    await scene.create('good-1', { environment: 'Development', release: { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 } } })
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image(tag) })
    await scene.until('Stalled', 'True', reason)
    await scene.edit({ release: { retryToken: 'again' } })
    const again = await scene.until('Stalled', 'True', reason)
    await scene.until('Ready', 'False', reason)
    const under = (await scene.get())?.status?.operation
    await scene.edit({ release: { retryToken: 'once more' } })
    await waitFor(async () => (await scene.get())?.status?.operation?.id === 'r2-3', { what: 'the third attempt', timeoutMs: 30_000 })
    scene.kubelet.appsRecover = true
    await scene.served(tag)
    await scene.until('Stalled', 'False', 'None')

    expect(again).toMatch(message)
    expect(under).toMatchObject({ id: 'r2-2', step: 'RollingOut' })
    expect(scene.kubelet.wipes).toEqual(['r2', 'r2-2', 'r2-3'].map((id) => ({ id, appPods: 0 })))
    expect(await results(scene)).toEqual(['r2-3 Succeeded', 'r2-2 Failed', 'r2 Failed', 'r1 Succeeded'])
  })

  it('refuses to wipe what bears the mark of another instance, and goes on serving', async () => {
    const scene = await open()
    await scene.create('good-1', { environment: 'Development' })
    await scene.served('good-1')

    scene.kubelet.mark = { instanceUID: 'other', environment: 'Production', fingerprint: 'f' }
    await scene.edit({ image: scene.kubelet.image('good-2') })

    expect(await scene.until('Stalled', 'True', 'DatabaseFenced')).toContain('belongs to instance other')
    await scene.until('Available', 'True', 'MinimumReplicas')
    expect(scene.kubelet.wipes).toEqual([])
  })
})

describe('environment Test', () => {
  it('tries the pages of an upgrade, verifies good images and takes bad ones back', async () => {
    const scene = await open()
    await scene.create('contract-1')
    await scene.served('contract-1')

    await scene.edit({ image: scene.kubelet.image('badpages-2') })
    expect(await scene.until('Stalled', 'True', 'VerificationFailed')).toContain('list with the pad: 500')
    await scene.until('UpgradeVerified', 'False', 'Failed')
    const deployed = await scene.deployedImage()
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')
    await scene.until('UpgradeVerified', 'True', 'Passed')

    expect(deployed).toBe(`${repository}@${digestOf('contract-1')}`)
    expect((await detailed(scene))?.status?.verifiedImages).toMatchObject([{ digest: digestOf('good-3') }])
    expect(await results(scene)).toEqual(['r3 Succeeded', 'r2 RolledBack', 'r1 Succeeded'])
    // What the first release left to be removed was removed once, by its own image, before the second migrated.
    expect(scene.kubelet.ran.filter((entry) => entry.startsWith('contract'))).toEqual(['contract contract-1'])
  })

  it.each([
    ['drifted-2', 'SchemaDrifted', /exit code 4: migration 2 was applied with another hash/],
    ['toonew-2', 'DowngradeRefused', /exit code 5: the schema serves code from level 9 on/],
    ['leap-2', 'UpgradePathUnsupported', /exit code 1: take in release 2 first/],
  ])('tells the end of %s as %s', async (tag, reason, message) => {
    const scene = await open()
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image(tag) })

    expect(await scene.until('Stalled', 'True', reason)).toMatch(message)
    await scene.until('Available', 'True', 'MinimumReplicas')
  })

  it('takes an image in when it is approved, and remembers who did that', async () => {
    const scene = await open()
    await scene.create('good-1', { release: { updatePolicy: 'OnApproval', rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 } } })
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.until('Reconciling', 'True', 'WaitingForApproval')
    const before = await scene.deployedImage()
    await scene.edit({ release: { approvedImage: scene.kubelet.image('good-2') } })
    await scene.served('good-2')

    expect(before).toBe(`${repository}@${digestOf('good-1')}`)
    expect((await detailed(scene))?.status?.release?.history?.[0]?.approval?.manager).toMatch(/./)
  })
})

describe('environment Production', () => {
  it('changes the schema without a backup only if that is accepted, and an image that leaves it alone needs none', async () => {
    const scene = await open()
    // The schema lets nobody run Production so; the strategy is the same elsewhere.
    await createProduction(scene, 'good-1', { strategy: 'BackupThenMigrate', missingBackup: 'Refuse' }, 'Test')
    await servesDigest(scene, 'good-1')
    await scene.edit({ image: byDigest(scene, 'good-2') })
    await servesDigest(scene, 'good-2')

    await scene.edit({ image: byDigest(scene, 'expand-3') })
    await scene.until('Stalled', 'True', 'BackupUnavailable')
    const migrated = (await jobNames(scene)).includes('notes-r3-expand')
    await scene.edit({ release: { missingBackup: 'Accept' } })
    await servesDigest(scene, 'expand-3')

    expect(migrated).toBe(false)
    expect(await results(scene)).toEqual(['r3 Succeeded', 'r2 Succeeded', 'r1 Succeeded'])
  })

  it('replaces no pod by an image whose pages do not work, and lets only verified images in', async () => {
    const scene = await open()
    await createProduction(scene, 'good-1')
    await servesDigest(scene, 'good-1')

    await scene.edit({ image: byDigest(scene, 'badpages-2') })
    await scene.until('Stalled', 'True', 'VerificationFailed')
    const deployed = await scene.deployedImage()
    await scene.edit({ image: byDigest(scene, 'good-3'), release: { gate: { verifiedImages: [digestOf('good-9')] } } })
    await scene.until('Reconciling', 'True', 'WaitingForGate')
    await scene.edit({ release: { gate: { verifiedImages: [digestOf('good-3')] } } })
    await servesDigest(scene, 'good-3')

    expect(deployed).toBe(byDigest(scene, 'good-1'))
    expect(scene.kubelet.ran).not.toContain('app badpages-2')
    expect(await results(scene)).toEqual(['r3 Succeeded', 'r2 Failed', 'r1 Succeeded'])
  })
})

describe('operations that meet', () => {
  it('a Secret that is changed during a migration is used from the next step on, by the same release', async () => {
    const scene = await open()
    await createProduction(scene, 'good-1')
    await servesDigest(scene, 'good-1')

    await scene.edit({ image: byDigest(scene, 'slowmigration-2') })
    await scene.until('Reconciling', 'True', 'Migrating')
    const before = await secretHash(scene)
    const url = Buffer.from('postgres://notes:rotated@db.example/notes').toString('base64')
    await api.patch(secretType, 'notes-db', scene.namespace, { data: { url } })
    scene.kubelet.slowMigrationsEnd = true
    await servesDigest(scene, 'slowmigration-2')

    expect(await secretHash(scene)).not.toBe(before)
    expect((await jobNames(scene)).filter((name) => name.startsWith('notes-r2-'))).toEqual(
      ['expand', 'inspect', 'smoke'].map((phase) => `notes-r2-${phase}`),
    )
    expect(await results(scene)).toEqual(['r2 Succeeded', 'r1 Succeeded'])
  })

  it('a deletion during a migration takes everything, and one of the same name begins anew', async () => {
    const scene = await open()
    await scene.create('good-1')
    await scene.served('good-1')
    await scene.edit({ image: scene.kubelet.image('slowmigration-2') })
    await scene.until('Reconciling', 'True', 'Migrating')

    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await scene.jobs()).length === 0, { what: 'the Jobs being gone', timeoutMs: 20_000 })
    scene.kubelet.mark = undefined
    await scene.create('good-3')
    await scene.served('good-3')

    expect(await results(scene)).toEqual(['r1 Succeeded'])
  })
})

async function secretHash(scene: Scene): Promise<string | undefined> {
  const children = await scene.children()
  const deployment = children.find(
    (child) => child.metadata.name === 'notes' && 'spec' in child && JSON.stringify(child).includes('secret-hash'),
  )
  return /"notejam.io\/secret-hash":"([^"]+)"/.exec(JSON.stringify(deployment))?.[1]
}

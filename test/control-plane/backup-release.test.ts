import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { backupType, backupUntil, createBackup, createStore, recipients, type Backup } from './backup-scene.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()

function byDigest(scene: Scene, tag: string): string {
  scene.kubelet.image(tag)
  return `${repository}@${digestOf(tag)}`
}

/** An instance of environment Production with a store, on a PostgreSQL that nobody asks. */
async function production(encryption: object = { recipients }): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene, 'offsite', encryption)
  const url = Buffer.from('postgres://notes:secret@db.example/notes').toString('base64')
  await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'notes-db', namespace: scene.namespace }, data: { url } })
  await scene.create('good-1', {
    environment: 'Production',
    image: byDigest(scene, 'good-1'),
    database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' } } },
    http: undefined,
    release: { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 30 } },
    backup: { storeRef: { name: 'offsite' } },
  })
  return scene
}

async function serves(scene: Scene, tag: string): Promise<void> {
  await waitFor(async () => (await scene.get())?.status?.release?.current?.image === byDigest(scene, tag), {
    what: `release of ${tag}`,
    timeoutMs: 30_000,
  })
  await scene.until('Ready', 'True', 'Serving')
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a release of Production', () => {
  it('backs up before it changes the schema, once, also when the operator is killed meanwhile', async () => {
    const scene = await production()
    await serves(scene, 'good-1')
    scene.kubelet.backupsEnd = false

    await scene.edit({ image: byDigest(scene, 'expand-2') })
    await scene.until('Reconciling', 'True', 'BackingUp')
    await backupUntil(api, scene, 'notes-r2-backup', 'Unknown', 'Running')
    await scene.restartOperator()
    const early = scene.kubelet.ran.includes('migrate expand-2')
    scene.kubelet.backupsEnd = true
    await serves(scene, 'expand-2')

    const backups = await api.list<Backup>(backupType, scene.namespace)
    expect(backups.map(({ spec }) => spec.reason)).toEqual(['PreMigration'])
    expect(scene.kubelet.archives).toMatchObject([{ uid: backups[0]?.metadata.uid, reason: 'PreMigration' }])
    expect(early).toBe(false)
  })

  it('changes nothing when the backup failed, and goes on serving', async () => {
    const scene = await production()
    await serves(scene, 'good-1')
    scene.kubelet.dataEndings.set('backup', { exitCode: 8, outcome: 'Failed', message: 'read back otherwise' })

    await scene.edit({ image: byDigest(scene, 'expand-2') })

    expect(await scene.until('Stalled', 'True', 'BackupFailed')).toContain('read back otherwise')
    await scene.until('Available', 'True', 'MinimumReplicas')
    expect(scene.kubelet.ran).not.toContain('migrate expand-2')
  })

  it('waits for a backup that runs, and a backup waits for a migration', async () => {
    const scene = await production()
    await serves(scene, 'good-1')
    scene.kubelet.backupsEnd = false
    await createBackup(api, scene, 'now')
    await backupUntil(api, scene, 'now', 'Unknown', 'Running')
    await waitFor(async () => (await scene.jobs()).some(({ metadata }) => metadata.name.startsWith('notes-backup-')), {
      what: 'its Job',
      timeoutMs: 10_000,
    })

    await scene.edit({ image: byDigest(scene, 'slowmigration-2') })
    const waits = await scene.until('Reconciling', 'True', 'Waiting')
    scene.kubelet.backupsEnd = true
    await scene.until('Reconciling', 'True', 'Migrating')
    await createBackup(api, scene, 'later')
    const later = await backupUntil(api, scene, 'later', 'Unknown', 'Pending')
    scene.kubelet.slowMigrationsEnd = true
    await backupUntil(api, scene, 'later', 'True', 'Completed')

    expect(waits).toContain('backs the data up')
    expect(later.status?.conditions?.[0]?.message).toContain('at step Migrating')
  })

  it.each([
    ['one recipient', { recipients: recipients.slice(0, 1) }],
    ['no encryption', { mode: 'None' }],
  ])('does not begin with a store of %s', async (what, encryption) => {
    const scene = await production(encryption)

    expect(await scene.until('Stalled', 'True', 'InvalidStore')).toContain(what === 'one recipient' ? what : 'encryption None')
    expect(scene.kubelet.ran).toEqual([])
  })
})

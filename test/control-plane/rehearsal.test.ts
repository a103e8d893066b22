import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { createStore, recipients } from './backup-scene.ts'
import { Scene, type Instance } from './instance-scene.ts'

const api = controlPlaneApi()
const identitySecretRef = { name: 'key' }
const rehearsed = { exitCode: 0, outcome: 'Rehearsed', backupID: 'b', tables: 9, rows: 1234, durationSeconds: 7.2 }

interface Rehearsed extends Instance {
  readonly status?: Instance['status'] & { readonly release?: { readonly current?: { readonly rehearsal?: object } } }
}

const rehearsalOf = async (scene: Scene) => ((await scene.get()) as Rehearsed | undefined)?.status?.release?.current?.rehearsal

const eventType = { apiVersion: 'events.k8s.io/v1', kind: 'Event' }
const skips = async ({ namespace }: Scene) =>
  (await api.list<KubeObject & { readonly reason: string; readonly note: string }>(eventType, namespace)).filter(
    ({ reason }) => reason === 'RehearsalSkipped',
  )

/** An instance of environment Test with a store, whose first release serves. */
async function test(encryption: object = { recipients, identitySecretRef }, spec: object = {}): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene, 'offsite', encryption)
  const identity = Buffer.from('AGE-SECRET-KEY-1').toString('base64')
  await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: scene.namespace }, data: { identity } })
  await scene.create('good-1', { backup: { storeRef: { name: 'offsite' } }, ...spec })
  await scene.served('good-1')
  return scene
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('an upgrade of Test that changes the schema', () => {
  it('is tried on the archive that was just taken, once, before the database is touched, also when the operator is killed meanwhile', async () => {
    const scene = await test()
    scene.kubelet.dataEndings.set('rehearse', rehearsed)
    scene.kubelet.backupsEnd = false

    await scene.edit({ image: scene.kubelet.image('expand-2') })
    await scene.until('Reconciling', 'True', 'BackingUp')
    await scene.restartOperator()
    scene.kubelet.backupsEnd = true
    await scene.served('expand-2')
    const message = await scene.until('UpgradeVerified', 'True', 'Passed')

    const [archive] = scene.kubelet.archives
    const job = (await scene.jobs()).find(({ metadata }) => metadata.name === 'notes-r2-rehearse') as unknown as {
      readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] } } }
    }
    expect(
      [...new Set(scene.kubelet.ran.slice(scene.kubelet.ran.indexOf('inspect expand-2')))].filter((entry) => !entry.startsWith('app')),
    ).toEqual(['inspect expand-2', 'backup good-1', 'rehearse expand-2', 'migrate expand-2', 'verify expand-2'])
    expect(job.spec.template.spec.containers[0]?.args.slice(0, 3)).toEqual(['rehearse', '--backup', archive?.backupID])
    expect(JSON.stringify(job.spec)).not.toMatch(/DATABASE_URL|SECRET_KEY_FILE/)
    expect(await rehearsalOf(scene)).toEqual({ result: 'Passed', backupID: 'b', tables: 9, rows: 1234, durationSeconds: 7 })
    expect(message).toContain('rehearsed on b: 1234 rows of 9 tables were as before')
  })

  it.each([
    [{ exitCode: 1, outcome: 'RowsChanged', message: 'notes has 1 rows, it had 2' }, 'RowsChanged', /notes has 1 rows/],
    [{ exitCode: 1, outcome: 'MigrationFailed', message: 'no such column' }, 'RehearsalFailed', /no such column/],
    [{ exitCode: 6, outcome: 'FenceRefused', message: 'the scratch database is not empty' }, 'RehearsalFailed', /scratch database/],
    [{ exitCode: 2, outcome: 'InvalidConfig', message: 'STORE_PATH: none is set' }, 'RehearsalFailed', /none is set/],
    [{ exitCode: 4, outcome: 'Drifted', message: 'migration 2 has another hash' }, 'SchemaDrifted', /another hash/],
  ])('is given up when its rehearsal ends with %o, with the database as it was', async (ending, reason, message) => {
    const scene = await test()
    scene.kubelet.dataEndings.set('rehearse', ending)

    await scene.edit({ image: scene.kubelet.image('expand-2') })

    expect(await scene.until('Stalled', 'True', reason)).toMatch(message)
    await scene.until('UpgradeVerified', 'False', 'Failed')
    await scene.until('Available', 'True', 'MinimumReplicas')
    expect(scene.kubelet.ran).not.toContain('migrate expand-2')
    scene.kubelet.dataEndings.set('rehearse', rehearsed)
    await scene.edit({ release: { retryToken: 'again', rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 } } })
    await scene.served('expand-2')
  })

  it('goes on without a rehearsal where the image has no such command, and says so', async () => {
    const scene = await test()
    scene.kubelet.dataEndings.set('rehearse', { exitCode: 2, outcome: '', log: "notejam: unknown command 'rehearse'" })

    await scene.edit({ image: scene.kubelet.image('expand-2') })
    await scene.served('expand-2')

    const why = "the image does not know the command rehearse (exit code 2: notejam: unknown command 'rehearse')"
    expect(await scene.until('UpgradeVerified', 'True', 'Passed')).toContain(`its migration was not rehearsed: ${why}`)
    expect(await rehearsalOf(scene)).toEqual({ result: 'Skipped', message: why })
    expect(scene.kubelet.ran).toContain('backup good-1')
    expect((await skips(scene)).map(({ note }) => note)).toEqual([`Release r2 migrates without a rehearsal: ${why}`])
  })

  it('says why there was no rehearsal where archives cannot be read here', async () => {
    const scene = await test({ recipients })

    await scene.edit({ image: scene.kubelet.image('expand-2') })
    await scene.served('expand-2')

    expect(await scene.until('UpgradeVerified', 'True', 'Passed')).toContain('not rehearsed: NotejamBackupStore offsite has no encryption')
    expect(await rehearsalOf(scene)).toMatchObject({ result: 'Skipped' })
    expect(scene.kubelet.ran).toContain('backup good-1')
  })
})

describe('an upgrade of Test that leaves the schema as it is', () => {
  it('is neither backed up nor rehearsed', async () => {
    const scene = await test()

    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.served('good-2')

    expect(await rehearsalOf(scene)).toEqual({ result: 'Skipped', message: 'it does not change the schema' })
    expect(scene.kubelet.ran.filter((entry) => entry.startsWith('backup'))).toEqual([])
  })
})

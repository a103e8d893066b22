import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { sealSecretKey } from '../../app/src/backup/seal-secret-key.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { createStore } from './backup-scene.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const bootstrap = { restore: { storeRef: { name: 'offsite' }, instance: 'gone/notes', backupID: 'Latest' } }
const key = 'the key of the app that is gone, in 32 bytes or more'

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

const sessionKey = async (scene: Scene): Promise<string> => {
  const secret = await api.get<Secret>({ apiVersion: 'v1', kind: 'Secret' }, 'notes-session', scene.namespace)
  return Buffer.from(secret?.data?.['secret-key'] ?? '', 'base64').toString()
}

async function open(): Promise<Scene> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  await createStore(api, scene, 'offsite', { mode: 'None' })
  scene.kubelet.seal = (recipient) => sealSecretKey(key, recipient)
  return scene
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('an instance that begins with an archive', () => {
  it.each(['Test', 'Development'] as const)(
    'restores before anything else, takes the key over, and is neither wiped nor seeded (%s)',
    async (environment) => {
      const scene = await open()

      await scene.create('good-1', { environment, bootstrap, seed: { generate: { users: 2 } } })
      await scene.served('good-1')

      const order = scene.kubelet.ran.filter((entry) => !entry.startsWith('app')).map((entry) => entry.split(' ')[0])
      expect(order).toEqual(['restore', 'migrate'])
      expect(scene.kubelet.restores[0]?.args.slice(0, 6)).toEqual(['restore', '--backup', 'Latest', '--from', 'gone/notes', '--bootstrap'])
      expect(await sessionKey(scene)).toBe(key)
      expect(JSON.stringify(await scene.get())).not.toContain(key)
    },
  )

  it('goes on after the operator was killed, with one restore and the same key', async () => {
    const scene = await open()
    scene.kubelet.restoresEnd = false

    await scene.create('good-1', { bootstrap })
    await scene.until('Reconciling', 'True', 'Restoring')
    await waitFor(async () => (await scene.jobs()).length === 1, { what: 'the Job', timeoutMs: 10_000 })
    await scene.restartOperator()
    scene.kubelet.restoresEnd = true
    await scene.served('good-1')

    expect(scene.kubelet.restores).toHaveLength(1)
    expect(await sessionKey(scene)).toBe(key)
  })

  it('begins nothing while the store is missing, and stops when the restore fails', async () => {
    const scene = await open()
    const restore = { ...bootstrap.restore, storeRef: { name: 'other' } }

    await scene.create('good-1', { bootstrap: { restore } })
    await scene.until('Stalled', 'True', 'StoreNotFound')
    const before = [...scene.kubelet.ran]
    scene.kubelet.dataEndings.set('restore', { exitCode: 8, outcome: 'Failed', message: 'a byte differs' })
    await createStore(api, scene, 'other', { mode: 'None' })

    expect(await scene.until('Stalled', 'True', 'RestoreFailed')).toContain('a byte differs')
    expect(before).toEqual([])
    expect(scene.kubelet.ran.filter((entry) => entry.startsWith('migrate'))).toEqual([])
  })

  it('is wiped by its next image as any other of Development', async () => {
    const scene = await open()
    await scene.create('good-1', { environment: 'Development', bootstrap })
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('good-2') })
    await scene.served('good-2')

    expect(scene.kubelet.restores).toHaveLength(1)
    expect(scene.kubelet.wipes).toMatchObject([{ id: 'r2' }])
  })
})

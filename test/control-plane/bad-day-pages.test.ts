import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createAgeKeys } from '../app/age-keys.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import type { Run } from '../e2e/backup-store.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { walkLostKey } from '../support/lost-key-page.ts'
import { PageWalk } from '../support/page-walk.ts'
import { createStore, recipients, storeType } from './backup-scene.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const { kubeconfig } = inject('controlPlane')
const typeOf = (kind: string) => ({ apiVersion: 'notejam.io/v1', kind })

interface Store extends KubeObject {
  readonly spec: { readonly s3: object; readonly encryption: { readonly recipients: readonly string[] } }
}

async function servedScene(): Promise<Scene> {
  const scene = await Scene.open(api, kubeconfig)
  const { namespace } = scene
  const stringData = { identity: createAgeKeys().identity }
  await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'offsite-identity', namespace }, stringData } as KubeObject)
  await createStore(api, scene, 'offsite', { recipients, identitySecretRef: { name: 'offsite-identity' } })
  await scene.create('good-1', { backup: { storeRef: { name: 'offsite' } } })
  await scene.served('good-1')
  return scene
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

// With data behind them the same steps are done on a cluster: `test/e2e/losses.ts`, `test/e2e/backup.test.ts`.
describe('the pages for a bad day, step by step', () => {
  it('lost-key.md', async () => {
    const scene = await servedScene()
    const kept = createAgeKeys()

    await using page = await PageWalk.begin('lost-key', { kubeconfig, namespace: scene.namespace })
    await walkLostKey(page, kept.identity)
    const identity = await page.kept('identity')
    const written = /public key: (age1\w+)/.exec(identity)?.[1]
    const store = await api.get<Store>(storeType, 'offsite', scene.namespace)
    expect(store?.spec.encryption.recipients).toEqual([kept.recipient, written])
    expect(identity).toContain(kept.identity)
    const [taken, tried] = await Promise.all([
      api.get<Run>(typeOf('NotejamBackup'), 'after-the-new-key', scene.namespace),
      api.get<Run>(typeOf('NotejamRestore'), 'try-the-new-key', scene.namespace),
    ])
    expect(tried?.status?.backupID).toBe(taken?.status?.backupID)
  })

  it('restore-everything.md', async () => {
    const scene = await servedScene()

    await using page = await PageWalk.begin('restore-everything', { kubeconfig, namespace: scene.namespace })
    await page.apply('mode: InPlace')
    await page.run('njr/back-to-last-night')
    await page.run('delete pvc/notes-data')

    page.end()
    expect(scene.kubelet.restores).toHaveLength(1)
    await scene.until('Ready', 'True', 'Serving')
  })

  it('cluster-is-gone.md', async () => {
    const scene = await servedScene()
    const namespace = `${scene.namespace}-again`

    await using page = await PageWalk.begin('cluster-is-gone', { kubeconfig, namespace })
    await page.run('create namespace')
    await Promise.all(['access-key-id', 'secret-access-key', 'identity'].map(async (name) => await page.keep(name, name)))
    await page.run('secret generic offsite-s3')
    await page.apply('kind: NotejamBackupStore', { 'age1daily, age1offline': recipients.join(', ') })
    const added = page.read('bootstrap:', { 'notejam-gone': scene.namespace }) as { readonly spec: object }
    const { metadata: _before, ...instance } = (await scene.get()) as KubeObject & { readonly spec: object }
    await api.create({ ...instance, metadata: { name: 'notes', namespace }, spec: { ...instance.spec, ...added.spec } } as KubeObject)
    // Nobody looks after that namespace here.
    const waiting = page.run('condition=Ready', { '--timeout=30m': '--timeout=1s' })

    await expect(waiting).rejects.toThrow('timed out')
    page.end()
  })
})

import { afterAll, beforeAll, describe, expect, inject } from 'vitest'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient } from '../cluster/api-client.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { backupType, createBackupStore, createStoreAccess, endOf, restoreType, runToEnd, type StoreAccess } from './backup-store.ts'
import { hostOf, instanceReady } from './instance.ts'
import { createCertificate, productionInstance, startPostgres } from './production.ts'
import { storySteps } from './story-steps.ts'

const name = 'notes'
const email = 'ada@example.org'

// One instance is lost again and again, in order.
describe('what was lost comes back', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  let store: ObjectStore
  let access: StoreAccess
  let namespace: string
  let person: NotejamClient
  let note: number
  const story = storySteps()
  const { step } = story

  beforeAll(async () => {
    await using cluster = await openCluster(clusterName)
    store = await startObjectStore({ host: cluster.hostAddress })
    access = await createStoreAccess(store, store.endpoint)
    namespace = await createNamespace(api, { prefix: 'losses', podSecurity: 'restricted' })
    const host = hostOf(namespace, name)
    person = new NotejamClient({ baseUrl: ingressUrl, host, origin: `https://${host}` })
  })

  afterAll(async () => {
    if (story.failed) await keepDiagnostics(api, namespace, 'losses')
    await person.close()
    await deleteNamespace(api, namespace)
    await api.close()
    await store[Symbol.asyncDispose]()
  })

  const noteIsThere = async (): Promise<void> => {
    const page = await waitFor(
      async () => {
        const answer = await person.get(`/notes/${note}/`)
        return answer.status === 200 ? answer : undefined
      },
      { what: `note ${note} being served to the session of before`, timeoutMs: 90_000, intervalMs: 250 },
    )
    expect(page.body).toContain('must never be lost')
  }

  const restoreInPlace = async (restore: string): Promise<string> => {
    const spec = { instanceRef: { name }, mode: 'InPlace', confirm: name, source: { storeRef: { name: 'offsite' }, backupID: 'Latest' } }
    return endOf(await runToEnd(api, restoreType, { namespace, name: restore, spec }, 300_000))
  }

  step('a Production instance with a store is backed up on demand', async () => {
    const { secret } = await startPostgres(api, namespace, images.postgres)
    await createCertificate(api, namespace, name)
    await createBackupStore(api, namespace, access)
    const spec = { backup: { storeRef: { name: 'offsite' } }, release: { rollout: { minReadySeconds: 1, progressDeadlineSeconds: 90 } } }
    await api.create(productionInstance({ namespace, name, image: images.app, secret, replicas: 2, spec }))
    await instanceReady(api, namespace, name)
    await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
    await person.signUp(email, 'correct horse battery')
    note = await person.createNote('Kept', 'what must never be lost')

    const backup = await runToEnd(api, backupType, { namespace, name: 'first', spec: { instanceRef: { name }, reason: 'OnDemand' } })

    expect(endOf(backup)).toMatch(/^True:/)
    expect(backup.status?.backupID).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/)
  })

  step('notes that were deleted are restored in place', async () => {
    await person.post(`/notes/${note}/delete/`, { version: '1' })
    expect((await person.get(`/notes/${note}/`)).status).toBe(404)

    expect(await restoreInPlace('after-deletion')).toMatch(/^True:/)

    await instanceReady(api, namespace, name)
    await noteIsThere()
  })

  step('a database that lost its volume is restored in place', async () => {
    // The newest archive is the safety backup of the restore before, which lacks the note.
    await runToEnd(api, backupType, { namespace, name: 'second', spec: { instanceRef: { name }, reason: 'OnDemand' } })
    const selector = { labelSelector: 'app=postgres' }
    const [pod] = await api.list({ apiVersion: 'v1', kind: 'Pod' }, namespace, selector)
    await api.delete({ apiVersion: 'v1', kind: 'Pod' }, pod?.metadata.name ?? '', namespace)
    await waitFor(
      async () => {
        const pods = await api.list<typeof pod & { status?: { conditions?: { type: string; status: string }[] } }>(
          { apiVersion: 'v1', kind: 'Pod' },
          namespace,
          selector,
        )
        return pods.length === 1 && pods[0]?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
      },
      { what: 'an empty PostgreSQL', timeoutMs: 120_000 },
    )

    expect(await restoreInPlace('after-volume')).toMatch(/^True:/)

    await instanceReady(api, namespace, name)
    await noteIsThere()
  })

  step('a namespace that is gone is rebuilt from the bucket alone, and people stay signed in', async () => {
    const before = namespace
    const source = `${before}/${name}`
    await api.patch({ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }, name, before, {
      metadata: { annotations: { 'notejam.io/confirm-delete': name } },
    })
    await deleteNamespace(api, before)
    namespace = await createNamespace(api, { prefix: 'rebuilt', podSecurity: 'restricted' })
    const { secret } = await startPostgres(api, namespace, images.postgres)
    await createCertificate(api, namespace, name)
    await createBackupStore(api, namespace, access)
    const spec = {
      // The same address as before, as people know it.
      http: { hosts: [hostOf(before, name)], ingress: { tls: { secretRef: { name: 'tls' } } } },
      app: { publicURL: `https://${hostOf(before, name)}` },
      backup: { storeRef: { name: 'offsite' } },
      bootstrap: { restore: { storeRef: { name: 'offsite' }, instance: source, backupID: 'Latest' } },
    }

    await api.create(productionInstance({ namespace, name, image: images.app, secret, replicas: 2, spec }))

    await instanceReady(api, namespace, name, 240_000)
    await noteIsThere()
  })
})

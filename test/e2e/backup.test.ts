import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { publishImage } from '../cluster/images.ts'
import { silentProgress } from '../cluster/progress.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { backupType, createBackupStore, createStoreAccess, endOf, restoreType, runToEnd, type StoreAccess } from './backup-store.ts'
import { instanceHas, instanceObject, instanceReady, urlOf } from './instance.ts'

const name = 'notes'
const account = ['ada@example.org', 'correct horse battery'] as const

interface CronJob extends KubeObject {
  readonly spec: { readonly suspend: boolean; readonly jobTemplate: { readonly metadata: object; readonly spec: object } }
}

const servers = [
  { image: 'postgres', type: 'PostgreSQL' },
  { image: 'mariadb', type: 'MySQL' },
] as const

describe('backups', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  const references = new Map<string, string>()
  let store: ObjectStore
  let access: StoreAccess

  beforeAll(async () => {
    await using cluster = await openCluster(clusterName)
    store = await startObjectStore({ host: cluster.hostAddress })
    access = await createStoreAccess(store, store.endpoint)
    for (const { image } of servers) {
      references.set(image, (await publishImage(image, cluster.registry, { progress: silentProgress })).reference)
    }
  })

  afterAll(async () => {
    await api.close()
    await store[Symbol.asyncDispose]()
  })

  /** An instance that serves a note, and the person who wrote it. */
  async function served(namespace: string, spec: object): Promise<{ readonly person: NotejamClient; readonly note: number }> {
    await api.create(instanceObject(namespace, name, images.app, ingressUrl, { ...spec }))
    await instanceReady(api, namespace, name, 180_000)
    const person = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(namespace, name, ingressUrl)).host })
    await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
    await person.signUp(...account)
    return { person, note: await person.createNote('Remember the milk', 'and the bread') }
  }

  it.each(servers)(
    'by schedule and on trial: a run of the CronJob is counted, and restored beside a throw-away $image',
    async ({ image, type }) => {
      const namespace = await testNamespace(api, { prefix: `backup-${image}`, podSecurity: 'restricted' })
      await createBackupStore(api, namespace, access)
      const reference = references.get(image)
      const backup = { storeRef: { name: 'offsite' }, verification: { serverImage: reference, scratchSize: '1Gi' } }
      const { person } = await served(namespace, { database: { type, builtIn: { image: reference } }, backup })
      await person.close()

      const cronJob = await waitFor(async () => api.get<CronJob>({ apiVersion: 'batch/v1', kind: 'CronJob' }, 'notes-backup', namespace), {
        what: 'the CronJob',
        timeoutMs: 20_000,
      })
      const { metadata, spec } = cronJob.spec.jobTemplate
      // Without the wait by which a thousand runs are spread.
      const now = JSON.parse(
        JSON.stringify(spec).replace('"BACKUP_JITTER_SECONDS","value":"300"', '"BACKUP_JITTER_SECONDS","value":"0"'),
      ) as object
      const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'notes-backup', uid: cronJob.metadata.uid, controller: true }
      await api.create({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { ...metadata, name: 'run-1', namespace, ownerReferences: [owner] },
        spec: now,
      } as KubeObject)
      await instanceHas(api, namespace, name, { type: 'BackupCurrent', status: 'True', reason: 'Recent' }, 180_000)
      const trial = await runToEnd(api, restoreType, {
        namespace,
        name: 'trial',
        spec: { instanceRef: { name }, mode: 'Verify', source: { backupID: 'Latest' } },
      })

      expect(endOf(trial)).toBe('True:Completed')
      await instanceHas(api, namespace, name, { type: 'RestoreVerified', status: 'True', reason: 'Verified' }, 30_000)
      const instance = await api.get<KubeObject & { readonly status?: { readonly backup?: object } }>(
        { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' },
        name,
        namespace,
      )
      expect(instance?.status?.backup).toMatchObject({ storedCount: 1, consecutiveFailures: 0 })
    },
    400_000,
  )

  it('SQLite: an archive on a volume brings back a note that was deleted', async () => {
    const namespace = await testNamespace(api, { prefix: 'backup-sqlite', podSecurity: 'restricted' })
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } }
    await api.create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'archives', namespace }, spec: claim })
    const shelf = { volume: { claimName: 'archives' }, encryption: { mode: 'None' } }
    await api.create({ apiVersion: 'notejam.io/v1', kind: 'NotejamBackupStore', metadata: { name: 'shelf', namespace }, spec: shelf })
    const { person, note } = await served(namespace, { backup: { storeRef: { name: 'shelf' } } })

    const taken = await runToEnd(api, backupType, { namespace, name: 'now', spec: { instanceRef: { name } } })
    await person.post(`/notes/${note}/delete/`, { version: '1' })
    const spec = { instanceRef: { name }, mode: 'InPlace', confirm: name, source: { backupID: taken.status?.backupID } }
    const restored = await runToEnd(api, restoreType, { namespace, name: 'back', spec }, 300_000)
    await instanceReady(api, namespace, name, 60_000)

    expect(endOf(taken)).toBe('True:Completed')
    expect(endOf(restored)).toBe('True:Completed')
    await waitFor(async () => (await person.get(`/notes/${note}/`)).body.includes('and the bread'), { what: 'the note', timeoutMs: 60_000 })
    await person.close()
  }, 400_000)
})

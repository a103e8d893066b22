import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { publishImage } from '../cluster/images.ts'
import { silentProgress } from '../cluster/progress.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import {
  backupType,
  createBackupStore,
  createStoreAccess,
  endOf,
  restoreType,
  runToEnd,
  type Run,
  type StoreAccess,
} from './backup-store.ts'
import { PageWalk } from '../support/page-walk.ts'
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

  /** Puts notes of the newest archive back, and says how that ended. */
  async function putBack(namespace: string, select: object): Promise<string> {
    const spec = { instanceRef: { name }, mode: 'Select', select, source: { backupID: 'Latest' } }
    return endOf(await runToEnd(api, restoreType, { namespace, name: 'selection', spec }))
  }

  it.each(servers)(
    'by schedule, on trial and in part: a run of the CronJob is counted, restored beside a throw-away $image, and gives a lost note back',
    async ({ image, type }) => {
      const namespace = await testNamespace(api, { prefix: `backup-${image}`, podSecurity: 'restricted' })
      await createBackupStore(api, namespace, access)
      const reference = references.get(image)
      const backup = { storeRef: { name: 'offsite' }, verification: { serverImage: reference, scratchSize: '1Gi' } }
      const { person, note } = await served(namespace, { database: { type, builtIn: { image: reference } }, backup })

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

      await person.post(`/notes/${note}/delete/`, { version: '1' })
      const selected = await putBack(namespace, { user: account[0] })
      const list = (await person.get('/')).body
      await person.close()

      expect(endOf(trial)).toBe('True:Completed')
      expect(selected).toBe('True:Completed')
      expect(list).toContain('Remember the milk')
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

  it('SQLite: an archive on a volume brings back a note that was deleted, alone and with all else; the last one is taken before the volume goes', async () => {
    const namespace = await testNamespace(api, { prefix: 'backup-sqlite', podSecurity: 'restricted' })
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } }
    await api.create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'archives', namespace }, spec: claim })
    const shelf = { volume: { claimName: 'archives' }, encryption: { mode: 'None' } }
    await api.create({ apiVersion: 'notejam.io/v1', kind: 'NotejamBackupStore', metadata: { name: 'shelf', namespace }, spec: shelf })
    const { person, note } = await served(namespace, { backup: { storeRef: { name: 'shelf' } }, deletionPolicy: 'BackupThenDelete' })

    const taken = await runToEnd(api, backupType, { namespace, name: 'now', spec: { instanceRef: { name } } })
    await person.post(`/notes/${note}/delete/`, { version: '1' })
    await using page = await PageWalk.begin('restore-a-note', { kubeconfig, namespace })
    await page.apply('mode: Select', { 'noteIDs: [1]': `noteIDs: [${note}]`, '2026-11-21T18:00:00Z': new Date().toISOString() })
    await page.run('njr/annas-garden')
    const selected = await api.get<Run>(restoreType, 'annas-garden', namespace)
    const list = (await person.get('/')).body
    const spec = { instanceRef: { name }, mode: 'InPlace', confirm: name, source: { backupID: taken.status?.backupID } }
    const restored = await runToEnd(api, restoreType, { namespace, name: 'back', spec }, 300_000)
    await instanceReady(api, namespace, name, 60_000)

    expect(endOf(taken)).toBe('True:Completed')
    expect(selected === undefined ? 'none' : endOf(selected)).toBe('True:Completed')
    expect(list).toContain('Remember the milk')
    expect(endOf(restored)).toBe('True:Completed')
    await waitFor(async () => (await person.get(`/notes/${note}/`)).body.includes('and the bread'), { what: 'the note', timeoutMs: 60_000 })
    await person.close()
    await api.delete({ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }, name, namespace)
    await waitFor(async () => (await api.get({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, 'notes-data', namespace)) === undefined, {
      what: 'the volume being gone',
      timeoutMs: 120_000,
    })
    const last = (await api.list<Run>(backupType, namespace)).find(({ metadata }) => metadata.name.startsWith('notes-last-'))
    expect(last === undefined ? 'none' : endOf(last)).toBe('True:Completed')
  }, 400_000)
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createAgeKeys } from '../app/age-keys.ts'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { kubectlFor, type Kubectl } from '../support/kubectl.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { backupType, createBackupStore, createStoreAccess, endOf, runToEnd } from './backup-store.ts'
import { startPostgres } from './database-servers.ts'
import { hostOf, instanceHas, instanceObject, instanceReady, urlOf } from './instance.ts'
import { createCertificate, productionInstance } from './production.ts'

const name = 'notes'
const email = 'ada.lovelace@example.org'
const title = 'Zanzibarquittung'
const text = 'Der Schluessel liegt unter dem Blumentopf'

interface CronJob extends KubeObject {
  readonly spec: { readonly jobTemplate: { readonly metadata: object; readonly spec: object } }
}

interface Pod extends KubeObject {
  readonly status?: { readonly containerStatuses?: readonly { readonly state?: { readonly terminated?: { readonly message?: string } } }[] }
}

describe('a masked copy of Production', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  let store: ObjectStore
  let kubectl: Kubectl

  beforeAll(async () => {
    await using cluster = await openCluster(clusterName)
    store = await startObjectStore({ host: cluster.hostAddress })
    kubectl = await kubectlFor(kubeconfig)
  })

  afterAll(async () => {
    await api.close()
    await store[Symbol.asyncDispose]()
  })

  /** The store of masked copies as one side knows it: Production can write, Test can read. */
  async function createCopyStore(namespace: string, copies: { readonly bucket: string; readonly recipient: string }, identity?: string) {
    const { accessKeyId, secretAccessKey } = store.credentials
    const secret = (named: string, stringData: Readonly<Record<string, string>>): KubeObject => {
      return { apiVersion: 'v1', kind: 'Secret', metadata: { name: named, namespace }, stringData }
    }
    await api.create(secret('copies-s3', { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey }))
    if (identity !== undefined) await api.create(secret('copies-identity', { identity }))
    const encryption = {
      recipients: [copies.recipient],
      ...(identity === undefined ? {} : { identitySecretRef: { name: 'copies-identity' } }),
    }
    const s3 = { endpoint: store.endpoint, bucket: copies.bucket, pathStyle: 'Always', credentialsSecretRef: { name: 'copies-s3' } }
    const metadata = { name: 'copies', namespace }
    await api.create({ apiVersion: 'notejam.io/v1', kind: 'NotejamBackupStore', metadata, spec: { s3, encryption } })
  }

  const inPod = async (namespace: string, pod: string, script: string): Promise<string> =>
    await kubectl.run(['exec', '--namespace', namespace, pod, '--', 'sh', '-c', script])

  it('holds as many notes as the original and nothing of what they say, and Test begins with it', async () => {
    const { recipient, identity } = createAgeKeys()
    const { bucket } = await store.createBucket()
    const production = await testNamespace(api, { prefix: 'masked-prod', podSecurity: 'restricted' })
    const test = await testNamespace(api, { prefix: 'masked-test', podSecurity: 'restricted' })
    await createBackupStore(api, production, await createStoreAccess(store, store.endpoint))
    await createCopyStore(production, { bucket, recipient })
    await createCopyStore(test, { bucket, recipient }, identity)
    const { secret } = await startPostgres(api, production, images.postgres)
    await createCertificate(api, production, name)
    const backup = {
      storeRef: { name: 'offsite' },
      verification: { serverImage: images.postgres, scratchSize: '1Gi' },
      maskedCopies: [{ name: 'test', storeRef: { name: 'copies' }, recipients: [recipient] }],
    }
    await api.create(productionInstance({ namespace: production, name, image: images.app, secret, replicas: 1, spec: { backup } }))
    await instanceReady(api, production, name)
    const host = hostOf(production, name)
    const person = new NotejamClient({ baseUrl: ingressUrl, host, origin: `https://${host}` })
    await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
    await person.signUp(email, 'correct horse battery')
    for (const number of [1, 2, 3]) await person.createNote(`${title} ${number}`, text)
    await person.close()
    expect(endOf(await runToEnd(api, backupType, { namespace: production, name: 'now', spec: { instanceRef: { name } } }))).toMatch(
      /^True:/,
    )

    const type = { apiVersion: 'batch/v1', kind: 'CronJob' }
    const cronJob = await waitFor(async () => api.get<CronJob>(type, 'notes-mask-test', production), {
      what: 'the CronJob of the copy',
      timeoutMs: 20_000,
    })
    const { metadata, spec } = cronJob.spec.jobTemplate
    const owner = { ...type, name: 'notes-mask-test', uid: cronJob.metadata.uid, controller: true }
    await api.create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { ...metadata, name: 'copy-1', namespace: production, ownerReferences: [owner] },
      spec,
    } as KubeObject)
    await instanceHas(api, production, name, { type: 'MaskedCopiesCurrent', status: 'True', reason: 'Copied' }, 120_000)
    const seed = { from: { storeRef: { name: 'copies' }, instance: `${production}/${name}` } }
    const database = { type: 'PostgreSQL', builtIn: { image: images.postgres, storage: { size: '256Mi' } } }
    await api.create(instanceObject(test, name, images.app, ingressUrl, { database, seed }))
    await instanceReady(api, test, name, 180_000)

    const pods = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, test, {
      labelSelector: 'batch.kubernetes.io/job-name=notes-r1-seed',
    })
    const report = JSON.parse(pods[0]?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '{}') as {
      readonly signIn?: { readonly email: string; readonly password: string }
    }
    const [server] = await api.list({ apiVersion: 'v1', kind: 'Pod' }, production, { labelSelector: 'app=postgres' })
    const original = await inPod(
      production,
      server?.metadata.name ?? '',
      'PGPASSWORD=$POSTGRES_PASSWORD pg_dump -h 127.0.0.1 -U notejam notejam',
    )
    const login = 'PGPASSWORD=$(cat /run/secrets/database/password)'
    const masked = await inPod(test, 'notes-database-0', `${login} pg_dump "host=localhost user=notejam dbname=notejam"`)
    const planted = [title, title.toLowerCase(), 'Blumentopf', 'blumentopf', email, 'lovelace']
    expect(planted.filter((word) => original.includes(word))).toEqual(expect.arrayContaining([title, 'Blumentopf', email]))
    expect(planted.filter((word) => masked.includes(word))).toEqual([])
    expect(rowsOf(masked, 'notes')).toBe(3)
    expect([rowsOf(masked, 'users'), rowsOf(masked, 'notes')]).toEqual([rowsOf(original, 'users'), rowsOf(original, 'notes')])
    expect(report.signIn?.email).toMatch(/@masked\.invalid$/)
    const tester = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(test, name, ingressUrl)).host })
    await waitFor(async () => (await tester.get('/signin/')).status === 200, { what: 'the sign-in page of Test', timeoutMs: 60_000 })
    await tester.signIn(report.signIn?.email ?? '', report.signIn?.password ?? '')
    await tester.close()
  }, 400_000)
})

/** Rows of a table in a dump of `pg_dump`: the lines between its COPY and the dot that ends it. */
function rowsOf(dump: string, table: string): number {
  const lines = dump.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`COPY public.${table} `))
  return start === -1 ? -1 : lines.indexOf('\\.', start) - start - 1
}

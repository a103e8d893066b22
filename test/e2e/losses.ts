import type { ObjectStore } from '../app/object-store.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { backupType, createBackupStore, createStoreAccess, endOf, restoreType, runToEnd, type StoreAccess } from './backup-store.ts'
import { getInstance, hostOf, instanceHas, instanceReady } from './instance.ts'
import { ArchiveBucket, type StoredArchive } from './losses-bucket.ts'
import { type LossEngine, type LossPlace, type LossSite, lostName as name } from './losses-engines.ts'
import { createCertificate, productionInstance } from './production.ts'

const account = ['ada@example.org', 'correct horse battery'] as const
const written = [
  ['Kept', 'what must never be lost'],
  ['Збережено', 'те, що ніколи не має зникнути'],
  ['保存', '决不能丢失的东西 🗝️'],
] as const
/** Of every archive but what migrations, restores and people held; so short that an archive of last month may go. */
const retention = { daily: 'P7D', beforeMigration: 'P7D' }
/** Counters of failed sign-ins end by themselves, minutes after they began. */
const passing = new Set(['throttle_windows'])

/** What is looked at on a page. */
interface Seen {
  readonly path: string
  readonly status: number
  /** Instants that it names. */
  readonly times: readonly string[]
  /** Those of the written texts that it has. */
  readonly texts: readonly string[]
}

/** How long a loss took to be made good, and what of it. */
export interface Recovery {
  readonly loss: string
  readonly seconds: number
  /** The archive that was restored. */
  readonly archive: string
  /** Rows that were compared with the manifest, by their hashes. */
  readonly rows: number
  /** What the same look found between the loss and the recovery. */
  readonly missing: string
}

/** What prune says at its end. */
interface Pruned {
  readonly kept: number
  readonly deleted: number
  readonly withheld?: string
}

interface CronJob extends KubeObject {
  readonly spec: { readonly jobTemplate: { readonly spec: { readonly template: PodTemplate } } }
}

interface PodTemplate {
  readonly metadata: object
  readonly spec: { readonly initContainers: readonly object[]; readonly containers: readonly { readonly name: string }[] }
}

interface EndedPod extends KubeObject {
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly name: string
      readonly state?: { readonly terminated?: { readonly exitCode: number; readonly message?: string } }
    }[]
  }
}

/** An instance whose notes are lost again and again, and come back from the newest good archive each time. */
export class LostInstance {
  readonly engine: LossEngine
  readonly #access: StoreAccess
  readonly #bucket: ArchiveBucket
  #site: LossSite
  #namespace = ''
  /** As people know it, wherever the instance is rebuilt. */
  #host = ''
  #person: NotejamClient | undefined
  #before: readonly Seen[] = []
  #kept: StoredArchive | undefined
  #runs = 0

  private constructor(engine: LossEngine, site: LossSite, access: StoreAccess, bucket: ArchiveBucket) {
    this.engine = engine
    this.#site = site
    this.#access = access
    this.#bucket = bucket
  }

  /** An instance with a store, an account and notes of which there is one archive. */
  static async begin(engine: LossEngine, site: LossSite, store: ObjectStore): Promise<LostInstance> {
    const access = await createStoreAccess(store, site.endpoint)
    const lost = new LostInstance(engine, site, access, new ArchiveBucket(store, access.bucket))
    await lost.#create('losses', {})
    lost.#person = lost.#client()
    await lost.#signInPage()
    await lost.#person.signUp(...account)
    const pad = await lost.#person.createPad('Papers')
    const paths = [`/pads/${pad}/`]
    for (const [title, text] of written) paths.push(`/notes/${await lost.#person.createNote(title, text, pad)}/`)
    lost.#before = await Promise.all(paths.map(async (path) => await lost.#look(lost.#person, path)))
    const odd = lost.#before.find(({ status, times, texts }) => status !== 200 || times.length === 0 || texts.length === 0)
    if (odd !== undefined) throw new Error(`a page is not as it was written: ${JSON.stringify(odd)}`)
    lost.#kept = await lost.#backUp()
    return lost
  }

  get namespace(): string {
    return this.#namespace
  }

  /** One byte of the newest archive flips: its trial says so, pruning keeps the one of last month, and deleted notes come back from that. */
  async flipByte(): Promise<Recovery> {
    const good = this.#newest
    const bad = await this.#backUp()
    await this.#bucket.flipByte(bad)
    const trial = await this.#restore('Verify')
    if (!endOf(trial).startsWith('False:ChecksumMismatch') || !endOf(trial).includes(bad.id))
      throw new Error(`the trial of ${bad.id} ended with ${endOf(trial)}`)
    const { message } = await instanceHas(this.#site.api, this.#namespace, name, { type: 'RestoreVerified', status: 'False' }, 30_000)
    if (!message.includes(bad.id)) throw new Error(`RestoreVerified does not name ${bad.id}: ${message}`)
    // Three days of archives that are damaged are newer than the good one, which no tier asks for.
    for (const days of [1, 2]) await this.#bucket.copyOlder(bad, days)
    this.#kept = await this.#bucket.copyOlder(good, 40)
    await this.#bucket.remove(good)
    const pruned = await this.#prune()
    if (pruned.deleted > 0 || (await this.#bucket.find(this.#newest.id)) === undefined)
      throw new Error(`the only good archive was let go of: ${JSON.stringify(pruned)}`)
    return await this.#recover('one byte of the newest archive flipped', async () => await this.#deleteNotes())
  }

  /** The same pruning lets the archive of last month go once there is a younger good one: it was no accident that it stayed. */
  async letGo(old: string): Promise<void> {
    const pruned = await this.#prune()
    if ((await this.#bucket.find(old)) !== undefined) throw new Error(`${old} is still there: ${JSON.stringify(pruned)}`)
  }

  async loseNotes(): Promise<Recovery> {
    return await this.#recover('notes deleted', async () => await this.#deleteNotes())
  }

  async loseDatabase(): Promise<Recovery> {
    return await this.#recover('database dropped', async () => await this.engine.dropDatabase(this.#place))
  }

  async loseVolume(): Promise<Recovery> {
    return await this.#recover('volume destroyed', async () => await this.engine.destroyVolume(this.#place))
  }

  async loseInstance(): Promise<Recovery> {
    const { api } = this.#site
    return await this.#recover(
      'instance deleted',
      async () => {
        await api.delete({ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }, name, this.#namespace)
        await this.engine.clear(this.#place)
        await this.#gone()
      },
      async () => await api.create(this.#object(this.#bootstrap(this.#namespace))),
    )
  }

  async loseNamespace(): Promise<Recovery> {
    const before = this.#namespace
    return await this.#recover(
      'namespace deleted',
      async () => await deleteNamespace(this.#site.api, before),
      async () => await this.#create('rebuilt', this.#bootstrap(before)),
    )
  }

  /** Rebuilds the instance in another cluster, when the one before is gone. */
  async moveTo(site: LossSite): Promise<Recovery> {
    const before = this.#namespace
    return await this.#recover(
      'cluster destroyed and rebuilt',
      async () => {
        this.#site = site
        await Promise.resolve()
      },
      async () => await this.#create('rebuilt', this.#bootstrap(before)),
    )
  }

  async close(): Promise<void> {
    await this.#person?.close()
  }

  get #place(): LossPlace {
    return { ...this.#site, namespace: this.#namespace }
  }

  get #newest(): StoredArchive {
    if (this.#kept === undefined) throw new Error('there is no archive yet')
    return this.#kept
  }

  /** Loses something, sees that it is lost, has it restored in place or rebuilt, and compares. */
  async #recover(loss: string, lose: () => Promise<void>, rebuild?: () => Promise<unknown>): Promise<Recovery> {
    await lose()
    const what = `${this.engine.name} without its notes (${loss})`
    const missing = await waitFor(async () => (await this.#shortcomings())[0], { what, timeoutMs: 90_000, intervalMs: 250 })
    const started = performance.now()
    if (rebuild === undefined) {
      const restored = await this.#restore('InPlace')
      if (!endOf(restored).startsWith('True:') || restored.status?.backupID !== this.#newest.id)
        throw new Error(`${loss}: the restore of ${this.#newest.id} ended with ${endOf(restored)}, of ${restored.status?.backupID}`)
    } else await rebuild()
    await instanceReady(this.#site.api, this.#namespace, name, 300_000)
    await this.#signInPage()
    const seconds = Math.round((performance.now() - started) / 100) / 10
    // Before anybody looks: a visit may be written down.
    const after = await this.#backUp()
    const differences = differencesOf(this.#newest, after)
    const short = [...differences, ...(await this.#shortcomings())]
    if (short.length > 0) throw new Error(`${this.engine.name}, ${loss}: ${short.join('; ')}`)
    const archive = this.#newest.id
    this.#kept = after
    return { loss, seconds, archive, missing, rows: after.manifest.tables.reduce((sum, { rows }) => sum + rows, 0) }
  }

  async #create(prefix: string, spec: object): Promise<void> {
    const { api, endpoint } = this.#site
    this.#namespace = await createNamespace(api, { prefix, podSecurity: 'restricted' })
    if (this.#host === '') this.#host = hostOf(this.#namespace, name)
    await this.engine.start(this.#place)
    await createCertificate(api, this.#namespace, name)
    await createBackupStore(api, this.#namespace, { ...this.#access, endpoint })
    await api.create(this.#object(spec))
    await instanceReady(api, this.#namespace, name, 300_000)
  }

  #object(spec: object): KubeObject {
    const { images } = this.#site
    const serverImage = this.engine.serverImage(images)
    const verification = { scratchSize: '1Gi', ...(serverImage === undefined ? {} : { serverImage }) }
    return productionInstance({
      namespace: this.#namespace,
      name,
      image: images.app,
      secret: 'database',
      replicas: this.engine.replicas,
      spec: {
        ...this.engine.spec,
        http: { hosts: [this.#host], ingress: { tls: { secretRef: { name: 'tls' } } } },
        app: { publicURL: `https://${this.#host}` },
        backup: { storeRef: { name: 'offsite' }, retention, verification },
        release: { rollout: { minReadySeconds: 1, progressDeadlineSeconds: 90 } },
        ...spec,
      },
    })
  }

  #bootstrap(namespace: string): object {
    return { bootstrap: { restore: { storeRef: { name: 'offsite' }, instance: `${namespace}/${name}`, backupID: 'Latest' } } }
  }

  async #backUp(): Promise<StoredArchive> {
    this.#runs += 1
    const run = { namespace: this.#namespace, name: `archive-${this.#runs}`, spec: { instanceRef: { name } } }
    const ended = await runToEnd(this.#site.api, backupType, run)
    const found = await this.#bucket.find(ended.status?.backupID ?? '')
    if (endOf(ended) !== 'True:Completed' || found === undefined)
      throw new Error(`${run.name} ended with ${endOf(ended)}, and its archive is ${found === undefined ? 'not ' : ''}there`)
    return found
  }

  async #restore(mode: 'InPlace' | 'Verify') {
    this.#runs += 1
    const source = { storeRef: { name: 'offsite' }, backupID: 'Latest' }
    const spec = { instanceRef: { name }, mode, source, ...(mode === 'InPlace' ? { confirm: name } : {}) }
    return await runToEnd(this.#site.api, restoreType, { namespace: this.#namespace, name: `restore-${this.#runs}`, spec }, 300_000)
  }

  /** What the CronJob does after a backup, without the backup. */
  async #prune(): Promise<Pruned> {
    const { api } = this.#site
    this.#runs += 1
    const run = `prune-${this.#runs}`
    const template = await waitFor(
      async () => (await api.get<CronJob>({ apiVersion: 'batch/v1', kind: 'CronJob' }, `${name}-backup`, this.#namespace))?.spec,
      { what: 'the CronJob', timeoutMs: 20_000 },
    ).then(({ jobTemplate }) => jobTemplate.spec.template)
    const pod = { ...template, spec: { ...template.spec, initContainers: [], restartPolicy: 'Never' } }
    await api.create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: run, namespace: this.#namespace },
      spec: { backoffLimit: 0, template: pod },
    })
    const { exitCode, message = '' } = await waitFor(
      async () => {
        const pods = await api.list<EndedPod>({ apiVersion: 'v1', kind: 'Pod' }, this.#namespace, { labelSelector: `job-name=${run}` })
        return pods.flatMap(({ status }) => status?.containerStatuses?.flatMap(({ state }) => state?.terminated ?? []) ?? [])[0]
      },
      { what: `${run} ending`, timeoutMs: 120_000, intervalMs: 250 },
    )
    if (exitCode !== 0) throw new Error(`${run} ended with ${exitCode}: ${message}`)
    return JSON.parse(message.trim().split('\n').at(-1) ?? '') as Pruned
  }

  async #deleteNotes(): Promise<void> {
    for (const { path } of this.#before.filter((page) => page.path.startsWith('/notes/')))
      await this.#person?.post(`${path}delete/`, { version: '1' })
  }

  /** Until nothing of a deleted instance is there that one of the same name would need for itself. */
  async #gone(): Promise<void> {
    const { api } = this.#site
    const children = [
      ['apps/v1', 'Deployment', name],
      ['batch/v1', 'CronJob', `${name}-backup`],
      ['v1', 'Secret', `${name}-session`],
      ['v1', 'PersistentVolumeClaim', `${name}-data`],
    ] as const
    await waitFor(
      async () => {
        const found = await Promise.all(
          children.map(async ([apiVersion, kind, child]) => await api.get({ apiVersion, kind }, child, this.#namespace)),
        )
        return (await getInstance(api, this.#namespace, name)) === undefined && found.every((child) => child === undefined)
      },
      { what: `nothing of ${name} being there`, timeoutMs: 120_000, intervalMs: 250 },
    )
  }

  #client(): NotejamClient {
    // Where the Ingress answers is another port in another cluster; host, cookies and origin stay.
    const ingressUrl = (): string => this.#site.ingressUrl
    return new NotejamClient({
      get baseUrl() {
        return ingressUrl()
      },
      host: this.#host,
      origin: `https://${this.#host}`,
    })
  }

  /** Asked for by nobody: a visit of a session is written down now and then. */
  async #signInPage(): Promise<void> {
    const nobody = this.#client()
    const what = `the sign-in page on ${this.engine.name}`
    try {
      await waitFor(async () => (await nobody.get('/signin/')).status === 200, { what, timeoutMs: 60_000, intervalMs: 250 })
    } finally {
      await nobody.close()
    }
  }

  async #look(person: NotejamClient | undefined, path: string): Promise<Seen> {
    const { status = 0, body = '' } = (await person?.get(path)) ?? {}
    const times = [...body.matchAll(/datetime="([^"]+)"/g)].map(([, time = '']) => time)
    return { path, status, times, texts: written.flat().filter((text) => body.includes(text)) }
  }

  /** What is not as before the first loss, to the session of then and to whoever signs in now. */
  async #shortcomings(): Promise<readonly string[]> {
    const other = this.#client()
    try {
      const old = await this.#compare(this.#person, 'the session of before')
      if (old.length > 0) return old
      await other.signIn(...account)
      return await this.#compare(other, 'the password of before')
    } catch (error) {
      return [String(error)]
    } finally {
      await other.close()
    }
  }

  async #compare(person: NotejamClient | undefined, who: string): Promise<readonly string[]> {
    const found = await Promise.all(this.#before.map(async ({ path }) => await this.#look(person, path)))
    return found.flatMap((now, index) => {
      const wanted = this.#before[index]
      if (JSON.stringify(now) === JSON.stringify(wanted)) return []
      const { path, status, texts, times } = now
      const same = times.filter((time, at) => time === wanted?.times[at])
      const kept = `${texts.length} of ${wanted?.texts.length} texts and ${same.length} of ${wanted?.times.length} times`
      return [`${who} gets ${path} with status ${status}, ${kept}`]
    })
  }
}

/** Where row counts and content hashes are not those of the manifest. */
function differencesOf(before: StoredArchive, after: StoredArchive): readonly string[] {
  const tables = (archive: StoredArchive) => new Map(archive.manifest.tables.map((table) => [table.name, table]))
  const [wanted, found] = [tables(before), tables(after)]
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((table) => !passing.has(table))
    .flatMap((table) => {
      const [one, other] = [wanted.get(table), found.get(table)]
      if (one !== undefined && one.rows === other?.rows && one.hash === other.hash) return []
      return [`table ${table} has ${other?.rows} rows with hash ${other?.hash}, not ${one?.rows} with ${one?.hash}`]
    })
}

import { randomBytes } from 'node:crypto'
import type { ObjectStore } from '../app/object-store.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { walkLostKey } from '../support/lost-key-page.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { PageWalk } from '../support/page-walk.ts'
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
import { getInstance, hostOf, instanceHas, instanceReady } from './instance.ts'
import { ArchiveBucket, type StoredArchive } from './losses-bucket.ts'
import { type LossEngine, type LossPlace, type LossSite, lostName as name } from './losses-engines.ts'
import { pruneNow } from './losses-prune.ts'
import { Witness } from './losses-witness.ts'
import { createCertificate, productionInstance } from './production.ts'

/** Of every archive but what migrations, restores and people held; so short that an archive of last month may go. */
const retention = { daily: 'P7D', beforeMigration: 'P7D' }
/** Counters of failed sign-ins end by themselves, minutes after they began. */
const passing = new Set(['throttle_windows'])

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

/** An instance whose notes are lost again and again, and come back from the newest good archive each time. */
export class LostInstance {
  readonly engine: LossEngine
  #access: StoreAccess
  readonly #bucket: ArchiveBucket
  #site: LossSite
  #namespace = ''
  /** As people know it, wherever the instance is rebuilt. */
  #host = ''
  #witness: Witness | undefined
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
    lost.#witness = new Witness(lost.#host, () => lost.#site.ingressUrl)
    await lost.#witness.write()
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
    const trial = await this.#try()
    if (!endOf(trial).startsWith('False:ChecksumMismatch') || !endOf(trial).includes(bad.id))
      throw new Error(`the trial of ${bad.id} ended with ${endOf(trial)}`)
    const { message } = await instanceHas(this.#site.api, this.#namespace, name, { type: 'RestoreVerified', status: 'False' }, 30_000)
    if (!message.includes(bad.id)) throw new Error(`RestoreVerified does not name ${bad.id}: ${message}`)
    // Three days of archives that are damaged are newer than the good one, which no tier asks for.
    for (const days of [1, 2]) await this.#bucket.copyOlder(bad, days)
    this.#kept = await this.#bucket.copyOlder(good, 40)
    await this.#bucket.remove(good)
    const pruned = await pruneNow(this.#place, this.#nextName('prune'))
    if (pruned.deleted > 0 || (await this.#bucket.find(this.#newest.id)) === undefined)
      throw new Error(`the only good archive was let go of: ${JSON.stringify(pruned)}`)
    return await this.#recover('one byte of the newest archive flipped', async () => await this.#people.deleteNotes())
  }

  /** The same pruning lets the archive of last month go once there is a younger good one: it was no accident that it stayed. */
  async letGo(old: string): Promise<void> {
    const pruned = await pruneNow(this.#place, this.#nextName('prune'))
    if ((await this.#bucket.find(old)) !== undefined) throw new Error(`${old} is still there: ${JSON.stringify(pruned)}`)
  }

  /** One of the two identities is lost. What `lost-key.md` says is done, and from then on archives are for the other one and a new one. */
  async loseKey(): Promise<void> {
    const { api } = this.#site
    await using page = await PageWalk.begin('lost-key', this.#place)
    await walkLostKey(page, this.#access.kept)
    const taken = await api.get<Run>(backupType, 'after-the-new-key', this.#namespace)
    const tried = await api.get<Run>(restoreType, 'try-the-new-key', this.#namespace)
    const archive = await this.#bucket.find(taken?.status?.backupID ?? '')
    if (archive === undefined || tried?.status?.backupID !== archive.id)
      throw new Error(`the archive ${taken?.status?.backupID} was not tried, but ${tried?.status?.backupID}`)
    this.#access = { ...this.#access, identity: await page.kept('identity'), recipients: archive.manifest.recipients }
    this.#kept = archive
  }

  async loseNotes(): Promise<Recovery> {
    return await this.#recover('notes deleted', async () => await this.#people.deleteNotes())
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
      async () => {
        await using page = await PageWalk.begin('cluster-is-gone', this.#place)
        await api.create(this.#object(this.#bootstrap(page, this.#namespace)))
      },
    )
  }

  async loseNamespace(): Promise<Recovery> {
    const before = this.#namespace
    return await this.#recover(
      'namespace deleted',
      async () => await deleteNamespace(this.#site.api, before),
      async () => await this.#rebuild(before),
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
      async () => await this.#rebuild(before),
    )
  }

  async close(): Promise<void> {
    await this.#witness?.close()
  }

  get #people(): Witness {
    if (this.#witness === undefined) throw new Error('nobody has written anything yet')
    return this.#witness
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
    const missing = await waitFor(async () => (await this.#people.losses())[0], { what, timeoutMs: 90_000, intervalMs: 250 })
    const started = performance.now()
    if (rebuild === undefined) {
      const restored = await this.#restoreInPlace()
      if (!endOf(restored).startsWith('True:') || restored.status?.backupID !== this.#newest.id)
        throw new Error(`${loss}: the restore of ${this.#newest.id} ended with ${endOf(restored)}, of ${restored.status?.backupID}`)
    } else await rebuild()
    await instanceReady(this.#site.api, this.#namespace, name, 300_000)
    await this.#people.pageIsServed()
    const seconds = Math.round((performance.now() - started) / 100) / 10
    // Before anybody looks: a visit may be written down.
    const after = await this.#backUp()
    const differences = differencesOf(this.#newest, after)
    const short = [...differences, ...(await this.#people.shortcomings())]
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

  /** Does `cluster-is-gone.md` in a new namespace, with nothing but what is kept outside of a cluster. */
  async #rebuild(before: string): Promise<void> {
    const { api, endpoint } = this.#site
    const { bucket, credentials, identity, recipients } = this.#access
    this.#namespace = `rebuilt-${randomBytes(3).toString('hex')}`
    await using page = await PageWalk.begin('cluster-is-gone', this.#place)
    await page.run('create namespace')
    await page.keep('access-key-id', credentials.accessKeyId)
    await page.keep('secret-access-key', credentials.secretAccessKey)
    await page.keep('identity', identity)
    await page.run('secret generic offsite-s3')
    const where = { 'https://s3.example.org': endpoint, 'notejam-backups': bucket, 'age1daily, age1offline': recipients.join(', ') }
    await page.apply('kind: NotejamBackupStore', where)
    await this.engine.start(this.#place)
    await createCertificate(api, this.#namespace, name)
    await api.create(this.#object(this.#bootstrap(page, before)))
    await page.run('condition=Ready', { '--timeout=30m': '--timeout=5m' })
    page.end()
  }

  /** Fields of the spec, as the page has them. */
  #bootstrap(page: PageWalk, namespace: string): object {
    const { spec } = page.read('bootstrap:', { 'notejam-gone': namespace }) as { readonly spec: object }
    return spec
  }

  #nextName(what: string): string {
    this.#runs += 1
    return `${what}-${this.#runs}`
  }

  async #backUp(): Promise<StoredArchive> {
    const run = { namespace: this.#namespace, name: this.#nextName('archive'), spec: { instanceRef: { name } } }
    const ended = await runToEnd(this.#site.api, backupType, run)
    const found = await this.#bucket.find(ended.status?.backupID ?? '')
    if (endOf(ended) !== 'True:Completed' || found === undefined)
      throw new Error(`${run.name} ended with ${endOf(ended)}, and its archive is ${found === undefined ? 'not ' : ''}there`)
    return found
  }

  async #try(): Promise<Run> {
    const spec = { instanceRef: { name }, mode: 'Verify', source: { storeRef: { name: 'offsite' }, backupID: 'Latest' } }
    return await runToEnd(this.#site.api, restoreType, { namespace: this.#namespace, name: this.#nextName('restore'), spec }, 300_000)
  }

  /** As `restore-everything.md` says. */
  async #restoreInPlace(): Promise<Run> {
    await using page = await PageWalk.begin('restore-everything', this.#place)
    const restore = this.#nextName('restore')
    const named = { 'back-to-last-night': restore }
    await page.apply('mode: InPlace', named)
    try {
      await page.run('njr/back-to-last-night', named)
    } catch (error) {
      const { status } = (await this.#site.api.get<Run>(restoreType, restore, this.#namespace)) ?? {}
      throw new Error(`${restore} did not end well: ${JSON.stringify(status)}`, { cause: error })
    }
    const restored = await this.#site.api.get<Run>(restoreType, restore, this.#namespace)
    if (restored === undefined) throw new Error(`${restore} is gone`)
    return restored
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

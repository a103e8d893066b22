import { join } from 'node:path'
import { createFaultyStore, type FaultyStore, type StoreFault } from '../app/faulty-store.ts'
import type { ObjectStore } from '../app/object-store.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { backupType, createBackupStore, createStoreAccess, endOf, type Run } from './backup-store.ts'
import { ArchiveWatch } from './data-faults-archives.ts'
import { containerEnds, containerRuns, type RunningContainer } from './data-faults-containers.ts'
import { fillDatabase } from './data-faults-data.ts'
import { hostOf, instanceObject, instanceReady } from './instance.ts'
import { openStoreDoor, type StoreDoor } from './losses-bucket.ts'
import { lossEngines, type LossPlace, type LossSite, lostName as name } from './losses-engines.ts'

/** Engines of databases, by what the instance says of itself in this proof. */
export type FaultEngine = keyof typeof lossEngines

const account = ['ada@example.org', 'correct horse battery'] as const
/** With it a run takes some seconds, however fast the disk is. */
const bytesPerSecond = 1_300_000
/** The state tells the truth within a minute of the fault. */
const truthMs = 60_000
const external = { secretRef: { name: 'database' }, tls: { mode: 'Disable' }, maxConnections: 100 }
const specs: Readonly<Record<FaultEngine, object>> = {
  postgresql: { database: { type: 'PostgreSQL', external } },
  mariadb: { database: { type: 'MySQL', external } },
  sqlite: { database: { type: 'SQLite', sqlite: { storage: { size: '512Mi' } } } },
}

/** What a fault did. */
export interface FaultResult {
  readonly fault: string
  /** The state that told the truth. */
  readonly told: string
  /** Until it did, from the fault on. */
  readonly toldSeconds: number
}

/** A backup that was begun. */
export interface BegunBackup {
  readonly name: string
  readonly uid: string
  readonly job: string
}

/** An instance with a store before which faults can be made, and what is looked at after each. */
export class FaultedInstance implements AsyncDisposable {
  readonly place: LossPlace
  readonly engine: FaultEngine
  readonly proxy: FaultyStore
  readonly archives: ArchiveWatch
  readonly person: NotejamClient
  readonly results: FaultResult[] = []
  readonly #door: StoreDoor
  #runs = 0

  private constructor(parts: {
    place: LossPlace
    engine: FaultEngine
    proxy: FaultyStore
    door: StoreDoor
    archives: ArchiveWatch
    person: NotejamClient
  }) {
    this.place = parts.place
    this.engine = parts.engine
    this.proxy = parts.proxy
    this.archives = parts.archives
    this.person = parts.person
    this.#door = parts.door
  }

  /**
   * An instance of environment Test that serves an account and much data, and of which there is one good archive.
   *
   * @param rows - of data, so much that a run takes seconds
   */
  static async begin(engine: FaultEngine, site: LossSite, store: ObjectStore, host: string, rows = 24_000): Promise<FaultedInstance> {
    const proxy = await createFaultyStore(store.port)
    const door = await openStoreDoor(host, { port: Number(new URL(proxy.endpoint).port) })
    const namespace = await createNamespace(site.api, { prefix: `faults-${engine}`, podSecurity: 'restricted' })
    const place = { ...site, namespace, endpoint: door.endpoint }
    const access = await createStoreAccess(store, door.endpoint)
    const person = new NotejamClient({ baseUrl: site.ingressUrl, host: hostOf(namespace, name) })
    const archives = new ArchiveWatch(join(store.folder, access.bucket))
    const faulted = new FaultedInstance({ place, engine, proxy, door, archives, person })
    try {
      await lossEngines[engine].start(place)
      await createBackupStore(site.api, namespace, access)
      const spec = { ...specs[engine], backup: { storeRef: { name: 'offsite' } } }
      await site.api.create(instanceObject(namespace, name, site.images.app, site.ingressUrl, spec))
      await instanceReady(site.api, namespace, name, 300_000)
      await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
      await person.signUp(...account)
      await person.createNote('Remember the milk', 'and the bread')
      await faulted.fill(rows)
      faulted.slow()
      return faulted
    } catch (error) {
      await faulted[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.person.close()
    await this.#door[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
  }

  /** Puts more data into the database. */
  async fill(rows: number): Promise<void> {
    this.#runs += 1
    await fillDatabase[this.engine](this.place.kubectl, this.place.namespace, { rows, email: `bulk-${this.#runs}@example.org` })
  }

  /** The store is there, and so slow that a run can be killed in the middle. */
  slow(): void {
    this.proxy.plan = () => ({ type: 'slow', bytesPerSecond })
  }

  /** The store is as fast as it is. */
  hurry(): void {
    this.proxy.plan = () => undefined
  }

  /** The store makes a fault with every request that writes, that carries an archive's data, or with every one. */
  fail(fault: StoreFault, which: 'writes' | 'all' | 'data'): void {
    this.proxy.plan = ({ method, path }) => {
      const hit =
        which === 'all' || (which === 'data' ? method === 'PUT' && /\/data(?:\.age)?$/.test(path) : method === 'PUT' || method === 'POST')
      return hit ? fault : { type: 'slow', bytesPerSecond }
    }
  }

  /** Creates a NotejamBackup. */
  async backUp(): Promise<BegunBackup> {
    this.#runs += 1
    const backup = `backup-${this.#runs}`
    const { api, namespace } = this.place
    const { metadata } = await api.create({ ...backupType, metadata: { name: backup, namespace }, spec: { instanceRef: { name } } })
    const uid = metadata.uid ?? ''
    return { name: backup, uid, job: `${name}-backup-${uid.slice(0, 8)}` }
  }

  async runs({ job }: BegunBackup): Promise<RunningContainer> {
    return await containerRuns(this.place.api, this.place.namespace, job, 'backup')
  }

  /** Milliseconds that a backup works for, when nothing is in its way: the shorter of two, for the first is busy with more than itself. */
  async measure(): Promise<number> {
    return Math.min(await this.#measureOnce(), await this.#measureOnce())
  }

  async #measureOnce(): Promise<number> {
    const begun = await this.backUp()
    const running = await this.runs(begun)
    const took = await containerEnds(this.place.api, this.place.namespace, begun.job, 'backup', running)
    await this.succeeds(begun)
    return took
  }

  /** Waits until a backup has succeeded, and sees that it has one archive. */
  async succeeds({ name: backup, uid }: BegunBackup, timeoutMs = 180_000): Promise<void> {
    const { told } = await this.#says(backup, (state) => !state.startsWith('Unknown'), timeoutMs)
    const count = await this.archives.countOf(uid)
    if (!told.startsWith('True:Completed') || count !== 1) throw new Error(`${backup} ended with ${told}, and has ${count} archives`)
  }

  /** Waits until a backup says what is true, which has to be within a minute. */
  async tells(fault: string, { name: backup }: BegunBackup, truth: RegExp): Promise<string> {
    const { told, seconds } = await this.#says(backup, (state) => truth.test(state), truthMs)
    this.results.push({ fault, told, toldSeconds: seconds })
    return told
  }

  /** Sees that the catalogue holds nothing but whole archives, and that none of before has changed. */
  async look(after: string): Promise<void> {
    const short = await this.archives.shortcomings()
    if (short.length > 0) throw new Error(`after ${after}: ${short.join('; ')}`)
  }

  /** Another backup, with nothing in its way. */
  async next(after: string): Promise<void> {
    this.slow()
    const begun = await this.backUp()
    try {
      await this.succeeds(begun)
    } catch (error) {
      throw new Error(`the backup after ${after} did not succeed`, { cause: error })
    }
    await this.look(`the backup after ${after}`)
  }

  async state(backup: string): Promise<string> {
    const run = await this.place.api.get<Run>(backupType, backup, this.place.namespace)
    return run?.status?.conditions === undefined ? 'Unknown: nothing yet' : endOf(run)
  }

  async #says(backup: string, isSo: (state: string) => boolean, timeoutMs: number): Promise<{ told: string; seconds: number }> {
    const started = performance.now()
    let last = ''
    try {
      await waitFor(async () => isSo((last = await this.state(backup))), { what: `the truth about ${backup}`, timeoutMs, intervalMs: 100 })
    } catch (error) {
      throw new Error(`${String(error)}; it says ${last}`, { cause: error })
    }
    return { told: last, seconds: Math.round((performance.now() - started) / 100) / 10 }
  }
}

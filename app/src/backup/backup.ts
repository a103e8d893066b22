import { sql, type Kysely } from 'kysely'
import { createBackupId } from '../archive/backup-id.ts'
import { archiveKey, erasedKey, objectNames, type ArchiveOwner } from '../archive/layout.ts'
import { archiveBytes, archiveRows, formatManifest, maxManifestBytes, type BackupReason, type Manifest } from '../archive/manifest.ts'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import type { Store, WrittenObject } from '../archive/stores/store.ts'
import type { Clock } from '../clock.ts'
import type { DatabaseConfig } from '../db/database-config.ts'
import { assertIdentity, type IdentityClaim } from '../db/identity.ts'
import { readLedger, type Ledger } from '../db/ledger.ts'
import type { OpenDatabase } from '../db/open-database.ts'
import type { Database } from '../db/schema.ts'
import { AppError, exitCodes, messageOf, ObjectExistsError, StoreUnavailableError } from '../errors.ts'
import { version } from '../version.ts'
import { encryptText, recipientsFile } from './age.ts'
import { archivedTables } from './archived-tables.ts'
import { duplicate } from './duplicate.ts'
import { dataEngines } from './engines/engines.ts'
import type { Snapshot } from './engines/data-engine.ts'
import { formatErased } from './erased-list.ts'
import { findByUid } from './find-archive.ts'
import { pack, type ContentFacts } from './pack.ts'
import { dataName } from './read-archive.ts'
import type { TableSum } from './row-hash.ts'
import type { Scratch } from './scratch.ts'

/** What {@link backup} needs. */
export interface BackupOptions {
  readonly config: DatabaseConfig
  readonly database: OpenDatabase
  /** The connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly clock: Clock
  readonly scratch: Scratch
  readonly signal: AbortSignal
  readonly owner: ArchiveOwner
  /** Whose database it must be; undefined for one that bears no mark (a scratch one). */
  readonly claim: IdentityClaim | undefined
  readonly reason: BackupReason
  readonly store: Store
  readonly encryption: EncryptionConfig
  /** Gets the same archive; that it cannot is reported and fails nothing. */
  readonly secondStore?: Store | undefined
  readonly backupId?: string | undefined
  /** Of the NotejamBackup that asks: it gets one archive, however often it asks. */
  readonly uid?: string | undefined
  /** Nobody prunes it before the hold is let go. */
  readonly hold?: boolean
  /** The app's key, so that a rebuilt instance keeps its users signed in; undefined: it is not in the archive. */
  readonly secretKey?: string | undefined
  readonly environment?: string | undefined
  /** As the instance was declared. */
  readonly spec?: Manifest['instance']['spec']
  readonly image?: string | undefined
  /** Until when nobody may delete or change the archive, where a store can see to that. */
  readonly lockedUntil?: ((startTime: Date) => Date | undefined) | undefined
  /** Told how many bytes were stored so far. */
  readonly onProgress?: (storedBytes: number) => void
}

/** Whether a store has the archive. */
export interface Copy {
  readonly store: string
  readonly state: 'Stored' | 'Failed'
  readonly message?: string
}

/** How a backup ended. */
export type BackupResult =
  | { readonly outcome: 'NothingToBackUp' }
  | { readonly outcome: 'Succeeded' | 'AlreadyStored'; readonly manifest: Manifest; readonly copies: readonly Copy[] }

/**
 * Archives the tables of one consistent state: dump → zstd → age → store, in constant memory. The manifest is written last, so that a run which was
 * cut off anywhere leaves no backup.
 *
 * @throws {@link AppError} `NotOurSchema` (exit code 9), `FenceRefused` (6), `StoreUnavailable` (7), `ToolFailed` (1)
 */
export async function backup(options: BackupOptions): Promise<BackupResult> {
  const { db, database, store, owner, uid, clock } = options
  const before = uid === undefined ? undefined : await storedBefore(options, uid)
  if (before !== undefined) {
    return { outcome: 'AlreadyStored', manifest: before, copies: [{ store: store.name, state: 'Stored' }] }
  }
  const ledger = await readLedger(db, database.engine)
  assertOurs(ledger, options.claim)
  const tables = await archivedTables(db, database.engine, ledger)
  if (!ledger.applied.some(({ tables_created }) => tables_created.split(' ').some((name) => tables.includes(name)))) {
    return { outcome: 'NothingToBackUp' }
  }
  const startTime = new Date(clock.now())
  const backupId = options.backupId ?? createBackupId(startTime)
  const written: string[] = []
  try {
    const engine = dataEngines[database.engine]
    return await engine.withSnapshot({ ...options, tables }, async (snapshot) => {
      const retainUntil = options.lockedUntil?.(startTime)
      const stored = await storeArchive(options, { snapshot, backupId, written, retainUntil })
      const erased = await storeErased(options)
      options.signal.throwIfAborted()
      const manifest = manifestOf(options, { snapshot, ledger, backupId, startTime, stored, tables: await snapshot.sums() })
      // From here on it may be there, whatever the store answers: nothing of it is removed any more.
      written.length = 0
      await createManifest(store, archiveKey(owner, backupId, objectNames.manifest), formatManifest(manifest), retainUntil)
      return {
        outcome: 'Succeeded',
        manifest,
        copies: [{ store: store.name, state: 'Stored' }, ...(await finishSecond(options, stored, { manifest, erased, retainUntil }))],
      }
    })
  } catch (error) {
    // Without a manifest it is no backup; whoever may not delete leaves it to the prune.
    await store.remove(written).catch(() => undefined)
    throw error
  }
}

/** Creates it unless it is there; one that is there and the same was written by an attempt whose answer was lost. */
async function createManifest(store: Store, key: string, text: string, retainUntil: Date | undefined): Promise<void> {
  try {
    await store.create(key, text, { retainUntil })
  } catch (error) {
    if (!(error instanceof ObjectExistsError) || (await store.readText(key, maxManifestBytes)) !== text) throw error
  }
}

async function storedBefore({ store, owner, clock }: BackupOptions, uid: string): Promise<Manifest | undefined> {
  try {
    return await findByUid(store, owner, uid, new Date(clock.now()))
  } catch (error) {
    // A credential that only writes cannot know.
    if (error instanceof StoreUnavailableError && error.failure === 'Denied') return undefined
    throw error
  }
}

function assertOurs(ledger: Ledger, claim: IdentityClaim | undefined): void {
  if (ledger.state === 'foreign') {
    throw new AppError(`the database holds tables and no Notejam: ${ledger.foreignTables.slice(0, 5).join(', ')}; is it the right one?`, {
      code: 'NotOurSchema',
      exitCode: exitCodes.notOurSchema,
    })
  }
  if (ledger.state === 'ours' && claim !== undefined) assertIdentity(ledger.identity, claim)
}

interface Stored {
  readonly objects: Manifest['objects']
  readonly content: ContentFacts
  readonly secret: Buffer | undefined
  readonly second: PromiseSettledResult<WrittenObject | undefined>
}

interface Storing {
  readonly snapshot: Snapshot
  readonly backupId: string
  /** Keys that are to go when the run fails. */
  readonly written: string[]
  readonly retainUntil: Date | undefined
}

async function storeArchive(options: BackupOptions, { snapshot, backupId, written, retainUntil }: Storing): Promise<Stored> {
  const { store, secondStore, encryption, scratch, owner, secretKey } = options
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const recipients = await recipientsFile(encryption, scratch)
  let content: ContentFacts | undefined
  const packed = pack(snapshot.content, { recipientsFile: recipients, signal, onContent: (facts) => (content = facts) })
  const name = dataName(encryption.mode)
  const key = archiveKey(owner, backupId, name)
  written.push(key)
  const { first, second, leave } = duplicate(counted(packed, options.onProgress))
  // A second store that fails, however early, lets the first go on alone.
  const copying = Promise.allSettled([secondStore?.write(key, second, { signal, retainUntil }).finally(leave)])
  if (secondStore === undefined) leave()
  let data: WrittenObject
  try {
    data = await store.write(key, first, { signal, retainUntil })
  } catch (error) {
    over.abort()
    await copying
    options.signal.throwIfAborted()
    throw error
  }
  const [copied] = await copying
  if (content === undefined) throw new Error(`store ${store.name} did not read the archive to its end`)
  const objects: Manifest['objects'] = [{ name, sizeBytes: data.size, sha256: data.sha256 }]
  const secret = secretKey === undefined || recipients === undefined ? undefined : await encryptText(secretKey, recipients, signal)
  if (secret !== undefined) {
    const secretAt = archiveKey(owner, backupId, objectNames.secret)
    written.push(secretAt)
    const { size, sha256 } = await store.write(secretAt, single(secret), { signal, retainUntil })
    objects.push({ name: objectNames.secret, sizeBytes: size, sha256 })
  }
  if (options.hold === true) {
    const holdAt = archiveKey(owner, backupId, objectNames.hold)
    written.push(holdAt)
    await store.replace(holdAt, holdText(options))
  }
  return { objects, content, secret, second: copied }
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes)
}

function holdText({ clock }: BackupOptions): string {
  return `${JSON.stringify({ since: new Date(clock.now()).toISOString() })}\n`
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onProgress: BackupOptions['onProgress']): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    onProgress?.(bytes)
    yield chunk
  }
}

/** Puts the list of erased accounts beside the archives; a restore of any of them applies it. @returns its text, if there is anybody on it */
async function storeErased({ db, store, owner, claim }: BackupOptions): Promise<string | undefined> {
  if (claim === undefined) return undefined
  const { rows } = await sql<{
    id_hash: string
    erased_at: number
  }>`select id_hash, erased_at from erased_accounts order by erased_at, id_hash`.execute(db)
  if (rows.length === 0) return undefined
  const text = formatErased(rows.map((row) => ({ idHash: row.id_hash, erasedAt: row.erased_at })))
  await store.replace(erasedKey(owner), text)
  return text
}

interface ManifestFacts {
  readonly snapshot: Snapshot
  readonly ledger: Ledger
  readonly backupId: string
  readonly startTime: Date
  readonly stored: Stored
  readonly tables: readonly TableSum[]
}

function manifestOf(options: BackupOptions, { snapshot, ledger, backupId, startTime, stored, tables }: ManifestFacts): Manifest {
  const { owner, database, encryption, clock, uid, image, environment, spec } = options
  const done = ledger.applied.filter((row) => row.applied_at > 0)
  return {
    formatVersion: 1,
    backupID: backupId,
    ...(uid === undefined ? {} : { uid }),
    reason: options.reason,
    instance: {
      namespace: owner.namespace,
      name: owner.instance,
      uid: owner.instanceUid,
      ...(environment === undefined ? {} : { environment }),
      ...(spec === undefined ? {} : { spec }),
    },
    engine: database.engine,
    engineVersion: snapshot.engineVersion,
    ...(snapshot.databaseSchema === undefined ? {} : { databaseSchema: snapshot.databaseSchema }),
    schemaVersion: done.at(-1)?.number ?? 0,
    ...(image === undefined ? {} : { image }),
    version,
    startTime: startTime.toISOString(),
    completionTime: new Date(clock.now()).toISOString(),
    encryption: encryption.mode,
    recipients: encryption.mode === 'Age' ? [...encryption.recipients] : [],
    compression: 'zstd',
    format: dataEngines[database.engine].format,
    objects: stored.objects,
    content: stored.content,
    tables: [...tables],
  }
}

/** The rest of the second copy. */
async function finishSecond(
  options: BackupOptions,
  { second, secret, objects }: Stored,
  {
    manifest,
    erased,
    retainUntil,
  }: { readonly manifest: Manifest; readonly erased: string | undefined; readonly retainUntil: Date | undefined },
): Promise<Copy[]> {
  const { secondStore, owner } = options
  if (secondStore === undefined) return []
  const at = (name: string) => archiveKey(owner, manifest.backupID, name)
  const { name } = secondStore
  try {
    if (second.status === 'rejected') throw second.reason
    if (second.value?.sha256 !== objects[0]?.sha256) throw new Error('it has other bytes than the first')
    if (secret !== undefined) await secondStore.write(at(objectNames.secret), single(secret), { retainUntil })
    if (options.hold === true) await secondStore.replace(at(objectNames.hold), holdText(options))
    if (erased !== undefined) await secondStore.replace(erasedKey(owner), erased)
    await createManifest(secondStore, at(objectNames.manifest), formatManifest(manifest), retainUntil)
    return [{ store: name, state: 'Stored' }]
  } catch (error) {
    return [{ store: name, state: 'Failed', message: messageOf(error) }]
  }
}

/** The report of a backup, as the operator reads it. */
export function backupReport({ manifest, copies, outcome }: Exclude<BackupResult, { outcome: 'NothingToBackUp' }>) {
  return {
    outcome,
    backupID: manifest.backupID,
    ...(manifest.uid === undefined ? {} : { uid: manifest.uid }),
    reason: manifest.reason,
    engine: manifest.engine,
    engineVersion: manifest.engineVersion,
    schemaVersion: manifest.schemaVersion,
    startTime: manifest.startTime,
    completionTime: manifest.completionTime,
    sizeBytes: archiveBytes(manifest),
    sha256: manifest.objects[0]?.sha256,
    rows: archiveRows(manifest),
    copies,
  }
}

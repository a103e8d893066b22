import { sql, type Kysely } from 'kysely'
import type { ArchiveOwner } from '../archive/layout.ts'
import { archiveRows, type Manifest } from '../archive/manifest.ts'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import type { Store } from '../archive/stores/store.ts'
import type { Clock } from '../clock.ts'
import type { DatabaseConfig } from '../db/database-config.ts'
import { assertClaim, assertIdentity, markDatabase, type IdentityClaim } from '../db/identity.ts'
import { readLedger, type Ledger } from '../db/ledger.ts'
import { codeLevel } from '../db/migrations/all.ts'
import type { Engine } from '../db/engine.ts'
import type { OpenDatabase } from '../db/open-database.ts'
import type { Database } from '../db/schema.ts'
import { AppError, exitCodes } from '../errors.ts'
import { archivedTables } from './archived-tables.ts'
import { dataEngines } from './engines/engines.ts'
import { erasePlan, mergeErased, type ErasedAccount } from './erase-plan.ts'
import { readErased } from './erased-list.ts'
import { findArchive, type ArchiveChoice, type ArchiveSource, type FoundArchive } from './find-archive.ts'
import { readArchive, readSecret } from './read-archive.ts'
import type { Scratch } from './scratch.ts'

/** What {@link restore} needs. */
export interface RestoreOptions {
  readonly config: DatabaseConfig
  readonly database: OpenDatabase
  /** The connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly clock: Clock
  readonly scratch: Scratch
  readonly signal: AbortSignal
  /** Whose database it must be. */
  readonly claim: IdentityClaim
  /**
   * `inPlace`: the database must bear the mark, and what it holds is replaced. `bootstrap`: it must be empty (or an earlier run of this was cut
   * off), and is marked.
   */
  readonly mode: 'inPlace' | 'bootstrap'
  readonly store: Store
  readonly encryption: Pick<EncryptionConfig, 'identityFile'>
  readonly source: ArchiveSource
  readonly choice: ArchiveChoice
  /** The app's key: what the list of erased accounts was hashed with. Undefined: the one that the archive holds. */
  readonly secretKey?: string | undefined
  /** Told which archive was chosen, and when it was loaded and checked. */
  readonly onStep?: (step: 'chosen' | 'loaded', backupId: string) => void
}

/** How a restore ended. */
export interface RestoreResult {
  readonly outcome: 'Restored' | 'AlreadyRestored'
  readonly archive: FoundArchive
  readonly rows: number
  /** Accounts that were on the list of erased ones and were deleted again. */
  readonly erasedAccounts: number
}

/**
 * Puts an archive in the place of what the database holds: all or nothing, inside the fence. The schema is then that of the archive; the caller
 * migrates.
 *
 * Everything that can be refused is refused before anything is touched.
 *
 * @throws {@link AppError} `NoSuchBackup` (exit code 1), `FenceRefused` (6), `StoreUnavailable` (7), `ChecksumMismatch` (8), `OtherEngine`,
 * `NewerSchema` and `NotOurSchema` (9)
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { db, database, store, source, choice, claim } = options
  const ledger = await readLedger(db, database.engine)
  assertTarget(ledger, options)
  const archive = await findArchive({ store, source, choice, onlyGood: true })
  assertFits(archive.manifest, database.engine)
  options.onStep?.('chosen', archive.manifest.backupID)
  if (options.mode === 'bootstrap' && (await holdsAccounts(db, ledger))) {
    return { outcome: 'AlreadyRestored', archive, rows: archiveRows(archive.manifest), erasedAccounts: 0 }
  }
  const lists = await erasedLists(options, ledger, archive.owner)
  if (options.mode === 'bootstrap') await markDatabase({ db, engine: database.engine, clock: options.clock, claim, ledger })
  const marked = await readLedger(db, database.engine)
  if (marked.identity === undefined) throw new Error('the database was not marked')
  const secretKey = options.secretKey ?? (lists.length === 0 ? undefined : await readSecret({ ...options, archive }))
  const erasedAccounts = await dataEngines[database.engine].load({
    ...options,
    manifest: archive.manifest,
    content: readArchive({ ...options, archive }),
    identity: marked.identity,
    replaced: await archivedTables(db, database.engine, marked),
    erase: erasePlan(lists, secretKey),
    onLoaded: () => {
      options.onStep?.('loaded', archive.manifest.backupID)
    },
  })
  return { outcome: 'Restored', archive, rows: archiveRows(archive.manifest), erasedAccounts }
}

/** The fence, before anything is read or written. */
function assertTarget(ledger: Ledger, { mode, claim }: RestoreOptions): void {
  if (ledger.foreignTables.length > 0) {
    throw refused(
      ledger.state === 'ours'
        ? `the database also holds tables that are not Notejam's: ${ledger.foreignTables.slice(0, 5).join(', ')}`
        : `the database is not empty and holds no Notejam: ${ledger.foreignTables.slice(0, 5).join(', ')}`,
    )
  }
  if (mode === 'bootstrap') {
    assertClaim(ledger, claim)
  } else if (ledger.state === 'empty') {
    throw refused('the database is empty, so there is no mark that says whose it is; restore into it with --bootstrap')
  } else {
    assertIdentity(ledger.identity, claim)
  }
}

/** @throws {@link AppError} for an archive that this database or this image cannot take */
export function assertFits({ backupID, engine, schemaVersion, tables }: Manifest, target: Engine): void {
  if (engine !== target) {
    throw unfit('OtherEngine', `backup ${backupID} is of ${engine}, and this database is ${target}`)
  }
  if (schemaVersion > codeLevel) {
    throw unfit(
      'NewerSchema',
      `backup ${backupID} has schema version ${schemaVersion}, and this image knows ${codeLevel}; use a newer image`,
    )
  }
  if (schemaVersion < 1 || !tables.some(({ name }) => name === 'users') || !tables.some(({ name }) => name === 'notejam_migrations')) {
    throw unfit('NotOurSchema', `backup ${backupID} holds no Notejam`)
  }
}

function unfit(code: string, message: string): AppError {
  return new AppError(message, { code, exitCode: exitCodes.notOurSchema })
}

function refused(message: string): AppError {
  return new AppError(message, { code: 'FenceRefused', exitCode: exitCodes.fenceRefused })
}

async function holdsAccounts(db: Kysely<Database>, { applied }: Ledger): Promise<boolean> {
  if (!applied.some((row) => row.tables_created.split(' ').includes('users'))) return false
  const { rows } = await sql`select 1 from users limit 1`.execute(db)
  return rows.length > 0
}

/** Whoever was erased in the target, or in the instance that the archive is of, since the archive was taken. */
async function erasedLists({ db, store, claim }: RestoreOptions, ledger: Ledger, owner: ArchiveOwner): Promise<readonly ErasedAccount[]> {
  const listed = await readErased(store, owner)
  const own = claim.instanceUid === owner.instanceUid ? [] : await readErased(store, { ...owner, instanceUid: claim.instanceUid })
  if (!ledger.applied.some((row) => row.tables_created.split(' ').includes('erased_accounts'))) return mergeErased(listed, own)
  const { rows } = await sql<{ id_hash: string; erased_at: number | string }>`select id_hash, erased_at from erased_accounts`.execute(db)
  const here = rows.map((row) => ({ idHash: row.id_hash, erasedAt: Number(row.erased_at) }))
  return mergeErased(listed, own, here)
}

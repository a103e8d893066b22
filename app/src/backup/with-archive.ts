import { sql, type Kysely } from 'kysely'
import type { Manifest } from '../archive/manifest.ts'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import type { Store } from '../archive/stores/store.ts'
import type { Clock } from '../clock.ts'
import { valueOrFile } from '../config.ts'
import { listTables } from '../db/catalog.ts'
import { parseDatabase, type DatabaseConfig } from '../db/database-config.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import type { Engine } from '../db/engine.ts'
import type { IdentityClaim } from '../db/identity.ts'
import { readLedger } from '../db/ledger.ts'
import { migrate, type MigrateOptions } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import type { Migration } from '../db/migrations/migration.ts'
import { openDatabase, type OpenDatabase } from '../db/open-database.ts'
import type { Database } from '../db/schema.ts'
import { jobLimits } from '../db/pool-limits.ts'
import { AppError, ConfigError, exitCodes } from '../errors.ts'
import { findArchive, type ArchiveChoice, type ArchiveSource, type FoundArchive } from './find-archive.ts'
import { readSecret } from './read-archive.ts'
import { assertFits, restore } from './restore.ts'
import { quoted } from './row-sum-query.ts'
import { createScratch, type Scratch } from './scratch.ts'

/** What {@link withArchive} needs. */
export interface WithArchiveOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly store: Store
  readonly encryption: Pick<EncryptionConfig, 'identityFile'>
  readonly source: ArchiveSource
  readonly choice: ArchiveChoice
  /** See `findArchive`; a verification looks at any. */
  readonly onlyGood: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The app's key; undefined: the one in the archive. */
  readonly secretKey?: string | undefined
  readonly onStep?: (step: string, backupId: string) => void
  /** The migrations; those of this image unless told. */
  readonly steps?: readonly Migration[]
  /** Told when the archive is loaded as it was; has to run the migration. */
  readonly aroundMigration?: (loaded: LoadedArchive, migrate: () => Promise<void>) => Promise<void>
}

/** An archive in its throw-away database, with the schema that it has. */
export interface LoadedArchive {
  readonly config: DatabaseConfig
  readonly db: Kysely<Database>
}

/** An archive that was restored into a database that is thrown away. */
export interface ScratchArchive {
  readonly config: DatabaseConfig
  readonly opened: OpenDatabase
  readonly archive: FoundArchive
  readonly manifest: Manifest
  /** The app's key, given or from the archive; undefined when neither has one. */
  readonly secretKey: string | undefined
  readonly scratch: Scratch
}

/** The owner of databases that are thrown away: by this mark a later run knows what one that was killed left, and masking what it may change. */
export const scratchUid = 'notejam-scratch'
const scratchClaim: IdentityClaim = { instanceUid: scratchUid, environment: 'Scratch', fingerprint: undefined, adopt: undefined }

/**
 * Restores an archive into a throw-away database (`SCRATCH_DATABASE_URL`; for SQLite a file in the scratch folder), checks counts and hashes, applies
 * the list of erased accounts, migrates it with this image, and hands it over under a mark of its own. Empties it afterwards, whatever happened.
 *
 * @throws {@link AppError} as `restore` does, and `FenceRefused`, exit code 6, for a scratch database that is not empty
 */
export async function withArchive<T>(options: WithArchiveOptions, work: (restored: ScratchArchive) => Promise<T>): Promise<T> {
  const { store, source, choice, onlyGood, clock, signal } = options
  const archive = await findArchive({ store, source, choice, onlyGood })
  const { manifest } = archive
  options.onStep?.('found', manifest.backupID)
  await using scratch = await createScratch(options.environment)
  const config = scratchConfig(options.environment, manifest.engine, scratch)
  assertFits(manifest, config.engine)
  await withScratch(config, assertThrowAway)
  try {
    await withScratch(config, (db, database) =>
      restore({
        ...{ config, database, db, clock, scratch, signal, store, claim: scratchClaim, mode: 'bootstrap' },
        ...{ encryption: options.encryption, source: archive.owner, secretKey: options.secretKey },
        choice: { kind: 'id', backupId: manifest.backupID },
      }),
    )
    options.onStep?.('loaded', manifest.backupID)
    await withScratch(config, async (db) => {
      const migrating = () => bringForward({ db, engine: config.engine, clock, migrations: options.steps ?? migrations })
      await (options.aroundMigration?.({ config, db }, migrating) ?? migrating())
    })
    options.onStep?.('migrated', manifest.backupID)
    // Read also where it is given: an archive whose key cannot be opened rebuilds nothing.
    const archived = await readSecret({ ...options, archive })
    const secretKey = options.secretKey ?? archived
    await using opened = await openScratch(config)
    return await work({ config, opened, archive, manifest, secretKey, scratch })
  } finally {
    await withScratch(config, (db) => empty(db, config.engine)).catch(() => undefined)
  }
}

/** SQLite: a file in the scratch folder. @throws {@link ConfigError} without a server for an archive that needs one */
function scratchConfig(environment: WithArchiveOptions['environment'], engine: Engine, scratch: Scratch): DatabaseConfig {
  if (engine === 'sqlite') return { engine, path: scratch.path('restored.db') }
  const problems: string[] = []
  const url = valueOrFile(environment, 'SCRATCH_DATABASE_URL', problems)
  if (url === undefined && problems.length === 0) {
    problems.push(`SCRATCH_DATABASE_URL: is not set, and an archive of ${engine} is tried on a throw-away server`)
  }
  const own = { DATABASE_URL: url, DATABASE_TLS: environment['SCRATCH_DATABASE_TLS'] }
  const config = parseDatabase(own, { needed: false, valueOrFile, problems })
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => problem.replace(/^DATABASE_/, 'SCRATCH_DATABASE_')))
  return config
}

async function openScratch(config: DatabaseConfig): Promise<OpenDatabase & AsyncDisposable> {
  const opened = await openDatabase(config, { applicationName: 'notejam-scratch', limits: jobLimits })
  return { ...opened, [Symbol.asyncDispose]: () => opened.close() }
}

async function withScratch<T>(config: DatabaseConfig, work: (db: Kysely<Database>, database: OpenDatabase) => Promise<T>): Promise<T> {
  await using database = await openScratch(config)
  return await withDatabaseLock(database, { config, waitMs: 10_000 }, (db) => work(db, database))
}

/** What an earlier run left is emptied; anything else is not ours to throw away. */
async function assertThrowAway(db: Kysely<Database>, { engine }: OpenDatabase): Promise<void> {
  const { state, identity, foreignTables } = await readLedger(db, engine)
  if (state !== 'empty' && (identity?.instance_uid !== scratchUid || foreignTables.length > 0)) {
    throw new AppError('the scratch database is not empty, and it would be thrown away: give SCRATCH_DATABASE_URL an empty one', {
      code: 'FenceRefused',
      exitCode: exitCodes.fenceRefused,
    })
  }
  await empty(db, engine)
}

async function bringForward(what: Pick<MigrateOptions, 'db' | 'engine' | 'clock' | 'migrations'>): Promise<void> {
  const common = { ...what, dryRun: false, claim: undefined, lockedForMs: 10_000 }
  await migrate({ ...common, phase: 'expand', offline: true })
  await migrate({ ...common, phase: 'contract' })
}

/** Drops every table; SQLite's file goes with its folder. */
async function empty(db: Kysely<Database>, engine: Engine): Promise<void> {
  if (engine === 'sqlite') return
  const tables = await listTables(db, engine)
  if (tables.length === 0) return
  if (engine === 'mysql') await sql`set session foreign_key_checks = 0`.execute(db)
  await sql.raw(`drop table if exists ${tables.map((name) => quoted(engine, name)).join(', ')}`).execute(db)
  if (engine === 'mysql') await sql`set session foreign_key_checks = 1`.execute(db)
}

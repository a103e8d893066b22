import type { Kysely } from 'kysely'
import type { Manifest } from '../archive/manifest.ts'
import { findArchive } from '../backup/find-archive.ts'
import { restore, type RestoreOptions } from '../backup/restore.ts'
import { migrate } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import { openDatabase } from '../db/open-database.ts'
import { jobLimits } from '../db/pool-limits.ts'
import type { Database } from '../db/schema.ts'
import { AppError, exitCodes } from '../errors.ts'
import { assertSeedable } from './seed.ts'

/** What {@link seedFrom} needs: all of a restore but what it decides by itself. */
export type SeedFromOptions = Omit<RestoreOptions, 'mode' | 'secretKey'>

/** What was put into the database. */
export interface SeedFromResult {
  readonly outcome: 'Seeded'
  readonly manifest: Manifest
  readonly rows: number
  /** An account to sign in with; undefined when the archive has none. */
  readonly email: string | undefined
}

/** Milliseconds for which a step that finds a table locked is tried again. */
const lockedForMs = 60_000

/**
 * Puts a masked copy in the place of what a database of Development or Test holds, all or nothing, and brings it forward to this image.
 *
 * @throws {@link AppError} `FenceRefused` or `NotMasked`, exit code 6, before anything is touched; else as `restore` does
 */
export async function seedFrom(options: SeedFromOptions): Promise<SeedFromResult> {
  const { db, database, claim, clock } = options
  await assertSeedable({ db, engine: database.engine, claim })
  const { manifest } = await findArchive({ ...options, onlyGood: true })
  if (manifest.reason !== 'Masked') {
    throw new AppError(
      `backup ${manifest.backupID} is of reason ${manifest.reason}: only a masked copy may leave the instance that it is of`,
      {
        code: 'NotMasked',
        exitCode: exitCodes.fenceRefused,
      },
    )
  }
  // Without a key nobody is erased again: what testers deleted comes back with the next copy.
  const { rows } = await restore({ ...options, mode: 'inPlace', choice: { kind: 'id', backupId: manifest.backupID }, secretKey: undefined })
  return await onceLoaded(options, async (loaded) => {
    const common = { db: loaded, engine: database.engine, clock, migrations, dryRun: false, claim, lockedForMs }
    await migrate({ ...common, phase: 'expand', offline: true })
    return { outcome: 'Seeded', manifest, rows, email: await firstEmail(loaded) }
  })
}

/** On the connection that holds the lock; a SQLite file was replaced and is opened anew, while the lock beside it goes on. */
async function onceLoaded<T>({ db, config }: SeedFromOptions, work: (loaded: Kysely<Database>) => Promise<T>): Promise<T> {
  if (config.engine !== 'sqlite') return await work(db)
  const loaded = await openDatabase(config, { limits: jobLimits })
  try {
    return await loaded.db.connection().execute(work)
  } finally {
    await loaded.close()
  }
}

async function firstEmail(db: Kysely<Database>): Promise<string | undefined> {
  const user = await db.selectFrom('users').select('email').orderBy('note_count', 'desc').orderBy('id').executeTakeFirst()
  return user?.email
}

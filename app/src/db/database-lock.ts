import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { AppError, exitCodes } from '../errors.ts'
import type { DatabaseConfig } from './database-config.ts'
import { databaseErrorKind } from './database-errors.ts'
import type { OpenDatabase } from './open-database.ts'
import type { Database } from './schema.ts'

/** "nj": keeps our advisory lock apart from those of other applications in the same database. */
const lockClass = 0x6e_6a
const retryEveryMs = 200

/** Options of {@link withDatabaseLock}. */
export interface LockOptions {
  readonly config: DatabaseConfig
  /** Milliseconds to wait for whoever has it. */
  readonly waitMs: number
}

/**
 * Runs `work` alone: one lock serves migrate, wipe, backup, restore and seed. `work` gets the one connection that holds the lock, so that a
 * connection that was lost cannot go on without it.
 *
 * The lock belongs to the session (SQLite: to a lock file beside the database, held by the process), so it ends with a killed process and does
 * not depend on any table.
 *
 * @throws {@link AppError} `Locked`, exit code 3, when another has it for longer than `waitMs`
 */
export async function withDatabaseLock<T>(
  database: OpenDatabase,
  { config, waitMs }: LockOptions,
  work: (db: Kysely<Database>) => Promise<T>,
): Promise<T> {
  if (config.engine === 'sqlite') {
    const unlock = config.path === ':memory:' ? () => undefined : await lockFile(`${config.path}.lock`, waitMs)
    try {
      return await database.db.connection().execute(work)
    } finally {
      unlock()
    }
  }
  return await database.db.connection().execute(async (connection) => {
    const lock = config.engine === 'postgres' ? postgresLock : mysqlLock
    await retry(waitMs, () => lock.take(connection))
    try {
      return await work(connection)
    } finally {
      // A connection that is broken has lost its session, and the lock with it.
      await lock.give(connection).catch(() => undefined)
    }
  })
}

const postgresLock = {
  async take(db: Kysely<Database>): Promise<boolean> {
    const { rows } = await sql<{ taken: boolean }>`
      select pg_try_advisory_lock(${sql.lit(lockClass)}, hashtext(current_schema())) as taken`.execute(db)
    return rows[0]?.taken === true
  },
  async give(db: Kysely<Database>): Promise<void> {
    await sql`select pg_advisory_unlock(${sql.lit(lockClass)}, hashtext(current_schema()))`.execute(db)
  },
}

async function mysqlLockName(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ name: string }>`select database() as name`.execute(db)
  // Names of locks count for the whole server and hold 64 characters.
  return `notejam/${createHash('sha256')
    .update(rows[0]?.name ?? '')
    .digest('hex')
    .slice(0, 40)}`
}

const mysqlLock = {
  async take(db: Kysely<Database>): Promise<boolean> {
    const { rows } = await sql<{ taken: number | null }>`select get_lock(${await mysqlLockName(db)}, 0) as taken`.execute(db)
    return rows[0]?.taken === 1
  },
  async give(db: Kysely<Database>): Promise<void> {
    await sql`select release_lock(${await mysqlLockName(db)})`.execute(db)
  },
}

/** The file is a SQLite database of its own: the operating system releases its lock when the process ends, however it does. */
async function lockFile(path: string, waitMs: number): Promise<() => void> {
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    await retry(waitMs, () => {
      try {
        file.exec('begin exclusive')
        return Promise.resolve(true)
      } catch (error) {
        if (databaseErrorKind(error) === 'conflict') {
          return Promise.resolve(false)
        }
        throw error
      }
    })
  } catch (error) {
    file.close()
    throw error
  }
  return () => {
    file.close()
  }
}

async function retry(waitMs: number, take: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + waitMs
  while (!(await take())) {
    if (performance.now() >= end) {
      throw new AppError(
        'another command (migrate, wipe, backup, restore or seed) holds the lock of this database; run this again when it is done',
        {
          code: 'Locked',
          exitCode: exitCodes.locked,
        },
      )
    }
    await delay(retryEveryMs)
  }
}

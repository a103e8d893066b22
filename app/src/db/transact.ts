import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { databaseErrorKind } from './database-errors.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

const attempts = 8
/** Milliseconds of the longest pause before the first repetition, and before any. */
const [firstPauseMs, longestPauseMs] = [10, 200]

/**
 * Runs `work` in a transaction; one that the server broke off to solve a deadlock or a serialization conflict is run again from its beginning, as
 * the engines ask. `work` must therefore change nothing but the database. Pauses of random length part those that broke each other off: run again
 * at once, they meet again.
 */
export async function transact<T>(db: Kysely<Database>, work: (transaction: Transaction<Database>) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (attempt === attempts || databaseErrorKind(error) !== 'conflict') throw error
      await delay(Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)))
    }
  }
}

/** Inserts one row and returns the id that the database gave it. MySQL knows no `RETURNING`, PostgreSQL no last id. */
export async function insertWithId<T extends 'users' | 'sessions' | 'pads' | 'notes' | 'api_tokens'>(
  db: Kysely<Database>,
  engine: Engine,
  table: T,
  row: Parameters<ReturnType<typeof db.insertInto<T>>['values']>[0],
): Promise<number> {
  const insert = db.insertInto(table).values(row)
  if (engine === 'mysql') {
    const { insertId } = await insert.executeTakeFirstOrThrow()
    if (insertId === undefined) throw new Error(`the database gave no id to a row of ${table}`)
    return Number(insertId)
  }
  const { id } = await (insert as unknown as ReturnType<typeof db.insertInto<'users'>>).returning('id').executeTakeFirstOrThrow()
  return id
}

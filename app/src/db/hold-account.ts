import type { Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/**
 * Makes what changes several rows of one account wait for one another: each such transaction begins here (or with the account's counter), so their
 * locks are taken in one order and no two can block each other, which PostgreSQL notices after a second only.
 *
 * @throws NotFoundError when the account was deleted meanwhile
 */
export async function holdAccount(transaction: Transaction<Database>, engine: Engine, userId: number): Promise<void> {
  const query = transaction.selectFrom('users').select('id').where('id', '=', userId)
  // On PostgreSQL the weaker lock is enough, and lets rows that refer to the account be written. SQLite has one writer anyway.
  const locked = engine === 'sqlite' ? query : engine === 'postgres' ? query.forNoKeyUpdate() : query.forUpdate()
  if ((await locked.executeTakeFirst()) === undefined) throw accountGone()
}

/** Counts notes in or out of an account, and holds it as {@link holdAccount} does. @throws NotFoundError when it was deleted meanwhile */
export async function countNotesOfAccount(transaction: Transaction<Database>, userId: number, by: number): Promise<void> {
  const { numUpdatedRows } = await transaction
    .updateTable('users')
    .set((builder) => ({ note_count: builder('note_count', '+', by) }))
    .where('id', '=', userId)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw accountGone()
}

function accountGone(): NotFoundError {
  return new NotFoundError('This account was deleted meanwhile.')
}

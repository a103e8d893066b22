import type { Kysely } from 'kysely'
import type { AppContext } from '../context.ts'
import { countNotesOfAccount, holdAccount } from '../db/hold-account.ts'
import type { Database } from '../db/schema.ts'
import { transact } from '../db/transact.ts'
import { NotFoundError } from '../errors.ts'

/** How long a deletion can be undone (app.md: 30 days). */
export const undoMs = 30 * 86_400_000

/** One deletion that can still be taken back. */
export interface Deletion {
  readonly deletionId: string
  readonly kind: 'note' | 'pad'
  /** Name of the note or of the pad. */
  readonly name: string
  /** Notes that went with a pad. */
  readonly noteCount: number
  readonly deletedAt: number
}

/** What was brought back. */
export interface Restoration {
  readonly kind: 'note' | 'pad'
  /** The pad that is back, or that the note is back in. */
  readonly padId: number | null
}

/** Deletions of notes and pads, taken back or made final. */
export interface Deletions {
  /** The newest 200 of an owner. */
  list(userId: number): Promise<Deletion[]>
  /** @throws NotFoundError when there is nothing to take back (any more) */
  undo(userId: number, deletionId: string): Promise<Restoration>
  /** Removes for good, from all accounts, what can no longer be undone. Returns how many notes and pads went. */
  purge(): Promise<number>
}

const maxListed = 200
const purgeBatch = 500

/** Builds {@link Deletions} on the database. */
export function createDeletions(context: Pick<AppContext, 'db' | 'engine' | 'clock'>): Deletions {
  const { db, engine, clock } = context
  return {
    async list(userId) {
      const since = clock.now() - undoMs
      const gone = (table: 'pads' | 'notes') =>
        db
          .selectFrom(table)
          .select(['name', 'deletion_id', 'deleted_at'])
          .where('user_id', '=', userId)
          .where('deleted_at', '>', since)
          .where('deletion_id', 'is not', null)
          .orderBy('deleted_at', 'desc')
          .limit(maxListed)
      const pads = await gone('pads').execute()
      const counts = await db
        .selectFrom('notes')
        .select((builder) => ['deletion_id', builder.fn.countAll().as('count')])
        .where('user_id', '=', userId)
        .where('deleted_at', '>', since)
        .where('deletion_id', 'in', ['', ...pads.map((pad) => pad.deletion_id ?? '')])
        .groupBy('deletion_id')
        .execute()
      const notes = await gone('notes')
        .where('deletion_id', 'not in', ['', ...pads.map((pad) => pad.deletion_id ?? '')])
        .execute()
      const countOf = new Map(counts.map((row) => [row.deletion_id, Number(row.count)]))
      const entries: Deletion[] = []
      for (const { name, deletion_id, deleted_at } of pads) {
        entries.push({
          kind: 'pad',
          name,
          noteCount: countOf.get(deletion_id) ?? 0,
          deletionId: deletion_id ?? '',
          deletedAt: deleted_at ?? 0,
        })
      }
      for (const { name, deletion_id, deleted_at } of notes) {
        entries.push({ kind: 'note', name, noteCount: 0, deletionId: deletion_id ?? '', deletedAt: deleted_at ?? 0 })
      }
      return entries.toSorted((a, b) => b.deletedAt - a.deletedAt).slice(0, maxListed)
    },

    async undo(userId, deletionId) {
      const since = clock.now() - undoMs
      return transact(db, async (transaction) => {
        await holdAccount(transaction, engine, userId)
        const pad = await transaction
          .selectFrom('pads')
          .select('id')
          .where('user_id', '=', userId)
          .where('deletion_id', '=', deletionId)
          .where('deleted_at', '>', since)
          .executeTakeFirst()
        if (pad !== undefined) await reviveInto(transaction, userId, deletionId, pad.id)
        const mine = transaction
          .updateTable('notes')
          .where('user_id', '=', userId)
          .where('deletion_id', '=', deletionId)
          .where('deleted_at', '>', since)
        // A note whose pad is gone by now comes back without one.
        await mine.set({ pad_id: null }).where('pad_id', 'in', deadPads(transaction, userId)).execute()
        const first = await transaction
          .selectFrom('notes')
          .select('pad_id')
          .where('user_id', '=', userId)
          .where('deletion_id', '=', deletionId)
          .where('deleted_at', '>', since)
          .executeTakeFirst()
        const { numUpdatedRows } = await mine
          .set((builder) => ({ deleted_at: null, deletion_id: null, version: builder('version', '+', 1) }))
          .executeTakeFirstOrThrow()
        if (pad === undefined && numUpdatedRows === 0n)
          throw new NotFoundError('There is nothing to bring back: it was undone already, or more than 30 days have passed.')
        const padId = pad?.id ?? first?.pad_id ?? null
        if (padId !== null) await recount(transaction, padId)
        await countNotesOfAccount(transaction, userId, Number(numUpdatedRows))
        return { kind: pad === undefined ? 'note' : 'pad', padId }
      })
    },

    async purge() {
      const before = clock.now() - undoMs
      let removed = 0
      for (;;) {
        const notes = await idsBefore(db, 'notes', before)
        if (notes.length > 0) {
          const { numDeletedRows } = await db
            .deleteFrom('notes')
            .where('id', 'in', notes)
            .where('deleted_at', '<=', before)
            .executeTakeFirstOrThrow()
          removed += Number(numDeletedRows)
        }
        if (notes.length < purgeBatch) break
      }
      for (;;) {
        const pads = await idsBefore(db, 'pads', before)
        if (pads.length > 0) {
          await transact(db, async (transaction) => {
            // A note may have been deleted after its pad: it keeps its own 30 days.
            await transaction.updateTable('notes').set({ pad_id: null }).where('pad_id', 'in', pads).execute()
            await transaction.deleteFrom('pads').where('id', 'in', pads).where('deleted_at', '<=', before).execute()
          })
          removed += pads.length
        }
        if (pads.length < purgeBatch) break
      }
      return removed
    },
  }
}

async function reviveInto(db: Kysely<Database>, userId: number, deletionId: string, padId: number): Promise<void> {
  await db
    .updateTable('pads')
    .set((builder) => ({ deleted_at: null, deletion_id: null, version: builder('version', '+', 1) }))
    .where('id', '=', padId)
    .execute()
  // Notes that were kept when the pad went go back into it, unless they were put elsewhere meanwhile.
  await db
    .updateTable('notes')
    .set((builder) => ({ pad_id: padId, deletion_id: null, version: builder('version', '+', 1) }))
    .where('user_id', '=', userId)
    .where('deletion_id', '=', deletionId)
    .where('deleted_at', 'is', null)
    .where('pad_id', 'is', null)
    .execute()
}

function deadPads(db: Kysely<Database>, userId: number) {
  return db.selectFrom('pads').select('id').where('user_id', '=', userId).where('deleted_at', 'is not', null)
}

/** The kept counter, counted anew: only undoing needs it, and a pad's worth of rows at most. */
async function recount(db: Kysely<Database>, padId: number): Promise<void> {
  const { count } = await db
    .selectFrom('notes')
    .select((builder) => builder.fn.countAll().as('count'))
    .where('pad_id', '=', padId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  await db
    .updateTable('pads')
    .set({ note_count: Number(count) })
    .where('id', '=', padId)
    .execute()
}

async function idsBefore(db: Kysely<Database>, table: 'notes' | 'pads', before: number): Promise<number[]> {
  const rows = await db.selectFrom(table).select('id').where('deleted_at', '<=', before).limit(purgeBatch).execute()
  return rows.map(({ id }) => id)
}

import { randomUUID } from 'node:crypto'
import type { CompiledQuery, Kysely } from 'kysely'
import type { AppContext } from '../context.ts'
import { countNotesOfAccount, holdAccount } from '../db/hold-account.ts'
import { prepare, runBoth } from '../db/prepare.ts'
import type { Database } from '../db/schema.ts'
import { nameKey } from '../db/text-keys.ts'
import { insertWithId, transact } from '../db/transact.ts'
import { NotFoundError, StaleVersionError } from '../errors.ts'

/** A pad as lists show it. */
export interface PadSummary {
  readonly id: number
  readonly name: string
  readonly noteCount: number
}

/** A pad. Times are milliseconds since the epoch. */
export interface PadView extends PadSummary {
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** What the deletion of a pad did. */
export interface PadDeletion {
  /** Takes it back, for 30 days. */
  readonly deletionId: string
  readonly notesDeleted: number
}

/** Rules of pads, apart from pages and API; every call is for one owner and sees nothing of anyone else. */
export interface Pads {
  /** All pads in the order in which they were made; one query. */
  list(userId: number): Promise<PadSummary[]>
  /** The same, and the rows of another query that is sent with it. */
  listBeside<R>(userId: number, other: CompiledQuery<R>): Promise<[PadSummary[], R[]]>
  /** One page of pads with all their fields, and how many there are. */
  page(
    userId: number,
    options: { readonly page: number; readonly perPage: number },
  ): Promise<{ readonly items: PadView[]; readonly total: number }>
  /** @throws NotFoundError */
  get(userId: number, id: number): Promise<PadView>
  create(userId: number, input: { readonly name: string }): Promise<PadView>
  /** @throws NotFoundError, StaleVersionError when `expectedVersion` is given and is not the stored one */
  rename(userId: number, id: number, input: { readonly name: string }, expectedVersion?: number): Promise<PadView>
  /** Deletes a pad; its notes go with it, or stay without a pad. @throws NotFoundError, StaleVersionError */
  delete(userId: number, id: number, notes: 'delete' | 'keep', expectedVersion?: number): Promise<PadDeletion>
}

/** Message of the error for a pad that is not there or not one's own. */
export const noSuchPad = 'There is no such pad.'

const viewColumns = ['id', 'name', 'note_count as noteCount', 'version', 'created_at as createdAt', 'updated_at as updatedAt'] as const

/** Builds {@link Pads} on the database. */
export function createPads(context: Pick<AppContext, 'db' | 'engine' | 'clock'>): Pads {
  const { db, engine, clock } = context
  const all = prepare(db, (from, userId: number) =>
    from
      .selectFrom('pads')
      .select(['id', 'name', 'note_count as noteCount'])
      .where('user_id', '=', userId)
      .where('deleted_at', 'is', null)
      .orderBy('id'),
  )
  const find = async (on: Kysely<Database>, userId: number, id: number): Promise<PadView | undefined> =>
    on
      .selectFrom('pads')
      .select(viewColumns)
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .where('deleted_at', 'is', null)
      .executeTakeFirst()
  const get = async (on: Kysely<Database>, userId: number, id: number): Promise<PadView> => {
    const pad = await find(on, userId, id)
    if (pad === undefined) throw new NotFoundError(noSuchPad)
    return pad
  }
  const check = (pad: PadView, expected: number | undefined): void => {
    if (expected !== undefined && expected !== pad.version) throw new StaleVersionError('The pad was changed meanwhile.', pad.version)
  }

  return {
    list: async (userId) => all.all(db, userId),
    listBeside: async (userId, other) => runBoth(db, all.bind(userId), other),

    async page(userId, { page, perPage }) {
      const mine = db.selectFrom('pads').where('user_id', '=', userId).where('deleted_at', 'is', null)
      const { total } = await mine.select((builder) => builder.fn.countAll().as('total')).executeTakeFirstOrThrow()
      const items = await mine
        .select(viewColumns)
        .orderBy('id')
        .limit(perPage)
        .offset((page - 1) * perPage)
        .execute()
      return { items, total: Number(total) }
    },

    get: async (userId, id) => get(db, userId, id),

    async create(userId, { name }) {
      const now = clock.now()
      const id = await insertWithId(db, engine, 'pads', {
        user_id: userId,
        name,
        name_key: nameKey(name),
        created_at: now,
        updated_at: now,
      })
      return { id, name, noteCount: 0, version: 1, createdAt: now, updatedAt: now }
    },

    async rename(userId, id, { name }, expectedVersion) {
      return transact(db, async (transaction) => {
        const pad = await lock(transaction, engine, userId, id)
        check(pad, expectedVersion)
        const next = { name, version: pad.version + 1, updatedAt: clock.now() }
        await transaction
          .updateTable('pads')
          .set({ name, name_key: nameKey(name), version: next.version, updated_at: next.updatedAt })
          .where('id', '=', id)
          .execute()
        return { ...pad, ...next }
      })
    },

    async delete(userId, id, notes, expectedVersion) {
      const deletionId = randomUUID()
      const now = clock.now()
      return transact(db, async (transaction) => {
        await holdAccount(transaction, engine, userId)
        const pad = await lock(transaction, engine, userId, id)
        check(pad, expectedVersion)
        await transaction
          .updateTable('pads')
          .set({ deleted_at: now, deletion_id: deletionId, version: pad.version + 1, note_count: 0 })
          .where('id', '=', id)
          .execute()
        const inside = transaction
          .updateTable('notes')
          .where('pad_id', '=', id)
          .where('user_id', '=', userId)
          .where('deleted_at', 'is', null)
        if (notes === 'keep') {
          // The deletion's id stays on the notes, so that taking it back puts them into the pad again.
          await inside.set((builder) => ({ pad_id: null, deletion_id: deletionId, version: builder('version', '+', 1) })).execute()
          return { deletionId, notesDeleted: 0 }
        }
        const { numUpdatedRows } = await inside
          .set((builder) => ({ deleted_at: now, deletion_id: deletionId, version: builder('version', '+', 1) }))
          .executeTakeFirstOrThrow()
        const notesDeleted = Number(numUpdatedRows)
        await countNotesOfAccount(transaction, userId, -notesDeleted)
        return { deletionId, notesDeleted }
      })
    },
  }
}

/** Reads a pad and keeps others from changing it until the transaction ends. */
async function lock(transaction: Kysely<Database>, engine: AppContext['engine'], userId: number, id: number): Promise<PadView> {
  const query = transaction
    .selectFrom('pads')
    .select(viewColumns)
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
  const pad = await (engine === 'sqlite' ? query : query.forUpdate()).executeTakeFirst()
  if (pad === undefined) throw new NotFoundError(noSuchPad)
  return pad
}

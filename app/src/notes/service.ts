import { randomUUID } from 'node:crypto'
import type { CompiledQuery, Transaction } from 'kysely'
import type { AppContext } from '../context.ts'
import { countNotesOfAccount, holdAccount } from '../db/hold-account.ts'
import type { Database } from '../db/schema.ts'
import { putSearchWords, searchWords } from '../db/search-index.ts'
import { nameKey } from '../db/text-keys.ts'
import { insertWithId, transact } from '../db/transact.ts'
import { InvalidInputError, NotFoundError, StaleVersionError } from '../errors.ts'
import { prepareLists } from './lists.ts'
import { wrongPadMessage } from './schemas.ts'

/** Orders of a list of notes; ties are broken by id in the same direction. */
export type NoteOrder = 'name' | '-name' | 'updated_at' | '-updated_at'

/** A note as lists show it. Times are milliseconds since the epoch. */
export interface NoteSummary {
  readonly id: number
  readonly name: string
  readonly padId: number | null
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** A note. */
export interface NoteView extends NoteSummary {
  readonly text: string
}

/** What a new note holds. */
export interface NoteInput {
  readonly name: string
  readonly text: string
  readonly padId: number | null
}

/** Which notes of a list. `page` counts from 1. */
export interface NoteListOptions {
  readonly order: NoteOrder
  readonly page: number
  readonly perPage: number
  /** Only those of a pad. */
  readonly padId?: number | undefined
}

/** What the deletion of a note left. */
export interface NoteDeletion {
  /** Takes it back, for 30 days. */
  readonly deletionId: string
  readonly padId: number | null
}

/** Rules of notes, apart from pages and API; every call is for one owner and sees nothing of anyone else. */
export interface Notes {
  /** One query; the number of all is kept with the account and with the pad, so nothing is counted. */
  list(userId: number, options: NoteListOptions): Promise<NoteSummary[]>
  /** The query of {@link list}, to be run with another. */
  listQuery(userId: number, options: NoteListOptions): CompiledQuery<NoteSummary>
  /** @throws NotFoundError */
  get(userId: number, id: number): Promise<NoteView>
  /** @throws InvalidInputError for a pad that is not one's own */
  create(userId: number, input: NoteInput): Promise<NoteView>
  /** Changes what is given. @throws NotFoundError, InvalidInputError, StaleVersionError when `expectedVersion` is given and is not the stored one */
  change(userId: number, id: number, change: Partial<NoteInput>, expectedVersion?: number): Promise<NoteView>
  /** @throws NotFoundError, StaleVersionError */
  delete(userId: number, id: number, expectedVersion?: number): Promise<NoteDeletion>
}

/** Message of the error for a note that is not there or not one's own. */
export const noSuchNote = 'There is no such note.'

const viewColumns = ['id', 'name', 'text', 'pad_id as padId', 'version', 'created_at as createdAt', 'updated_at as updatedAt'] as const

/** Builds {@link Notes} on the database. */
export function createNotes(context: Pick<AppContext, 'db' | 'engine' | 'clock'>): Notes {
  const { db, engine, clock } = context
  const lists = prepareLists(db)
  const locked = async (
    transaction: Transaction<Database>,
    userId: number,
    id: number,
    expected: number | undefined,
  ): Promise<NoteView> => {
    const query = transaction
      .selectFrom('notes')
      .select(viewColumns)
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .where('deleted_at', 'is', null)
    const note = await (engine === 'sqlite' ? query : query.forUpdate()).executeTakeFirst()
    if (note === undefined) throw new NotFoundError(noSuchNote)
    if (expected !== undefined && expected !== note.version) throw new StaleVersionError('The note was changed meanwhile.', note.version)
    return note
  }
  const index = async (
    transaction: Transaction<Database>,
    id: number,
    note: { readonly name: string; readonly text: string },
  ): Promise<void> => {
    await putSearchWords(transaction, engine, [{ noteId: id, words: searchWords(note.name, note.text) }])
  }

  return {
    list: async (userId, options) => (await db.executeQuery(lists(userId, options))).rows,
    listQuery: lists,

    async get(userId, id) {
      const note = await db
        .selectFrom('notes')
        .select(viewColumns)
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('deleted_at', 'is', null)
        .executeTakeFirst()
      if (note === undefined) throw new NotFoundError(noSuchNote)
      return note
    },

    async create(userId, input) {
      return transact(db, async (transaction) => {
        await countNotesOfAccount(transaction, userId, 1)
        if (input.padId !== null) await countInPad(transaction, userId, input.padId, 1)
        const now = clock.now()
        const { name, text } = input
        const row = { user_id: userId, pad_id: input.padId, name, name_key: nameKey(name), text, created_at: now, updated_at: now }
        const id = await insertWithId(transaction, engine, 'notes', row)
        await index(transaction, id, input)
        return { id, name, text, padId: input.padId, version: 1, createdAt: now, updatedAt: now }
      })
    },

    async change(userId, id, change, expectedVersion) {
      return transact(db, async (transaction) => {
        // What moves between pads changes three rows.
        if (change.padId !== undefined) await holdAccount(transaction, engine, userId)
        const before = await locked(transaction, userId, id, expectedVersion)
        const after = { ...before, ...change, version: before.version + 1, updatedAt: clock.now() }
        if (after.padId !== before.padId) {
          if (after.padId !== null) await countInPad(transaction, userId, after.padId, 1)
          if (before.padId !== null) await countInPad(transaction, userId, before.padId, -1)
        }
        await transaction
          .updateTable('notes')
          .set({
            name: after.name,
            name_key: nameKey(after.name),
            text: after.text,
            pad_id: after.padId,
            version: after.version,
            updated_at: after.updatedAt,
            ...(after.padId === null ? {} : { deletion_id: null }),
          })
          .where('id', '=', id)
          .execute()
        if (after.name !== before.name || after.text !== before.text) await index(transaction, id, after)
        return after
      })
    },

    async delete(userId, id, expectedVersion) {
      const deletionId = randomUUID()
      return transact(db, async (transaction) => {
        await countNotesOfAccount(transaction, userId, -1)
        const note = await locked(transaction, userId, id, expectedVersion)
        await transaction
          .updateTable('notes')
          .set({ deleted_at: clock.now(), deletion_id: deletionId, version: note.version + 1 })
          .where('id', '=', id)
          .execute()
        if (note.padId !== null) await countInPad(transaction, userId, note.padId, -1)
        return { deletionId, padId: note.padId }
      })
    },
  }
}

/** Counts a note in or out of a pad, which also proves that the pad is there and the owner's, and holds it until the transaction ends. */
async function countInPad(transaction: Transaction<Database>, userId: number, padId: number, by: 1 | -1): Promise<void> {
  const { numUpdatedRows } = await transaction
    .updateTable('pads')
    .set((builder) => ({ note_count: builder('note_count', '+', by) }))
    .where('id', '=', padId)
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n && by === 1) throw new InvalidInputError({ pad_id: [wrongPadMessage] })
}

import type { Kysely, Transaction } from 'kysely'
import type { Engine } from '../db/engine.ts'
import { countNotesOfAccount, holdAccount } from '../db/hold-account.ts'
import type { Database } from '../db/schema.ts'
import { putSearchWords, searchWords } from '../db/search-index.ts'
import { nameKey } from '../db/text-keys.ts'
import { insertWithId, transact } from '../db/transact.ts'
import { AppError } from '../errors.ts'
import type { ExportedNote, ExportedPad } from '../export/account-data.ts'
import type { Selected } from './selection.ts'

/** What {@link reinsert} needs. */
export interface ReinsertOptions {
  /** The database that is served: the connection that holds its lock. */
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly selected: Selected
  /** The day of the archive, such as `2026-11-20`: it is in the names of copies. */
  readonly day: string
  readonly onProgress?: (notes: number) => void
}

/** What became of the notes of a selection. */
export interface ReinsertResult {
  /** Notes that were gone and are back under their names. */
  readonly inserted: number
  /** Notes that are different now: what they were stands beside them. */
  readonly copies: number
  /** Notes that are there as they were. */
  readonly unchanged: number
  readonly padsCreated: number
}

/** Notes of one transaction: the longest stay below 10 MB. */
const batchSize = 25
const maxName = 100

/**
 * Puts notes of an archive back among those that are served. Nothing that is there is changed or overwritten: what is there unchanged is passed over, what is
 * different is put beside it as `NAME (recovered DAY)`. Running it again changes nothing, so one that was cut off is run again.
 *
 * @throws {@link AppError} `AccountGone` when the account is not there any more, or its address is somebody else's
 */
export async function reinsert(options: ReinsertOptions): Promise<ReinsertResult> {
  const { db, selected, onProgress } = options
  await assertAccount(db, selected)
  let sum: ReinsertResult = { inserted: 0, copies: 0, unchanged: 0, padsCreated: 0 }
  for await (const notes of batches(selected.notes)) {
    const batch = await transact(db, (transaction) => reinsertBatch(transaction, notes, options))
    sum = {
      inserted: sum.inserted + batch.inserted,
      copies: sum.copies + batch.copies,
      unchanged: sum.unchanged + batch.unchanged,
      padsCreated: sum.padsCreated + batch.padsCreated,
    }
    onProgress?.(sum.inserted + sum.copies + sum.unchanged)
  }
  return sum
}

/** An account is known by its id and the moment of its making: an address may have been given up and taken by another person. */
async function assertAccount(db: Kysely<Database>, { userId, createdAt }: Selected): Promise<void> {
  const user = await db.selectFrom('users').select('created_at').where('id', '=', userId).executeTakeFirst()
  if (user?.created_at !== createdAt) {
    throw new AppError(
      'the account is not in this database any more, so nothing was put back: give its owner the notes as a file (recover --export)',
      { code: 'AccountGone' },
    )
  }
}

async function* batches(notes: AsyncIterable<ExportedNote>): AsyncGenerator<readonly ExportedNote[], void, undefined> {
  let batch: ExportedNote[] = []
  for await (const note of notes) {
    batch.push(note)
    if (batch.length === batchSize) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

async function reinsertBatch(
  transaction: Transaction<Database>,
  notes: readonly ExportedNote[],
  { engine, selected, day }: ReinsertOptions,
): Promise<ReinsertResult> {
  const { userId } = selected
  await holdAccount(transaction, engine, userId)
  let [inserted, copies, unchanged, padsCreated] = [0, 0, 0, 0]
  for (const note of notes) {
    const name = await nameToInsert(transaction, userId, note, day)
    if (name === undefined) {
      unchanged += 1
      continue
    }
    const archivedPad = selected.pads.find(({ id }) => id === note.padId)
    const pad = archivedPad === undefined ? undefined : await findOrCreatePad(transaction, engine, userId, archivedPad)
    padsCreated += pad?.created === true ? 1 : 0
    await insertNote(transaction, engine, { userId, padId: pad?.id ?? null, note: { ...note, name } })
    if (name === note.name) inserted += 1
    else copies += 1
  }
  if (inserted + copies > 0) await countNotesOfAccount(transaction, userId, inserted + copies)
  return { inserted, copies, unchanged, padsCreated }
}

/** Under which name a note comes back; undefined when it is there. */
async function nameToInsert(db: Kysely<Database>, userId: number, note: ExportedNote, day: string): Promise<string | undefined> {
  const living = db.selectFrom('notes').where('user_id', '=', userId).where('deleted_at', 'is', null)
  const copy = copyName(note.name, day)
  const same = await living
    .select('id')
    .where('name_key', 'in', [nameKey(note.name), nameKey(copy)])
    .where('name', 'in', [note.name, copy])
    .where('text', '=', note.text)
    .executeTakeFirst()
  if (same !== undefined) return undefined
  const changed = await living.select('id').where('id', '=', note.id).executeTakeFirst()
  return changed === undefined ? note.name : copy
}

/** `Shopping (recovered 2026-11-20)`, the name cut where both do not fit. */
export function copyName(name: string, day: string): string {
  const suffix = ` (recovered ${day})`
  return `${[...name]
    .slice(0, maxName - suffix.length)
    .join('')
    .trimEnd()}${suffix}`
}

/** The pad that the note was in, one of the same name, or a new one. */
async function findOrCreatePad(
  db: Kysely<Database>,
  engine: Engine,
  userId: number,
  pad: ExportedPad,
): Promise<{ readonly id: number; readonly created: boolean }> {
  const living = db.selectFrom('pads').select('id').where('user_id', '=', userId).where('deleted_at', 'is', null)
  const known =
    (await living.where('id', '=', pad.id).executeTakeFirst()) ??
    (await living.where('name', '=', pad.name).orderBy('id').executeTakeFirst())
  if (known !== undefined) return { id: known.id, created: false }
  const row = { user_id: userId, name: pad.name, name_key: nameKey(pad.name), created_at: pad.createdAt, updated_at: pad.updatedAt }
  return { id: await insertWithId(db, engine, 'pads', row), created: true }
}

/** Under an id of its own: the old one may have been given to another note where a database was rebuilt. */
async function insertNote(
  db: Kysely<Database>,
  engine: Engine,
  { userId, padId, note }: { readonly userId: number; readonly padId: number | null; readonly note: ExportedNote },
): Promise<void> {
  const { name, text, createdAt, updatedAt } = note
  const row = { user_id: userId, pad_id: padId, name, name_key: nameKey(name), text, created_at: createdAt, updated_at: updatedAt }
  const id = await insertWithId(db, engine, 'notes', row)
  await putSearchWords(db, engine, [{ noteId: id, words: searchWords(name, text) }])
  if (padId === null) return
  await db
    .updateTable('pads')
    .set((builder) => ({ note_count: builder('note_count', '+', 1) }))
    .where('id', '=', padId)
    .execute()
}

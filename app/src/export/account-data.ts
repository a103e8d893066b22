import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'

/** A pad as it is exported. */
export interface ExportedPad {
  readonly id: number
  readonly name: string
  readonly createdAt: number
  readonly updatedAt: number
}

/** A note as it is exported. */
export interface ExportedNote extends ExportedPad {
  readonly padId: number | null
  readonly text: string
}

/** Everything of one account that an export holds. Notes are read as they are asked for. */
export interface AccountData {
  readonly email: string
  readonly createdAt: number
  readonly pads: readonly ExportedPad[]
  readonly notes: AsyncIterable<ExportedNote>
}

/** A batch of the longest texts (100,000 characters, up to 400 kB each) stays below 10 MB. */
const batchSize = 25

/** Reads an account for an export; deleted pads and notes are left out. */
export async function readAccountData(db: Kysely<Database>, userId: number): Promise<AccountData> {
  const user = await db.selectFrom('users').select(['email', 'created_at']).where('id', '=', userId).executeTakeFirstOrThrow()
  const pads = await db
    .selectFrom('pads')
    .select(['id', 'name', 'created_at', 'updated_at'])
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
  return {
    email: user.email,
    createdAt: user.created_at,
    pads: pads.map((pad) => ({ id: pad.id, name: pad.name, createdAt: pad.created_at, updatedAt: pad.updated_at })),
    notes: readNotes(db, userId),
  }
}

async function* readNotes(db: Kysely<Database>, userId: number): AsyncGenerator<ExportedNote, void, undefined> {
  let after = 0
  for (;;) {
    const batch = await db
      .selectFrom('notes')
      .select(['id', 'pad_id', 'name', 'text', 'created_at', 'updated_at'])
      .where('user_id', '=', userId)
      .where('deleted_at', 'is', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(batchSize)
      .execute()
    for (const note of batch) {
      yield { id: note.id, padId: note.pad_id, name: note.name, text: note.text, createdAt: note.created_at, updatedAt: note.updated_at }
    }
    const last = batch.at(-1)
    if (last === undefined || batch.length < batchSize) return
    after = last.id
  }
}

import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { emailKey } from '../db/text-keys.ts'
import { AppError, NotFoundError } from '../errors.ts'
import { readAccountData, type AccountData, type ExportedNote } from '../export/account-data.ts'

/** What is wanted back: all that one account had, or some notes of one account. */
export type Selection = { readonly user: string } | { readonly noteIds: readonly number[] }

/** What an archive holds of a selection. */
export interface Selected extends AccountData {
  readonly userId: number
}

/**
 * Finds a selection in an archive that was read into scratch. What its owner had deleted at the time is left out, unless the note is named.
 *
 * @throws {@link NotFoundError} when the archive has no such account or note; {@link AppError} `InvalidArguments` for notes of several accounts
 */
export async function select(archive: Kysely<Database>, selection: Selection): Promise<Selected> {
  if ('user' in selection) {
    const user = await archive.selectFrom('users').select('id').where('email_key', '=', emailKey(selection.user)).executeTakeFirst()
    if (user === undefined) throw new NotFoundError('the archive holds no account with this address')
    return { userId: user.id, ...(await readAccountData(archive, user.id)) }
  }
  return selectNotes(archive, [...new Set(selection.noteIds)])
}

async function selectNotes(archive: Kysely<Database>, ids: readonly number[]): Promise<Selected> {
  const found = await archive
    .selectFrom('notes')
    .select(['id', 'user_id', 'pad_id'])
    .where('id', 'in', [0, ...ids])
    .execute()
  const missing = ids.filter((id) => !found.some((note) => note.id === id))
  const [first] = found
  if (first === undefined || missing.length > 0) {
    throw new NotFoundError(`the archive holds no note ${missing.slice(0, 10).join(', ')}`)
  }
  if (found.some(({ user_id: owner }) => owner !== first.user_id)) {
    throw new AppError('the notes belong to several accounts: recover those of one account at a time', { code: 'InvalidArguments' })
  }
  const account = await readAccountData(archive, first.user_id)
  const pads = await archive
    .selectFrom('pads')
    .select(['id', 'name', 'created_at as createdAt', 'updated_at as updatedAt'])
    .where('id', 'in', [0, ...found.map(({ pad_id: pad }) => pad ?? 0)])
    .orderBy('id')
    .execute()
  return { ...account, userId: first.user_id, pads, notes: readNotes(archive, ids) }
}

/** One after the other: a text may be 400 kB long. */
async function* readNotes(archive: Kysely<Database>, ids: readonly number[]): AsyncGenerator<ExportedNote, void, undefined> {
  for (const id of ids) {
    yield await archive
      .selectFrom('notes')
      .select(['id', 'pad_id as padId', 'name', 'text', 'created_at as createdAt', 'updated_at as updatedAt'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  }
}

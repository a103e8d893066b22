import type { DatabaseConnection, Kysely } from 'kysely'
import { createSessions } from '../../app/src/accounts/sessions.ts'
import { systemClock } from '../../app/src/clock.ts'
import { loadConfig } from '../../app/src/config.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { putSearchWords, searchWords } from '../../app/src/db/search-index.ts'
import { nameKey } from '../../app/src/db/text-keys.ts'
import { insertWithId } from '../../app/src/db/transact.ts'
import { runAppCommand } from '../app/app-process.ts'

/** The same in all processes of a bench: it keys the hashes of session tokens. */
export const benchSecret = 'a secret of benches only, thirty-two bytes and more'

/** An account with notes, and the cookie of someone signed in. */
export interface Member {
  readonly userId: number
  readonly padIds: readonly number[]
  readonly cookie: string
}

/** Migrates an empty database. */
export async function prepareDatabase(databaseUrl: string): Promise<void> {
  for (const phase of ['expand', 'contract'])
    await runAppCommand({ databaseUrl, env: { SECRET_KEY: benchSecret } }, ['migrate', '--phase', phase])
}

const wordsOfText =
  'quiet river garden letter window paper morning coffee ladder silver planet music winter bridge candle engine harbor island jacket kitchen'.split(
    ' ',
  )

/** About 1 KB of text, different for each number; every thousandth note holds the word "needle", every hundredth "straw". */
export function textOf(index: number): string {
  const words = Array.from(
    { length: 150 },
    (_, position) => wordsOfText[(index * 7 + position * 13 + ((index * position) % 5)) % wordsOfText.length] ?? '',
  )
  if (index % 100 === 0) words.push('straw')
  if (index % 1000 === 0) words.push('needle')
  return words.join(' ')
}

/** Makes an account of `notes` notes, of which each pad but the last holds an equal share, and signs it in. */
export async function createMember(
  databaseUrl: string,
  options: { readonly email: string; readonly pads: number; readonly notes: number; readonly shortTexts?: boolean },
): Promise<Member> {
  const config = loadConfig({ DATABASE_URL: databaseUrl, SECRET_KEY: benchSecret })
  const { db, engine, close } = await openDatabase(config.database)
  const now = Date.now()
  const padIds: number[] = []
  const userId = await insertWithId(db, engine, 'users', {
    email: options.email,
    email_key: options.email,
    password_hash: 'none',
    note_count: options.notes,
    created_at: now,
    password_changed_at: now,
  })
  for (let index = 0; index < options.pads; index += 1) {
    const name = `Pad ${index}`
    padIds.push(
      await insertWithId(db, engine, 'pads', { user_id: userId, name, name_key: nameKey(name), created_at: now, updated_at: now }),
    )
  }
  const batch = engine === 'sqlite' ? 1000 : 2000
  for (let from = 0; from < options.notes; from += batch) {
    const rows = Array.from({ length: Math.min(batch, options.notes - from) }, (_, offset) => {
      const index = from + offset
      const name = `Note ${index} ${wordsOfText[index % wordsOfText.length]}`
      const text = options.shortTexts === true ? textOf(index).slice(-80) : textOf(index)
      return {
        user_id: userId,
        pad_id: padIds[index % (padIds.length + 1)] ?? null,
        name,
        name_key: nameKey(name),
        text,
        created_at: now,
        updated_at: now - (options.notes - index) * 1000,
      }
    })
    await db.transaction().execute(async (transaction) => {
      await transaction.insertInto('notes').values(rows).execute()
      const ids = await transaction
        .selectFrom('notes')
        .select('id')
        .where('user_id', '=', userId)
        .orderBy('id', 'desc')
        .limit(rows.length)
        .execute()
      const entries = ids.map(({ id }, index) => ({
        noteId: id,
        words: searchWords(rows[rows.length - 1 - index]?.name ?? '', rows[rows.length - 1 - index]?.text ?? ''),
      }))
      await putSearchWords(transaction, engine, entries)
    })
  }
  for (const id of padIds) {
    const { count } = await db
      .selectFrom('notes')
      .select((row) => row.fn.countAll<number | string>().as('count'))
      .where('pad_id', '=', id)
      .executeTakeFirstOrThrow()
    await db
      .updateTable('pads')
      .set({ note_count: Number(count) })
      .where('id', '=', id)
      .execute()
  }
  const token = await createSessions({ db, config, clock: systemClock }).begin(db, userId, { address: '127.0.0.1', userAgent: 'bench' })
  await close()
  return { userId, padIds, cookie: `notejam-session=${token}` }
}

/** One query as it was sent. */
export interface SentQuery {
  readonly sql: string
  readonly parameters: readonly (string | number | null)[]
}

/** Wraps a database so that every query it runs is remembered. */
export function recordQueries<Tables>(db: Kysely<Tables>): { readonly queries: SentQuery[]; readonly db: Kysely<Tables> } {
  const queries: SentQuery[] = []
  const executor = db.getExecutor()
  const original = executor.provideConnection.bind(executor)
  const recorded = (connection: DatabaseConnection): DatabaseConnection => ({
    streamQuery: connection.streamQuery.bind(connection),
    executeQuery: async (query, options) => {
      queries.push({ sql: query.sql, parameters: query.parameters as SentQuery['parameters'] })
      return connection.executeQuery(query, options)
    },
  })
  const provideConnection: typeof original = async (use, options) => original(async (connection) => use(recorded(connection)), options)
  Object.assign(executor, { provideConnection })
  return { queries, db }
}

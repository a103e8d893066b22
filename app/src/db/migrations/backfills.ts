import { sql, type Kysely } from 'kysely'
import type { Engine } from '../engine.ts'
import type { Database } from '../schema.ts'
import { putSearchWords, searchWords } from '../search-index.ts'
import { nameKey } from '../text-keys.ts'
import type { BackfillName } from './migration.ts'

/** Rows of one batch: small enough that a web request waits for none of them. */
const batchRows = 250

/** What a backfill works on. */
export interface BackfillOptions {
  readonly db: Kysely<Database>
  readonly engine: Engine
  /** Also rows changed at or after this time: code that did not know the column may have changed them. Undefined: only what is missing. */
  readonly changedSince: number | undefined
}

/** Runs a backfill; it may be cut off and run again. */
export async function runBackfill(name: BackfillName, options: BackfillOptions): Promise<void> {
  switch (name) {
    case 'name-keys/1': {
      await fillNameKeys('pads', options)
      await fillNameKeys('notes', options)
      return
    }
    case 'search-words/1': {
      await fillSearchWords(options)
    }
  }
}

async function fillNameKeys(table: 'pads' | 'notes', { db, changedSince }: BackfillOptions): Promise<void> {
  let last = 0
  for (;;) {
    const rows = await db
      .selectFrom(table)
      .select(['id', 'name', 'name_key', 'version'])
      .where('id', '>', last)
      .where((where) =>
        where.or([where('name_key', 'is', null), ...(changedSince === undefined ? [] : [where('updated_at', '>=', changedSince)])]),
      )
      .orderBy('id')
      .limit(batchRows)
      .execute()
    const wrong = rows.filter(({ name, name_key }) => nameKey(name) !== name_key)
    if (wrong.length > 0) {
      const keys = wrong.map(({ id, name }) => sql`when id = ${id} then ${nameKey(name)}`)
      // The version guards rows that somebody changed since they were read: newer code has given them their key.
      const unchanged = wrong.map(({ id, version }) => sql`(id = ${id} and version = ${version})`)
      await sql`update ${sql.table(table)} set name_key = case ${sql.join(keys, sql` `)} end where ${sql.join(unchanged, sql` or `)}`.execute(
        db,
      )
    }
    const end = rows.at(-1)
    if (end === undefined || rows.length < batchRows) {
      return
    }
    last = end.id
  }
}

async function fillSearchWords({ db, engine, changedSince }: BackfillOptions): Promise<void> {
  const key = sql.ref(engine === 'sqlite' ? 'note_search.rowid' : 'note_search.note_id')
  let last = 0
  let more = true
  while (more) {
    more = await db.transaction().execute(async (transaction) => {
      const missing = sql<boolean>`not exists (select 1 from note_search where ${key} = notes.id)`
      const query = transaction
        .selectFrom('notes')
        .select(['id', 'name', 'text'])
        .where('id', '>', last)
        .where((where) => where.or([missing, ...(changedSince === undefined ? [] : [where('updated_at', '>=', changedSince)])]))
        .orderBy('id')
        .limit(batchRows)
      const rows = await (engine === 'sqlite' ? query : query.forUpdate()).execute()
      await putSearchWords(
        transaction,
        engine,
        rows.map(({ id, name, text }) => ({ noteId: id, words: searchWords(name, text) })),
      )
      last = rows.at(-1)?.id ?? last
      return rows.length === batchRows
    })
  }
}

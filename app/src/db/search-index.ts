import { sql, type Kysely } from 'kysely'
import { searchTerms } from '../search/words.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/**
 * The distinct terms of a note: its words, folded and written in ASCII by `search/words.ts`, so that the three engines hold the same.
 */
export function searchWords(...texts: readonly string[]): string[] {
  return searchTerms(texts.join('\n'))
}

/** What one note is found by. */
export interface SearchEntry {
  readonly noteId: number
  readonly words: readonly string[]
}

/** Writes or replaces the words of notes. Run it in the transaction that writes the notes. */
export async function putSearchWords(db: Kysely<Database>, engine: Engine, entries: readonly SearchEntry[]): Promise<void> {
  if (entries.length === 0) {
    return
  }
  const rows = entries.map(({ noteId, words }) => ({ id: noteId, words }))
  switch (engine) {
    case 'sqlite': {
      await sql`delete from note_search where rowid in (${sql.join(rows.map(({ id }) => id))})`.execute(db)
      const values = rows.map(({ id, words }) => sql`(${id}, ${words.join(' ')})`)
      await sql`insert into note_search (rowid, words) values ${sql.join(values)}`.execute(db)
      return
    }
    case 'postgres': {
      const values = rows.map(({ id, words }) => sql`(${id}, array_to_tsvector(${words}::text[]))`)
      await sql`insert into note_search (note_id, words) values ${sql.join(values)}
        on conflict (note_id) do update set words = excluded.words`.execute(db)
      return
    }
    case 'mysql': {
      const values = rows.map(({ id, words }) => sql`(${id}, ${words.join(' ')})`)
      await sql`insert into note_search (note_id, words) values ${sql.join(values)}
        on duplicate key update words = values(words)`.execute(db)
    }
  }
}

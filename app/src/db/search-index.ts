import { sql, type Kysely } from 'kysely'
import { searchTerms } from '../search/words.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/** The words by which a note is found, as the index of every engine holds them. */
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
  switch (engine) {
    case 'sqlite': {
      await sql`delete from note_search where rowid in (${sql.join(entries.map(({ noteId }) => noteId))})`.execute(db)
      const values = entries.map(({ noteId, words }) => sql`(${noteId}, ${words.join(' ')})`)
      await sql`insert into note_search (rowid, words) values ${sql.join(values)}`.execute(db)
      return
    }
    case 'postgres': {
      const values = entries.map(({ noteId, words }) => sql`(${noteId}::bigint, array_to_tsvector(${words}::text[]))`)
      await sql`insert into note_search (note_id, words) values ${sql.join(values)}
        on conflict (note_id) do update set words = excluded.words`.execute(db)
      return
    }
    case 'mysql': {
      const values = entries.map(({ noteId, words }) => sql`(${noteId}, ${words.join(' ')})`)
      // Not "on duplicate key update": MariaDB 10.11 does not find what that wrote.
      await sql`replace into note_search (note_id, words) values ${sql.join(values)}`.execute(db)
    }
  }
}

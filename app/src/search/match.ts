import { type RawBuilder, sql } from 'kysely'
import type { Engine } from '../db/engine.ts'
import { variantsOf } from './fold.ts'
import type { SearchQuery } from './words.ts'

/** How the full-text index takes part in a search. */
export type IndexUse =
  /** Its hits first, then their notes: for a question with few of them. */
  | 'driving'
  /** The notes in their order, each looked up in the index: for a question with many hits, of which the newest are wanted. */
  | 'probed'

/**
 * The condition that a row of `notes` is a hit. Terms go to the engine's full-text index (FTS5, GIN, FULLTEXT), substrings to its pattern match with every
 * spelling of each character written out, so that no collation decides.
 */
export function matches(engine: Engine, query: SearchQuery, use: IndexUse): RawBuilder<boolean> {
  const conditions: RawBuilder<boolean>[] = []
  if (query.terms.length > 0) conditions.push(indexed(engine, query.terms, use))
  for (const text of query.substrings) conditions.push(contains(engine, text))
  return conditions.length === 0 ? sql<boolean>`1 = 0` : sql<boolean>`(${sql.join(conditions, sql` and `)})`
}

/** The condition that a row of `note_search` holds all terms. They are ASCII letters and digits by construction, so they cannot carry an operator. */
export function holdsTerms(engine: Engine, terms: readonly string[]): RawBuilder<boolean> {
  switch (engine) {
    case 'sqlite':
      return sql<boolean>`note_search match ${terms.map((term) => `"${term}"*`).join(' ')}`
    case 'postgres':
      return sql<boolean>`words @@ ${terms.map((term) => `'${term}':*`).join(' & ')}::tsquery`
    case 'mysql':
      return sql<boolean>`match(words) against (${terms.map((term) => `+${term}*`).join(' ')} in boolean mode)`
  }
}

function indexed(engine: Engine, terms: readonly string[], use: IndexUse): RawBuilder<boolean> {
  const id = engine === 'sqlite' ? sql.ref('note_search.rowid') : sql.ref('note_search.note_id')
  const holds = holdsTerms(engine, terms)
  // MySQL reads a full-text index whole or not at all, so there the index always comes first.
  if (use === 'driving' || engine === 'mysql') return sql<boolean>`notes.id in (select ${id} from note_search where ${holds})`
  return sql<boolean>`exists (select 1 from note_search where ${id} = notes.id and ${holds})`
}

function contains(engine: Engine, text: string): RawBuilder<boolean> {
  if (engine === 'sqlite') {
    const pattern = `*${[...text].map((char) => globOf(variantsOf(char))).join('')}*`
    return sql<boolean>`(notes.name glob ${pattern} or notes.text glob ${pattern})`
  }
  const pattern = [...text].map((char) => regexOf(variantsOf(char))).join('')
  return engine === 'postgres'
    ? sql<boolean>`(notes.name ~ ${pattern} or notes.text ~ ${pattern})`
    : sql<boolean>`(notes.name regexp ${pattern} or notes.text regexp ${pattern})`
}

const letter = /[\p{L}\p{N}]/u

/** A class of a letter's spellings; a sign stands for itself alone. */
function globOf(spellings: string): string {
  const [char = ''] = spellings
  if (letter.test(char)) return spellings === char ? char : `[${spellings}]`
  return /[*?[]/.test(char) ? `[${char}]` : char
}

function regexOf(spellings: string): string {
  const [char = ''] = spellings
  if (letter.test(char)) return spellings === char ? char : `[${spellings}]`
  return /[\\^$.|?*+()[\]{}]/.test(char) ? `\\${char}` : char
}

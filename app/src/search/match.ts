import { type RawBuilder, sql } from 'kysely'
import type { Engine } from '../db/engine.ts'
import { variantsOf } from './fold.ts'
import type { SearchQuery } from './words.ts'

/**
 * The condition that a row of `notes` is a hit. Terms go to the engine's full-text index (FTS5, GIN, FULLTEXT), substrings to its pattern match with every
 * spelling of each character written out, so that no collation decides.
 */
export function matches(engine: Engine, query: SearchQuery): RawBuilder<boolean> {
  const conditions: RawBuilder<boolean>[] = []
  if (query.terms.length > 0) conditions.push(indexed(engine, query.terms))
  for (const text of query.substrings) conditions.push(contains(engine, text))
  return conditions.length === 0 ? sql<boolean>`1 = 0` : sql<boolean>`(${sql.join(conditions, sql` and `)})`
}

// Terms are ASCII letters and digits by construction, so they cannot carry an operator of any query language.
function indexed(engine: Engine, terms: readonly string[]): RawBuilder<boolean> {
  switch (engine) {
    case 'sqlite':
      return sql<boolean>`notes.id in (select rowid from note_search where note_search match ${terms.map((term) => `"${term}"*`).join(' ')})`
    case 'postgres':
      return sql<boolean>`notes.id in (select note_id from note_search where words @@ ${terms.map((term) => `'${term}':*`).join(' & ')}::tsquery)`
    case 'mysql':
      return sql<boolean>`notes.id in (select note_id from note_search where match(words) against (${terms.map((term) => `+${term}*`).join(' ')} in boolean mode))`
  }
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

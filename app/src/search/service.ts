import { sql } from 'kysely'
import type { AppContext } from '../context.ts'
import type { NoteView } from '../notes/service.ts'
import { holdsTerms, type IndexUse, matches } from './match.ts'
import { parseQuery, type SearchQuery } from './words.ts'

/** Hits beyond this many are neither counted nor shown: nobody turns fifty pages, and counting is what is slow. */
export const maxHits = 1000

/** One page of hits, newest first. */
export interface SearchPage {
  readonly items: readonly NoteView[]
  /** At most {@link maxHits}. */
  readonly total: number
}

/** Full-text search over the notes of one owner. */
export interface Search {
  /** At most three queries, whatever is found. `page` counts from 1. */
  find(userId: number, question: string, options: { readonly page: number; readonly perPage: number }): Promise<SearchPage>
}

/** Up to so many hits of all accounts the full-text index leads; beyond, walking one account's notes from the newest is quicker. */
const maxDriving = 5000

/** Builds {@link Search} on the database. */
export function createSearch(context: Pick<AppContext, 'db' | 'engine'>): Search {
  const { db, engine } = context
  const useOf = async ({ terms }: SearchQuery): Promise<IndexUse> => {
    if (terms.length === 0) return 'probed'
    const probe = db
      .selectFrom(
        db
          .selectFrom('note_search')
          .select(sql<number>`1`.as('hit'))
          .where(holdsTerms(engine, terms))
          .limit(maxDriving + 1)
          .as('hits'),
      )
      .select((builder) => builder.fn.countAll().as('count'))
    const { count } = await probe.executeTakeFirstOrThrow()
    return Number(count) > maxDriving ? 'probed' : 'driving'
  }
  return {
    async find(userId, question, { page, perPage }) {
      const query = parseQuery(question)
      if (query.terms.length + query.substrings.length === 0) return { items: [], total: 0 }
      const use = await useOf(query)
      // The newest thousand ids first: rows with their texts are read only for the page that is shown. `+ 0` keeps a planner that thinks of the
      // index by time or by owner from walking a million notes in search of ten hits.
      const hits = await db
        .selectFrom('notes')
        .select('notes.id')
        .where(use === 'driving' ? sql<number>`notes.user_id + 0` : 'notes.user_id', '=', userId)
        .where('notes.deleted_at', 'is', null)
        .where(matches(engine, query, use))
        .orderBy(use === 'driving' ? sql`notes.updated_at + 0` : 'notes.updated_at', 'desc')
        .orderBy('notes.id', 'desc')
        .limit(maxHits)
        .execute()
      const ids = hits.slice((page - 1) * perPage, page * perPage).map(({ id }) => id)
      if (ids.length === 0) return { items: [], total: hits.length }
      const items = await db
        .selectFrom('notes')
        .select(['id', 'name', 'text', 'pad_id as padId', 'version', 'created_at as createdAt', 'updated_at as updatedAt'])
        .where('id', 'in', ids)
        .where(sql<number>`user_id + 0`, '=', userId)
        .orderBy('updated_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
      return { items, total: hits.length }
    },
  }
}

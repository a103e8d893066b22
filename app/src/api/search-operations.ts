import type { Search } from '../search/service.ts'
import { operation, type Operation } from './operation.ts'
import { presentNoteSummary, presentPage } from './present.ts'
import { notePage, searchQuery } from './schemas.ts'

/** Full-text search. */
export function searchOperations(search: Search): readonly Operation[] {
  return [
    operation({
      operationId: 'searchNotes',
      method: 'GET',
      path: '/search',
      tag: 'search',
      summary: 'Finds notes by words in their names and texts',
      description: 'Newest first, as the search page shows them; at most 1,000 hits are counted and shown.',
      scope: 'read',
      query: searchQuery,
      success: { status: 200, description: 'One page of notes, without their texts.', schema: notePage, list: true },
      run: async ({ token, query }) => {
        const { q, page, per_page: perPage } = query
        const { items, total } = await search.find(token.userId, q, { page, perPage })
        return presentPage(items.map(presentNoteSummary), { path: '/api/v1/search', query: { q }, page, perPage, total })
      },
    }),
  ]
}

import type { Routes } from '../http/route-options.ts'
import { pageSize, pagination, parsePage } from '../notes/list-view.ts'
import { html } from '../views/html.ts'
import { timeAgo } from '../views/time.ts'
import { maxHits } from './service.ts'
import { snippet } from './snippet.ts'

const maxQuestion = 200

/** The page of search results. */
export const searchRoutes: Routes = (app, { context, services, pages }) => {
  app.get(
    '/search',
    pages.member(async (exchange) => {
      const { member, query } = exchange
      const question = [...(query.get('q') ?? '').trim()].slice(0, maxQuestion).join('')
      const wanted = parsePage(query.get('page'), maxHits)
      const found = await services.search.find(member.userId, question, { page: wanted, perPage: pageSize })
      const page = parsePage(query.get('page'), found.total)
      await pages.framed(exchange, (pads) => {
        const padNames = new Map(pads.map((pad) => [pad.id, pad.name]))
        const results = found.items.map((note) => {
          const pad = note.padId === null ? undefined : padNames.get(note.padId)
          return html`<li><a href="/notes/${note.id}/">${snippet(note.name, question)}</a> <span class="hint">${pad === undefined ? 'No pad' : pad}, ${timeAgo(note.updatedAt, context.clock.now())}</span><p>${snippet(note.text, question)}</p></li>
`
        })
        const list =
          found.total === 0
            ? html`<p class="empty">${question === '' ? 'Type what you are looking for.' : 'Nothing found. Every word has to occur in the name or in the text of a note.'}</p>`
            : html`<ul class="results">${results}</ul>`
        return {
          title: `Search (${found.total === maxHits ? `${maxHits} or more` : found.total})`,
          query: question,
          content: html`${list}${pagination({ page, total: found.total, path: '/search/', query: question })}`,
        }
      })
    }),
  )
}

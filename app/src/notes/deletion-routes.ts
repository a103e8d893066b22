import { NotFoundError } from '../errors.ts'
import type { Routes } from '../http/route-options.ts'
import { countOfNotes } from '../pads/views.ts'
import { html } from '../views/html.ts'
import { timeAgo } from '../views/time.ts'

/** Deletions that can be taken back: the list of them, and the undo itself. */
export const deletionRoutes: Routes = (app, { context, services, pages }) => {
  app.get(
    '/deletions',
    pages.member(async (exchange) => {
      const deletions = await services.deletions.list(exchange.member.userId)
      const now = context.clock.now()
      const rows = deletions.map(
        (
          deletion,
        ) => html`<tr><td>${deletion.kind === 'pad' ? `Pad ${deletion.name}` : deletion.name}${deletion.kind === 'pad' && deletion.noteCount > 0 ? ` and ${countOfNotes(deletion.noteCount)}` : null}</td><td>${timeAgo(deletion.deletedAt, now)}</td><td class="when"><form method="post" action="/deletions/${deletion.deletionId}/undo/"><button class="link" type="submit" aria-label="Undo the deletion of ${deletion.name}">Undo</button></form></td></tr>
`,
      )
      await pages.framed(exchange, {
        title: 'Recently deleted',
        content:
          rows.length === 0
            ? html`<p class="empty">Nothing was deleted in the last 30 days.</p>`
            : html`<table><caption class="visually-hidden">Deleted in the last 30 days</caption><thead><tr><th scope="col">What</th><th scope="col">Deleted</th><th scope="col"><span class="visually-hidden">Action</span></th></tr></thead><tbody>${rows}</tbody></table>`,
      })
    }),
  )

  app.post(
    '/deletions/:id/undo',
    pages.member(async (exchange) => {
      const id = exchange.request.params['id']
      if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/.test(id)) throw new NotFoundError('There is nothing to bring back.')
      const { kind, padId } = await services.deletions.undo(exchange.member.userId, id)
      pages.redirect(exchange, padId === null ? '/' : `/pads/${padId}/`, kind === 'pad' ? 'pad-restored' : 'note-restored')
    }),
  )
}

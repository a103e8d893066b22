import { InvalidInputError, NotFoundError, StaleVersionError } from '../errors.ts'
import type { MemberExchange } from '../http/pages.ts'
import type { Routes } from '../http/route-options.ts'
import { noteTable, pageSize, parseOrder, parsePage } from '../notes/list-view.ts'
import { parseId } from '../notes/schemas.ts'
import { parseInput } from '../views/validation.ts'
import { padDeletionForm, padForm } from './schemas.ts'
import { noSuchPad } from './service.ts'
import { padConflictView, padDeleteView, padFormView, padPageView } from './views.ts'

/** Pages of pads. */
export const padRoutes: Routes = (app, { context, services, pages }) => {
  const { pads, notes } = services

  app.get(
    '/pads/create',
    pages.member(async (exchange) =>
      pages.framed(exchange, { title: 'New pad', content: padFormView({ action: '/pads/create/', name: '' }) }),
    ),
  )

  app.post(
    '/pads/create',
    pages.member(async (exchange) => {
      const { form, member } = exchange
      try {
        await pads.create(member.userId, parseInput(padForm, form))
        pages.redirect(exchange, '/', 'pad-created')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        await pages.framed(exchange, {
          title: 'New pad',
          hasErrors: true,
          content: padFormView({ action: '/pads/create/', name: form['name'] ?? '', errors: error.fields }),
        })
      }
    }),
  )

  app.get(
    '/pads/:id',
    pages.member(async (exchange) => {
      const { member, query } = exchange
      const id = idOf(exchange)
      await pages.framed(exchange, async (all) => {
        const pad = all.find((candidate) => candidate.id === id)
        if (pad === undefined) throw new NotFoundError(noSuchPad)
        const order = parseOrder(query.get('order'))
        const total = pad.noteCount
        const page = parsePage(query.get('page'), total)
        const list = await notes.list(member.userId, { order, page, perPage: pageSize, padId: id })
        const table =
          list.length === 0
            ? null
            : noteTable({
                notes: list,
                pads: all,
                order,
                page,
                total,
                now: context.clock.now(),
                path: `/pads/${id}/`,
                ofPad: true,
                caption: `Notes of ${pad.name}`,
              })
        return { title: `${pad.name} (${total})`, content: padPageView(pad, table), currentPadId: id }
      })
    }),
  )

  app.get(
    '/pads/:id/edit',
    pages.member(async (exchange) => {
      const pad = await pads.get(exchange.member.userId, idOf(exchange))
      await pages.framed(exchange, {
        title: pad.name,
        currentPadId: pad.id,
        content: padFormView({ action: `/pads/${pad.id}/edit/`, name: pad.name, version: pad.version }, `/pads/${pad.id}/delete/`),
      })
    }),
  )

  app.post(
    '/pads/:id/edit',
    pages.member(async (exchange) => {
      const { form, member } = exchange
      const stored = await pads.get(member.userId, idOf(exchange))
      const { id } = stored
      const action = `/pads/${id}/edit/`
      const again = { action, name: form['name'] ?? '' }
      try {
        await pads.rename(member.userId, id, parseInput(padForm, form), parseId(form['version']))
        pages.redirect(exchange, `/pads/${id}/`, 'pad-updated')
      } catch (error) {
        if (error instanceof StaleVersionError) {
          const now = await pads.get(member.userId, id)
          await pages.framed(exchange, { status: 409, title: now.name, hasErrors: true, content: padConflictView(now, again) })
        } else if (error instanceof InvalidInputError) {
          const version = parseId(form['version']) ?? stored.version
          await pages.framed(exchange, {
            title: stored.name,
            hasErrors: true,
            currentPadId: id,
            content: padFormView({ ...again, version, errors: error.fields }, `/pads/${id}/delete/`),
          })
        } else {
          throw error
        }
      }
    }),
  )

  app.get(
    '/pads/:id/delete',
    pages.member(async (exchange) => {
      const pad = await pads.get(exchange.member.userId, idOf(exchange))
      await pages.framed(exchange, { title: pad.name, currentPadId: pad.id, content: padDeleteView(pad) })
    }),
  )

  app.post(
    '/pads/:id/delete',
    pages.member(async (exchange) => {
      const choice = parseInput(padDeletionForm, exchange.form)
      const { deletionId } = await pads.delete(exchange.member.userId, idOf(exchange), choice.notes)
      pages.redirect(exchange, '/', 'pad-deleted', deletionId)
    }),
  )
}

/** The id in the path. @throws NotFoundError when it cannot be one */
function idOf({ request }: MemberExchange): number {
  const id = parseId(request.params['id'])
  if (id === undefined) throw new NotFoundError(noSuchPad)
  return id
}

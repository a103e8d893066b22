import { InvalidInputError, NotFoundError, StaleVersionError } from '../errors.ts'
import type { FormBody } from '../http/form-body.ts'
import type { MemberExchange } from '../http/pages.ts'
import type { Routes } from '../http/route-options.ts'
import { html, type Html } from '../views/html.ts'
import type { SidebarPad } from '../views/layout.ts'
import { parseInput } from '../views/validation.ts'
import { noteTable, pageSize, parseOrder, parsePage } from './list-view.ts'
import { noteForm, parseId } from './schemas.ts'
import { noSuchNote } from './service.ts'
import { noteConflictView, noteDeleteView, type NoteFormView, noteFormView, noteGoneView, noteView } from './views.ts'

/** Pages of notes. The list of all comes first, because it is asked for most. */
export const noteRoutes: Routes = (app, { context, services, pages }) => {
  const { notes } = services
  const { clock } = context

  app.get(
    '/',
    pages.member(async (exchange) => {
      const { member } = exchange
      const order = parseOrder(exchange.query.get('order'))
      const page = parsePage(exchange.query.get('page'), member.noteCount)
      const query = notes.listQuery(member.userId, { order, page, perPage: pageSize })
      await pages.framedRows(exchange, query, (pads, list) => {
        const total = member.noteCount
        return {
          title: `All notes (${total})`,
          content: allNotes(list.length === 0, () =>
            noteTable({ notes: list, pads, order, page, total, now: clock.now(), path: '/', ofPad: false, caption: 'All notes' }),
          ),
        }
      })
    }),
  )

  app.get(
    '/notes/create',
    pages.member(async (exchange) => {
      const wanted = parseId(exchange.query.get('pad'))
      await pages.framed(exchange, (pads) => ({
        title: 'New note',
        content: noteFormView({
          action: '/notes/create/',
          name: '',
          text: '',
          padId: pads.some((pad) => pad.id === wanted) ? String(wanted) : '',
          pads,
        }),
        currentPadId: wanted,
      }))
    }),
  )

  app.post(
    '/notes/create',
    pages.member(async (exchange) => {
      const { form, member } = exchange
      try {
        const { name, text, pad_id: padId } = parseInput(noteForm, form)
        const note = await notes.create(member.userId, { name, text, padId })
        pages.redirect(exchange, note.padId === null ? '/' : `/pads/${note.padId}/`, 'note-created')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        await pages.framed(exchange, (pads) => ({
          title: 'New note',
          hasErrors: true,
          content: noteFormView({ ...typed(form, pads), action: '/notes/create/', errors: error.fields }),
        }))
      }
    }),
  )

  // A preview changes nothing, but a text may be too long for an address.
  app.post(
    '/notes/preview',
    pages.member(async (exchange) => {
      await pages.framed(exchange, (pads) => ({
        title: 'New note',
        content: noteFormView({ ...typed(exchange.form, pads), action: '/notes/create/', preview: true }),
      }))
    }),
  )

  app.post(
    '/notes/:id/preview',
    pages.member(async (exchange) => {
      const note = await notes.get(exchange.member.userId, idOf(exchange))
      await pages.framed(exchange, (pads) => ({
        title: note.name,
        content: noteFormView({
          ...typed(exchange.form, pads),
          action: `/notes/${note.id}/edit/`,
          version: parseId(exchange.form['version']) ?? note.version,
          preview: true,
        }),
      }))
    }),
  )

  app.get(
    '/notes/:id',
    pages.member(async (exchange) => {
      const note = await notes.get(exchange.member.userId, idOf(exchange))
      const format = exchange.query.get('format') === 'markdown' ? 'markdown' : 'text'
      await pages.framed(exchange, (pads) => ({
        title: note.name,
        currentPadId: note.padId ?? undefined,
        content: noteView(
          note,
          pads.find((pad) => pad.id === note.padId),
          format,
        ),
      }))
    }),
  )

  app.get(
    '/notes/:id/edit',
    pages.member(async (exchange) => {
      const note = await notes.get(exchange.member.userId, idOf(exchange))
      await pages.framed(exchange, (pads) => ({
        title: note.name,
        currentPadId: note.padId ?? undefined,
        content: noteFormView({
          action: `/notes/${note.id}/edit/`,
          name: note.name,
          text: note.text,
          padId: note.padId === null ? '' : String(note.padId),
          version: note.version,
          pads,
        }),
      }))
    }),
  )

  app.post(
    '/notes/:id/edit',
    pages.member(async (exchange) => {
      const { form, member } = exchange
      const id = idOf(exchange)
      const action = `/notes/${id}/edit/`
      try {
        // First whether it is there: a stranger learns nothing from how a form fails.
        const stored = await notes.get(member.userId, id)
        const input = parseInput(noteForm, form)
        await notes.change(
          member.userId,
          id,
          { name: input.name, text: input.text, padId: 'pad_id' in form ? input.pad_id : stored.padId },
          input.version,
        )
        pages.redirect(exchange, `/notes/${id}/`, 'note-updated')
      } catch (error) {
        if (error instanceof StaleVersionError) {
          const stored = await notes.get(member.userId, id)
          await pages.framed(exchange, (pads) => ({
            status: 409,
            title: stored.name,
            hasErrors: true,
            content: noteConflictView(stored, { ...typed(form, pads), action }),
          }))
        } else if (error instanceof InvalidInputError) {
          const stored = await notes.get(member.userId, id)
          await pages.framed(exchange, (pads) => ({
            title: stored.name,
            hasErrors: true,
            content: noteFormView({
              ...typed(form, pads),
              action,
              version: parseId(form['version']) ?? stored.version,
              errors: error.fields,
            }),
          }))
        } else if (error instanceof NotFoundError) {
          // It may have been deleted while it was edited. What was typed is not lost with it.
          await pages.framed(exchange, (pads) => ({
            status: 404,
            title: 'Page not found',
            content: noteGoneView(error.message, { ...typed(form, pads), action: '/notes/create/' }),
          }))
        } else {
          throw error
        }
      }
    }),
  )

  app.get(
    '/notes/:id/delete',
    pages.member(async (exchange) => {
      const note = await notes.get(exchange.member.userId, idOf(exchange))
      await pages.framed(exchange, { title: note.name, content: noteDeleteView(note), currentPadId: note.padId ?? undefined })
    }),
  )

  app.post(
    '/notes/:id/delete',
    pages.member(async (exchange) => {
      // Deleting does not look at the version: what was changed meanwhile is kept for the undo.
      const { deletionId, padId } = await notes.delete(exchange.member.userId, idOf(exchange))
      pages.redirect(exchange, padId === null ? '/' : `/pads/${padId}/`, 'note-deleted', deletionId)
    }),
  )
}

/** The id in the path. @throws NotFoundError when it cannot be one */
function idOf({ request }: MemberExchange): number {
  const id = parseId(request.params['id'])
  if (id === undefined) throw new NotFoundError(noSuchNote)
  return id
}

function allNotes(empty: boolean, table: () => Html): Html {
  return html`${empty ? html`<p class="empty">Create your first note.</p>` : table()}<div class="actions"><a class="button" href="/notes/create/">New note</a></div>`
}

/** What was typed, to be shown again as it was. */
function typed(form: FormBody, pads: readonly SidebarPad[]): Omit<NoteFormView, 'action'> {
  return { name: form['name'] ?? '', text: form['text'] ?? '', padId: form['pad_id'] ?? '', pads }
}

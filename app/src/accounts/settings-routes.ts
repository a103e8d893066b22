import { InvalidInputError, NotFoundError } from '../errors.ts'
import type { Routes } from '../http/route-options.ts'
import { parseId } from '../notes/schemas.ts'
import { parseInput } from '../views/validation.ts'
import { changePasswordInput, deleteAccountInput } from './schemas.ts'
import { absoluteMs } from './sessions.ts'
import { deleteAccountView, settingsView } from './views.ts'

/** Account settings. */
export const settingsRoutes: Routes = (app, { context, services, pages }) => {
  const { accounts, sessions, audit } = services
  const { cookies } = pages
  const title = 'Account Settings'

  app.get(
    '/settings',
    pages.member(async (exchange) => {
      pages.plain(exchange, { title, content: settingsView({ sessions: await sessions.list(exchange.member), now: context.clock.now() }) })
    }),
  )

  app.post(
    '/settings',
    pages.member(async (exchange) => {
      const { form, member, response } = exchange
      try {
        const token = await accounts.changePassword(member, parseInput(changePasswordInput, form), exchange.origin)
        cookies.write(response, 'session', token, absoluteMs / 1000)
        pages.redirect(exchange, '/', 'password-changed')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        const content = settingsView({ errors: error.fields, sessions: await sessions.list(member), now: context.clock.now() })
        pages.plain(exchange, { title, hasErrors: true, content })
      }
    }),
  )

  app.post(
    '/settings/sign-out-everywhere',
    pages.member(async (exchange) => {
      const { member } = exchange
      await sessions.endAll(context.db, member.userId, member.sessionId)
      audit('sessions-ended', { userId: member.userId, address: exchange.origin.address })
      pages.redirect(exchange, '/settings/', 'signed-out-everywhere')
    }),
  )

  app.post(
    '/settings/sessions/:id/end',
    pages.member(async (exchange) => {
      const { member, request } = exchange
      const id = parseId(request.params['id'])
      if (id === undefined || !(await sessions.end(member.userId, id))) throw new NotFoundError('There is no such session.')
      audit('session-ended', { userId: member.userId, address: exchange.origin.address })
      pages.redirect(exchange, '/settings/', 'session-ended')
    }),
  )

  app.get(
    '/settings/delete',
    pages.member((exchange) => {
      pages.plain(exchange, { title: 'Delete account', content: deleteAccountView(exchange.member.noteCount) })
    }),
  )

  app.post(
    '/settings/delete',
    pages.member(async (exchange) => {
      const { form, member, response } = exchange
      try {
        const { password } = parseInput(deleteAccountInput, form)
        await accounts.deleteAccount(member, password, exchange.origin)
        cookies.clear(response, 'session')
        pages.redirect(exchange, '/signin/', 'account-deleted')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        pages.plain(exchange, { title: 'Delete account', hasErrors: true, content: deleteAccountView(member.noteCount, error.fields) })
      }
    }),
  )
}

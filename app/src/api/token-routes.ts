import type { Express } from 'express'
import { z } from 'zod'
import type { MemberExchange, Pages } from '../http/pages.ts'
import type { FormBody } from '../http/form-body.ts'
import type { Services } from '../http/services.ts'
import { HttpError } from '../http/http-error.ts'
import { InvalidInputError } from '../errors.ts'
import { parseId } from '../notes/schemas.ts'
import type { FieldErrors } from '../views/form.ts'
import { lineOfText, parseInput } from '../views/validation.ts'
import { lifetimes, tokensPage } from './token-page.ts'

const tokenForm = z.object({
  name: lineOfText(100),
  scope: z.enum(['read', 'read write'], { error: 'Select a valid choice.' }),
  days: z
    .enum(lifetimes.map(String) as [string, ...string[]], { error: 'Select a valid choice.' })
    .transform((days) => (days === '0' ? null : Number(days))),
})

/** The page of personal tokens in the account settings. */
export function tokenRoutes(app: Express, { services, pages }: { readonly services: Services; readonly pages: Pages }): void {
  const { tokens } = services
  const show = async (
    exchange: MemberExchange,
    more: { readonly form?: FormBody; readonly token?: string; readonly errors?: FieldErrors } = {},
  ): Promise<void> => {
    const list = await tokens.list(exchange.member.userId)
    pages.plain(exchange, tokensPage({ list, form: {}, ...more }))
  }

  app.get(
    '/settings/tokens',
    pages.member(async (exchange) => show(exchange)),
  )

  app.post(
    '/settings/tokens',
    pages.member(async (exchange) => {
      const { member, form, origin } = exchange
      try {
        const { name, scope, days } = parseInput(tokenForm, form)
        const token = await tokens.create(member.userId, { name, scopes: scope === 'read' ? ['read'] : ['read', 'write'], days }, origin)
        // Shown in the answer to the form and never again, so there is no redirect.
        await show(exchange, { token })
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        await show(exchange, { form, errors: error.fields })
      }
    }),
  )

  app.post(
    '/settings/tokens/:id/revoke',
    pages.member(async (exchange) => {
      const id = parseId(exchange.request.params['id'])
      if (id === undefined || !(await tokens.revoke(exchange.member.userId, id, exchange.origin))) {
        throw new HttpError(404, 'There is no such token. It may have been revoked already.')
      }
      pages.redirect(exchange, '/settings/tokens/', 'token-revoked')
    }),
  )
}

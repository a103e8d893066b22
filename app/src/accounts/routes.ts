import { InvalidInputError, NotFoundError } from '../errors.ts'
import { type Exchange, localPath } from '../http/pages.ts'
import type { Routes } from '../http/route-options.ts'
import { parseInput } from '../views/validation.ts'
import { forgotInput, recoverInput, signInInput, signUpInput } from './schemas.ts'
import { absoluteMs } from './sessions.ts'
import { forgotView, recoverView, signInView, signOutView, signUpView } from './views.ts'

/** Pages for those who are not signed in, and the way out. */
export const accountRoutes: Routes = (app, { context, services, pages }) => {
  const { accounts, sessions } = services
  const { cookies } = pages

  app.get(
    '/signup',
    pages.open((exchange) => {
      pages.plain(exchange, { title: 'Sign Up', content: signUpView({}) })
    }),
  )

  app.post(
    '/signup',
    pages.open(async (exchange) => {
      try {
        const { email, password } = parseInput(signUpInput, exchange.form)
        await accounts.signUp({ email, password }, exchange.origin)
        pages.redirect(exchange, '/signin/', 'signed-up')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        pages.plain(exchange, {
          title: 'Sign Up',
          hasErrors: true,
          content: signUpView({ email: exchange.form['email'], errors: error.fields }),
        })
      }
    }),
  )

  app.get(
    '/signin',
    pages.open((exchange) => {
      pages.plain(exchange, { title: 'Sign In', content: signInView({}, signInAction(exchange)) })
    }),
  )

  app.post(
    '/signin',
    pages.open(async (exchange) => {
      const { form, request, response } = exchange
      const again = { email: form['email'] }
      try {
        const token = await accounts.signIn(parseInput(signInInput, form), exchange.origin)
        if (token === undefined) {
          const alert = { kind: 'error', text: 'Wrong email or password' } as const
          pages.plain(exchange, { title: 'Sign In', hasErrors: true, alert, content: signInView(again, signInAction(exchange)) })
          return
        }
        // A new session for a new sign-in; what the browser brought along is worth nothing from here on.
        await sessions.endByToken(cookies.read(request, 'session'))
        cookies.write(response, 'session', token, absoluteMs / 1000)
        pages.redirect(exchange, localPath(exchange.query.get('next')))
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        pages.plain(exchange, {
          title: 'Sign In',
          hasErrors: true,
          content: signInView({ ...again, errors: error.fields }, signInAction(exchange)),
        })
      }
    }),
  )

  app.get(
    '/signout',
    pages.open((exchange) => {
      pages.plain(exchange, { title: 'Sign out', content: signOutView() })
    }),
  )

  app.post(
    '/signout',
    pages.open(async (exchange) => {
      const token = cookies.read(exchange.request, 'session')
      const member = await sessions.authenticate(token)
      await sessions.endByToken(token)
      if (member !== undefined) services.audit('signed-out', { userId: member.userId, address: exchange.origin.address })
      cookies.clear(exchange.response, 'session')
      pages.redirect(exchange, '/signin/')
    }),
  )

  app.get(
    '/forgot-password',
    pages.open((exchange) => {
      pages.plain(exchange, { title: 'Forgot password?', content: forgotView({}) })
    }),
  )

  app.post(
    '/forgot-password',
    pages.open(async (exchange) => {
      try {
        const { email } = parseInput(forgotInput, exchange.form)
        await accounts.askForReset(email, baseUrl(exchange), exchange.origin)
        pages.redirect(exchange, '/signin/', 'reset-sent')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        pages.plain(exchange, {
          title: 'Forgot password?',
          hasErrors: true,
          content: forgotView({ email: exchange.form['email'], errors: error.fields }),
        })
      }
    }),
  )

  // Opening the link changes nothing: mail scanners open links too. The form behind it does, once.
  app.get(
    '/recover-password/:token',
    pages.open(async (exchange) => {
      const token = tokenOf(exchange)
      if (!(await accounts.isResetValid(token))) throw goneLink()
      pages.plain(exchange, { title: 'Choose a new password', content: recoverView(`/recover-password/${token}/`) })
    }),
  )

  app.post(
    '/recover-password/:token',
    pages.open(async (exchange) => {
      const { form } = exchange
      const token = tokenOf(exchange)
      if (!(await accounts.isResetValid(token))) throw goneLink()
      try {
        const named = {
          password: form['password'] ?? form['new_password'],
          confirm_password: form['confirm_password'] ?? form['confirm_new_password'],
        }
        const { password } = parseInput(recoverInput, named)
        await accounts.reset(token, password, exchange.origin)
        cookies.clear(exchange.response, 'session')
        pages.redirect(exchange, '/signin/', 'password-changed')
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error
        pages.plain(exchange, {
          title: 'Choose a new password',
          hasErrors: true,
          content: recoverView(`/recover-password/${token}/`, error.fields),
        })
      }
    }),
  )

  /** Where the mailed link leads. Without `PUBLIC_URL` only the request can tell, which is fit for a machine of one's own. */
  function baseUrl({ request }: Exchange): string {
    return context.config.publicUrl ?? `${request.protocol}://${request.host}`
  }
}

function signInAction({ query }: Exchange): string {
  const next = localPath(query.get('next'))
  return next === '/' ? '/signin/' : `/signin/?next=${encodeURIComponent(next)}`
}

function tokenOf({ request }: Exchange): string {
  const token = request.params['token']
  return typeof token === 'string' ? token : ''
}

function goneLink(): NotFoundError {
  return new NotFoundError('This link was used already, is too old, or is not complete. Ask for a new one under "Forgot password?".')
}

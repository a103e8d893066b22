import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { AppContext } from '../context.ts'
import { databaseErrorKind } from '../db/database-errors.ts'
import { NotFoundError, StaleVersionError, ThrottledError } from '../errors.ts'
import { html } from '../views/html.ts'
import { layout, type SidebarPad } from '../views/layout.ts'
import type { Cookies } from './cookies.ts'
import type { Door } from './door.ts'
import { endAfterBody } from './end-after-body.ts'
import { HttpError } from './http-error.ts'
import { memberOf, sendHtml } from './pages.ts'
import type { Services } from './services.ts'

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  403: 'Not allowed',
  404: 'Page not found',
  405: 'Not allowed here',
  409: 'Changed meanwhile',
  413: 'Too large',
  415: 'Not understood',
  429: 'Too many attempts',
  500: 'Something went wrong',
  503: 'Not available at the moment',
}

/** Answers what no route answered. */
export const notFound: RequestHandler = () => {
  throw new HttpError(404, 'There is no such page. It may have been deleted, or the address is not complete.')
}

/** Answers everything that went wrong with a page inside the layout. What it was is in the log, never on the page. */
export function errorPage(options: {
  readonly context: AppContext
  readonly services: Services
  readonly cookies: Cookies
  readonly door: Door
}): ErrorRequestHandler {
  const { context, services, cookies, door } = options
  return (error: unknown, request, response, _next) => {
    if (response.headersSent) {
      context.log.warn({ err: error }, 'answer broke off')
      response.destroy()
      return
    }
    // An address that cannot be decoded is refused before any route.
    door.protect(response)
    const problem = toHttpError(error)
    if (problem.status >= 500 && !(error instanceof HttpError)) context.log.error({ err: error }, 'request failed')
    if (problem.retryAfterSeconds !== undefined) response.setHeader('Retry-After', problem.retryAfterSeconds)
    void send(problem, request, response)
  }

  async function send(problem: HttpError, request: Request, response: Response): Promise<void> {
    const { email, pads } = await frameOf(problem, request)
    const title = titles[problem.status] ?? 'Not understood'
    const content = html`<p>${problem.message}</p><p><a href="/">Go to all notes</a></p>`
    const document = layout({ title, content, email, pads })
    if (request.complete) sendHtml(response, problem.status, document)
    else sendEarly(problem.status, document, request, response)
  }

  /** A missing page keeps the frame of the person; when the database is in trouble nothing more is asked of it. */
  async function frameOf(
    problem: HttpError,
    request: Request,
  ): Promise<{ readonly email?: string; readonly pads?: readonly SidebarPad[] }> {
    if (problem.status >= 500) return {}
    try {
      const member = memberOf(request) ?? (await services.sessions.authenticate(cookies.read(request, 'session')))
      if (member === undefined) return {}
      return { email: member.email, pads: await services.pads.list(member.userId) }
    } catch (error) {
      context.log.warn({ err: error }, 'error page without its frame')
      return {}
    }
  }
}

/** An answer to what was not read to its end; the connection is not used again. */
function sendEarly(status: number, document: string, request: Request, response: Response): void {
  const bytes = Buffer.from(document)
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
    Connection: 'close',
  })
  endAfterBody(request, response, bytes)
}

/** What anything thrown is answered with. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof NotFoundError) return new HttpError(404, error.message, { cause: error })
  if (error instanceof StaleVersionError) return new HttpError(409, error.message, { cause: error })
  if (error instanceof ThrottledError) {
    const seconds = error.retryAfterSeconds
    return new HttpError(429, `Too many attempts. Please try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`, {
      retryAfterSeconds: seconds,
      cause: error,
    })
  }
  switch (databaseErrorKind(error)) {
    case 'unavailable':
    case 'conflict':
      return new HttpError(503, 'Notejam cannot reach its database at the moment. Nothing of yours is lost; please try again shortly.', {
        retryAfterSeconds: 5,
        cause: error,
      })
    case 'readOnly':
      return new HttpError(503, readOnlyMessage, { retryAfterSeconds: 30, cause: error })
    case 'foreignKey':
      return new HttpError(409, 'What this belongs to was deleted meanwhile, so nothing was saved.', { cause: error })
    case 'invalid':
      return new HttpError(400, 'What was sent cannot be stored.', { cause: error })
    default:
  }
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 500
  if (status >= 400 && status < 500) return new HttpError(status, 'The request could not be understood.', { cause: error })
  return new HttpError(500, 'Something went wrong on our side. It was recorded; please try again.', { cause: error })
}

/** What `READ_ONLY=true` answers a write with. */
export const readOnlyMessage = 'Notejam can only be read at the moment, so nothing was changed. Please try again later.'

import type { Request, RequestHandler, Response } from 'express'
import type { CompiledQuery } from 'kysely'
import type { Member, Origin } from '../accounts/sessions.ts'
import type { PadSummary } from '../pads/service.ts'
import { type Alert, layout, type Page } from '../views/layout.ts'
import type { Cookies } from './cookies.ts'
import type { Door } from './door.ts'
import { type FlashName, takeFlash, writeFlash } from './flash.ts'
import { type FormBody, readForm } from './form-body.ts'
import type { Services } from './services.ts'

/** One request and its answer. */
export class Exchange {
  readonly request: Request
  readonly response: Response
  /** Fields of a posted form; empty otherwise. */
  readonly form: FormBody

  constructor(request: Request, response: Response, form: FormBody) {
    this.request = request
    this.response = response
    this.form = form
  }

  /** Parameters after the question mark. */
  get query(): URLSearchParams {
    const { url } = this.request
    const at = url.indexOf('?')
    return at === -1 ? noQuery : new URLSearchParams(url.slice(at + 1))
  }

  /** Where the request came from. */
  get origin(): Origin {
    const { ip, socket, headers } = this.request
    return { address: (ip ?? socket.remoteAddress ?? '').replace(/^::ffff:/, ''), userAgent: headers['user-agent'] ?? '' }
  }
}

/** A request of someone who is signed in. */
export class MemberExchange extends Exchange {
  readonly member: Member

  constructor(request: Request, response: Response, form: FormBody, member: Member) {
    super(request, response, form)
    this.member = member
  }
}

/** What a route says about a page; the frame adds the rest. */
export type PageContent = Pick<Page, 'title' | 'content' | 'hasErrors' | 'currentPadId' | 'query'> & {
  readonly status?: number
  readonly alert?: Alert | undefined
}

/** How routes answer. */
export interface Pages {
  /** A route for everyone. */
  open(handler: (exchange: Exchange) => Promise<void> | void): RequestHandler
  /** A route for those who are signed in; others are sent to sign in and brought back. */
  member(handler: (exchange: MemberExchange) => Promise<void> | void): RequestHandler
  /** Sends a page without a left column. */
  plain(exchange: Exchange, page: PageContent): void
  /** Sends a page with the left column. */
  framed(exchange: MemberExchange, page: PageContent | ((pads: readonly PadSummary[]) => Promise<PageContent> | PageContent)): Promise<void>
  /** The same of the rows of a query, which is sent together with that of the pads. */
  framedRows<R>(
    exchange: MemberExchange,
    query: CompiledQuery<R>,
    page: (pads: readonly PadSummary[], rows: readonly R[]) => PageContent,
  ): Promise<void>
  /** 302, with a message for the next page. */
  redirect(exchange: Exchange, to: string, flash?: FlashName, deletion?: string): void
  readonly cookies: Cookies
}

const memberKey = Symbol('member')
const noQuery = new URLSearchParams()
const noForm: FormBody = Object.freeze({})

/** Who made a request, as far as it got; for the error page. */
export function memberOf(request: Request & { readonly [memberKey]?: Member }): Member | undefined {
  return request[memberKey]
}

function remember(request: Request & { [memberKey]?: Member }, member: Member): void {
  request[memberKey] = member
}

/** Builds {@link Pages}. */
export function createPages(options: {
  readonly services: Services
  readonly cookies: Cookies
  readonly door: Door
  readonly readOnly: boolean
}): Pages {
  const { services, cookies, door, readOnly } = options
  const { sessions, pads } = services

  const redirect: Pages['redirect'] = ({ response }, to, flash, deletion) => {
    if (flash !== undefined) writeFlash(cookies, response, flash, deletion)
    response.writeHead(302, { Location: to, 'Cache-Control': 'no-store', 'Content-Length': 0 })
    response.end()
  }

  const plain: Pages['plain'] = (exchange, page) => {
    const { request, response } = exchange
    const alert = page.alert ?? takeFlash(cookies, request, response)
    sendHtml(response, page.status ?? 200, layout({ ...page, email: memberOf(request)?.email, alert, readOnly }))
  }

  const frame = ({ request, response, member }: MemberExchange, list: readonly PadSummary[], content: PageContent): void => {
    const alert = content.alert ?? takeFlash(cookies, request, response)
    sendHtml(response, content.status ?? 200, layout({ ...content, email: member.email, pads: list, alert, readOnly }))
  }

  return {
    cookies,
    redirect,
    plain,

    open: (handler) => async (request, response) => {
      door.enter(request, response)
      const form = request.method === 'POST' ? await readForm(request) : noForm
      const member = await sessions.authenticate(cookies.read(request, 'session'))
      if (member !== undefined) remember(request, member)
      await handler(new Exchange(request, response, form))
    },

    member: (handler) => async (request, response) => {
      door.enter(request, response)
      const form = request.method === 'POST' ? await readForm(request) : noForm
      const member = await sessions.authenticate(cookies.read(request, 'session'))
      if (member === undefined) {
        redirect(new Exchange(request, response, form), signInUrl(request))
        return
      }
      remember(request, member)
      await handler(new MemberExchange(request, response, form, member))
    },

    async framed(exchange, page) {
      const list = await pads.list(exchange.member.userId)
      frame(exchange, list, typeof page === 'function' ? await page(list) : page)
    },

    async framedRows(exchange, query, page) {
      const [list, rows] = await pads.listBeside(exchange.member.userId, query)
      frame(exchange, list, page(list, rows))
    },
  }
}

/** Sends a document that must not be kept by anyone (OWASP ASVS 5.0, 14.3.2). */
export function sendHtml(response: Response, status: number, document: string): void {
  const bytes = Buffer.byteLength(document)
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': bytes, 'Cache-Control': 'no-store' })
  // As a string, so that head and body leave as one piece. One byte a character is ASCII, where Latin-1 says the same and is only copied.
  response.end(document, bytes === document.length ? 'latin1' : 'utf8')
}

/** A path of this site to go on to after signing in; `/` for anything else, so that nobody can be sent away. */
export function localPath(path: string | null | undefined): string {
  // oxlint-disable-next-line no-control-regex -- browsers drop these, which could turn a path into a host
  return path !== null && path !== undefined && /^\/(?![/\\])[^\u0000-\u0020\\\u007F]*$/.test(path) && path.length <= 500 ? path : '/'
}

function signInUrl(request: Request): string {
  if (request.method !== 'GET' || request.originalUrl === '/') return '/signin/'
  const next = localPath(request.originalUrl)
  return next === '/' ? '/signin/' : `/signin/?next=${encodeURIComponent(next)}`
}

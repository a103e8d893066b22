import type { Request, RequestHandler, Response } from 'express'
import type { Member, Origin } from '../accounts/sessions.ts'
import type { AppContext } from '../context.ts'
import { type Alert, layout, type Page } from '../views/layout.ts'
import type { Cookies } from './cookies.ts'
import { type FlashName, takeFlash, writeFlash } from './flash.ts'
import { type FormBody, readForm } from './form-body.ts'
import type { Services } from './services.ts'

/** One request and its answer. */
export interface Exchange {
  readonly request: Request
  readonly response: Response
  /** Fields of a posted form; empty otherwise. */
  readonly form: FormBody
  readonly query: URLSearchParams
  readonly origin: Origin
}

/** A request of someone who is signed in. */
export interface MemberExchange extends Exchange {
  readonly member: Member
}

/** What a route says about a page; the frame adds the rest. */
export type PageContent = Pick<Page, 'title' | 'content' | 'hasErrors' | 'currentPadId' | 'query'> & { readonly status?: number; readonly alert?: Alert | undefined }

/** How routes answer. */
export interface Pages {
  /** A route for everyone. */
  open(handler: (exchange: Exchange) => Promise<void> | void): RequestHandler
  /** A route for those who are signed in; others are sent to sign in and brought back. */
  member(handler: (exchange: MemberExchange) => Promise<void> | void): RequestHandler
  /** Sends a page without a left column. */
  plain(exchange: Exchange, page: PageContent): void
  /** Sends a page with the left column; `beside` is loaded at the same time as the pads. */
  framed(exchange: MemberExchange, page: PageContent | ((pads: Awaited<ReturnType<Services['pads']['list']>>) => Promise<PageContent> | PageContent)): Promise<void>
  /** 302, with a message for the next page. */
  redirect(exchange: Exchange, to: string, flash?: FlashName, deletion?: string): void
  readonly cookies: Cookies
}

const members = new WeakMap<Request, Member>()
const noQuery = new URLSearchParams()
const noForm: FormBody = Object.freeze({})

/** Who made a request, as far as it got; for the error page. */
export function memberOf(request: Request): Member | undefined {
  return members.get(request)
}

/** Builds {@link Pages}. */
export function createPages(options: { readonly context: AppContext; readonly services: Services; readonly cookies: Cookies }): Pages {
  const { services, cookies } = options
  const { sessions, pads } = services

  const begin = async (request: Request, response: Response): Promise<Exchange> => ({
    request,
    response,
    form: request.method === 'POST' ? await readForm(request) : noForm,
    query: queryOf(request.url),
    get origin() {
      return { address: (request.ip ?? request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''), userAgent: request.headers['user-agent'] ?? '' }
    },
  })

  const redirect: Pages['redirect'] = ({ response }, to, flash, deletion) => {
    if (flash !== undefined) writeFlash(cookies, response, flash, deletion)
    response.writeHead(302, { Location: to, 'Cache-Control': 'no-store', 'Content-Length': 0 })
    response.end()
  }

  const plain: Pages['plain'] = (exchange, page) => {
    const { request, response } = exchange
    const alert = page.alert ?? takeFlash(cookies, request, response)
    sendHtml(response, page.status ?? 200, layout({ ...page, email: members.get(request)?.email, alert }))
  }

  return {
    cookies,
    redirect,
    plain,

    open: (handler) => async (request, response) => {
      const exchange = await begin(request, response)
      const member = await sessions.authenticate(cookies.read(request, 'session'))
      if (member !== undefined) members.set(request, member)
      await handler(exchange)
    },

    member: (handler) => async (request, response) => {
      const exchange = await begin(request, response)
      const member = await sessions.authenticate(cookies.read(request, 'session'))
      if (member === undefined) {
        redirect(exchange, signInUrl(request))
        return
      }
      members.set(request, member)
      // `Object.create` instead of a spread: the origin stays unread until someone wants it.
      const known = Object.create(exchange, { member: { value: member, enumerable: true } }) as MemberExchange
      await handler(known)
    },

    async framed(exchange, page) {
      const { request, response, member } = exchange
      const list = await pads.list(member.userId)
      const content = typeof page === 'function' ? await page(list) : page
      const alert = content.alert ?? takeFlash(cookies, request, response)
      sendHtml(response, content.status ?? 200, layout({ ...content, email: member.email, pads: list, alert }))
    },
  }
}

/** Sends a document that must not be kept by anyone (OWASP ASVS 5.0, 14.3.2). */
export function sendHtml(response: Response, status: number, document: string): void {
  const bytes = Buffer.from(document)
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': bytes.length, 'Cache-Control': 'no-store' })
  response.end(bytes)
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

function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?')
  return at === -1 ? noQuery : new URLSearchParams(url.slice(at + 1))
}

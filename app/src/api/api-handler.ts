import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { AppContext } from '../context.ts'
import { databaseErrorKind } from '../db/database-errors.ts'
import { AppError, InvalidInputError, NotFoundError, StaleVersionError, ThrottledError } from '../errors.ts'
import { endAfterBody } from '../http/end-after-body.ts'
import { check, readQuery } from './check.ts'
import { readJson } from './json-body.ts'
import { describeApi } from './openapi.ts'
import type { ApiAnswer, ApiMethod, Operation } from './operation.ts'
import { ApiProblem } from './problem.ts'
import type { RateLimiter } from './rate-limit.ts'
import type { ApiToken, ApiTokens } from './tokens.ts'

/** What the API is built from. */
export interface ApiHandlerOptions extends Pick<AppContext, 'config' | 'log'> {
  readonly tokens: Pick<ApiTokens, 'authenticate'>
  readonly limiter: RateLimiter
  readonly operations: readonly Operation[]
  readonly version: string
}

/** Answers requests below `/api/`. */
export interface ApiHandler {
  /**
   * Answers one request, whatever it is; never rejects.
   *
   * @param path the path of the request, without its query
   * @param search the query with its `?`, or an empty string
   * @returns the pattern of the route, for metrics and the access log
   */
  handle(request: IncomingMessage, response: ServerResponse, path: string, search: string): Promise<string>
}

type ByMethod = ReadonlyMap<ApiMethod, Operation>

const base = '/api/v1'
const descriptionPath = `${base}/openapi.json`
/** Seconds that a client is told to wait while the database is away or a deployment is read-only. */
const unavailableSeconds = 5
const readOnlySeconds = 60

/** Builds the {@link ApiHandler} of a set of operations. */
export function createApiHandler(options: ApiHandlerOptions): ApiHandler {
  const { config, log } = options
  const description = JSON.stringify(describeApi(options.operations, { version: options.version, publicUrl: config.publicUrl ?? '/' }))
  const routes = compileRoutes(options.operations)

  return {
    async handle(request, response, path, search) {
      const found = find(routes, path)
      const route = found?.pattern ?? (path === descriptionPath ? descriptionPath : '/api/*')
      response.setHeader('Cache-Control', 'no-store')
      response.setHeader('X-Content-Type-Options', 'nosniff')
      try {
        if (path === descriptionPath) {
          const method = methodOf(request, ['GET'])
          response.setHeader('Cache-Control', 'public, max-age=300')
          send(response, 200, 'application/json; charset=utf-8', description, method === 'HEAD')
        } else if (found === undefined) {
          await authenticate(request, response, options)
          throw new ApiProblem('not-found', { detail: `There is nothing at this address; ${descriptionPath} lists what there is.` })
        } else {
          await runOperation(request, response, found.byMethod, found.id, search)
        }
      } catch (error) {
        sendProblem(request, response, toProblem(error), error)
      }
      return route
    },
  }

  async function runOperation(
    request: IncomingMessage,
    response: ServerResponse,
    byMethod: ByMethod,
    id: number,
    search: string,
  ): Promise<void> {
    const method = methodOf(request, [...byMethod.keys()])
    const operation = byMethod.get(method === 'HEAD' ? 'GET' : method)
    if (operation === undefined) throw new Error(`no operation for ${method}`)
    const token = await authenticate(request, response, options)
    if (!token.scopes.includes(operation.scope)) {
      throw new ApiProblem('forbidden', {
        detail: `This token may not ${operation.scope}.`,
        headers: { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${operation.scope}"` },
      })
    }
    if (operation.scope === 'write' && config.readOnly) throw readOnly()
    const query: unknown = check(operation.query, readQuery(search), 'bad-request')
    const body = await readBody(request, operation)
    if (id === -1) throw new ApiProblem('not-found')
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers
    const answer = await operation.run({ token, id, query, body, ifMatch, ifNoneMatch })
    sendAnswer(response, answer, method === 'HEAD')
  }

  function sendProblem(request: IncomingMessage, response: ServerResponse, problem: ApiProblem, cause: unknown): void {
    if (problem.kind === 'internal-error') log.error({ err: cause, method: request.method }, 'api request failed')
    else if (problem.kind === 'unavailable') log.warn({ err: cause, method: request.method }, 'api request found the database away')
    if (response.headersSent) {
      response.destroy()
      return
    }
    for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value)
    const [type, text] = ['application/problem+json; charset=utf-8', JSON.stringify(problem)]
    if (request.complete) {
      send(response, problem.status, type, text, request.method === 'HEAD')
      return
    }
    const bytes = Buffer.from(text)
    response.writeHead(problem.status, { 'Content-Type': type, 'Content-Length': bytes.length, Connection: 'close' })
    endAfterBody(request, response, bytes)
  }
}

async function authenticate(request: IncomingMessage, response: ServerResponse, options: ApiHandlerOptions): Promise<ApiToken> {
  const header = request.headers.authorization
  if (header === undefined) {
    throw new ApiProblem('unauthorized', {
      detail: 'Send Authorization: Bearer with a token from the account settings. Cookies are not looked at.',
      headers: { 'WWW-Authenticate': 'Bearer realm="notejam"' },
    })
  }
  const credentials = /^Bearer +([\w\-.~+/]+=*) *$/i.exec(header)?.[1]
  const token = credentials === undefined ? undefined : await options.tokens.authenticate(credentials)
  if (token === undefined) {
    throw new ApiProblem('unauthorized', {
      detail: 'The token is not known, was revoked, or has expired.',
      headers: { 'WWW-Authenticate': 'Bearer realm="notejam", error="invalid_token"' },
    })
  }
  const { allowed, headers } = options.limiter.take(String(token.id))
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (!allowed) throw new ApiProblem('too-many-requests', { detail: `Wait ${headers['Retry-After']} seconds.` })
  return token
}

async function readBody(request: IncomingMessage, operation: Operation): Promise<unknown> {
  const body = await readJson(request)
  if (operation.body === undefined) {
    if (body !== undefined) throw new ApiProblem('bad-request', { detail: 'This operation takes no body.' })
    return undefined
  }
  if (body === undefined) throw new ApiProblem('bad-request', { detail: 'This operation needs a body.' })
  return check<z.ZodType>(operation.body, body, 'invalid-fields')
}

/** The method, HEAD where GET is allowed. @throws ApiProblem `method-not-allowed` */
function methodOf(request: IncomingMessage, allowed: readonly ApiMethod[]): ApiMethod | 'HEAD' {
  const method = request.method ?? ''
  if ((allowed as readonly string[]).includes(method)) return method as ApiMethod
  if (method === 'HEAD' && allowed.includes('GET')) return 'HEAD'
  const names = allowed.includes('GET') ? ['HEAD', ...allowed] : allowed
  throw new ApiProblem('method-not-allowed', { headers: { Allow: [...names].toSorted().join(', ') } })
}

interface Route {
  readonly pattern: string
  readonly before: string
  /** What follows the id; undefined for a path without one. */
  readonly after: string | undefined
  readonly byMethod: Map<ApiMethod, Operation>
}

function compileRoutes(operations: readonly Operation[]): readonly Route[] {
  const routes = new Map<string, Route>()
  for (const operation of operations) {
    const [before = '', after] = `${base}${operation.path}`.split('{id}')
    const route = routes.get(operation.path) ?? { pattern: `${base}${operation.path}`, before, after, byMethod: new Map() }
    route.byMethod.set(operation.method, operation)
    routes.set(operation.path, route)
  }
  return [...routes.values()]
}

/** The route of a path; its id is -1 where it cannot be one, which is answered like an id that does not exist. */
function find(
  routes: readonly Route[],
  path: string,
): { readonly pattern: string; readonly byMethod: ByMethod; readonly id: number } | undefined {
  const plain = path.endsWith('/') ? path.slice(0, -1) : path
  for (const { pattern, before, after, byMethod } of routes) {
    if (after === undefined) {
      if (plain === before) return { pattern, byMethod, id: 0 }
    } else if (plain.startsWith(before) && plain.endsWith(after) && plain.length > before.length + after.length) {
      const text = plain.slice(before.length, plain.length - after.length)
      if (text.includes('/')) continue
      const id = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : -1
      return { pattern, byMethod, id: Number.isSafeInteger(id) ? id : -1 }
    }
  }
  return undefined
}

function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof NotFoundError) return new ApiProblem('not-found')
  if (error instanceof StaleVersionError) {
    return new ApiProblem('precondition-failed', { detail: 'Read it again and repeat the change on the newer version.' })
  }
  if (error instanceof InvalidInputError) {
    const errors = Object.entries(error.fields).flatMap(([field, messages]) => messages.map((message) => ({ field, message })))
    return new ApiProblem('invalid-fields', { errors })
  }
  if (error instanceof ThrottledError) {
    return new ApiProblem('too-many-requests', { headers: { 'Retry-After': String(error.retryAfterSeconds) } })
  }
  const kind = databaseErrorKind(error instanceof AppError ? (error.cause ?? error) : error)
  if (kind === 'readOnly') return readOnly()
  // What it refers to, or the account itself, was deleted meanwhile.
  if (kind === 'foreignKey') return new ApiProblem('not-found', { cause: error })
  if (kind === 'unavailable' || kind === 'conflict') {
    return new ApiProblem('unavailable', { headers: { 'Retry-After': String(unavailableSeconds) }, cause: error })
  }
  return new ApiProblem('internal-error', { cause: error })
}

function readOnly(): ApiProblem {
  return new ApiProblem('read-only', {
    detail: 'Reading works; try the change again later.',
    headers: { 'Retry-After': String(readOnlySeconds) },
  })
}

function sendAnswer(response: ServerResponse, answer: ApiAnswer, headOnly: boolean): void {
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  if (answer.body === undefined) {
    response.statusCode = answer.status
    response.end()
    return
  }
  send(response, answer.status, 'application/json; charset=utf-8', JSON.stringify(answer.body), headOnly)
}

function send(response: ServerResponse, status: number, type: string, text: string, headOnly: boolean): void {
  response.statusCode = status
  response.setHeader('Content-Type', type)
  response.setHeader('Content-Length', Buffer.byteLength(text))
  response.end(headOnly ? undefined : text)
}

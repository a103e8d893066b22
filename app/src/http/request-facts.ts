import type { IncomingMessage, ServerResponse } from 'node:http'

/** A part of a path as long as this may be a token (a reset link), so it is not logged. */
const secretLength = 20
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What Express hangs on a request and its response. */
interface Routed {
  readonly route?: { readonly path?: unknown }
  readonly baseUrl?: unknown
}
interface Located {
  readonly locals?: { readonly route?: unknown }
}

/** The method where it is one of HTTP's usual ones, else `other`: a label must not grow with what strangers send. */
export function methodOf({ method = '' }: IncomingMessage): string {
  return methods.has(method) ? method : 'other'
}

/** The pattern of the route (`/notes/:id`), from Express's `request.route` or from `response.locals.route` where a handler sets it. */
export function routeOf(request: IncomingMessage, response: ServerResponse): string {
  const named = (response as Located).locals?.route
  if (typeof named === 'string') {
    return named
  }
  const { route, baseUrl } = request as Routed
  return typeof route?.path === 'string' ? `${typeof baseUrl === 'string' ? baseUrl : ''}${route.path}` : 'unmatched'
}

/** The path without its query (searches are private) and without parts that may be tokens. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?')
  const path = (end === -1 ? url : url.slice(0, end)).slice(0, 200)
  return path.length < secretLength
    ? path
    : path
        .split('/')
        .map((part) => (part.length < secretLength ? part : '…'))
        .join('/')
}

import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

/** Methods that change nothing (RFC 9110, 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses a request that another site made a browser send. `Sec-Fetch-Site` decides (every browser since 2023 sends it); without it the `Origin`
 * header, which browsers have attached to cross-site posts since 2020; without both the client is no browser, so there is no session of a
 * victim to ride on. The same rules as Go's `http.CrossOriginProtection`, with `same-site` refused: a sibling host is not us.
 *
 * @param publicOrigin the origin of `PUBLIC_URL`, for proxies that rewrite `Host`
 * @throws {@link HttpError} 403
 */
export function refuseCrossSite(request: IncomingMessage, publicOrigin: string | undefined): void {
  if (safeMethods.has(request.method ?? '')) return
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none' || (origin !== undefined && origin === publicOrigin)) return
  } else {
    if (origin === undefined || origin === publicOrigin) return
    if (URL.canParse(origin) && new URL(origin).host === request.headers.host?.toLowerCase()) return
  }
  throw new HttpError(403, 'This request came from another site, so nothing was changed. Open the page here and try again.')
}

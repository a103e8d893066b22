import type { Request, RequestHandler, Response } from 'express'
import type { Audit } from '../accounts/audit.ts'
import type { Config } from '../config.ts'
import { refuseCrossSite } from './csrf.ts'
import { readOnlyMessage } from './error-page.ts'
import { HttpError } from './http-error.ts'
import { securityHeaders } from './security-headers.ts'
import { serveAsset } from './static-assets.ts'

/** What every request passes before anything else happens to it. */
export interface Door {
  /** Sets the security headers alone: for answers to what never came in. */
  protect(response: Response): void
  /**
   * Sets the security headers, and refuses what no page looks at: forged requests, NUL in an address, writes in read-only times.
   *
   * @throws HttpError 400, 403, 503
   */
  enter(request: Request, response: Response): void
  /** Comes after all routes: files, and an answer for methods that no page has. */
  readonly remaining: RequestHandler
}

const methods = new Set(['GET', 'HEAD', 'POST'])

/** Builds the {@link Door}. Pages call it themselves instead of a middleware in front: the router's way to one more layer costs as much as rendering ten rows. */
export function createDoor({ config, audit }: { readonly config: Config; readonly audit: Audit }): Door {
  const https = config.publicUrl?.startsWith('https:') ?? false
  const publicOrigin = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin
  const headers = securityHeaders({ https })
  const protect = (response: Response): void => {
    for (const [name, value] of headers) response.setHeader(name, value)
  }
  const enter = (request: Request, response: Response): void => {
    protect(response)
    if (request.url.includes('%00')) throw new HttpError(400, 'The character NUL cannot be part of an address.')
    if (request.method === 'GET' || request.method === 'HEAD') return
    try {
      refuseCrossSite(request, publicOrigin)
    } catch (error) {
      audit('cross-site-refused', { address: request.ip ?? '' })
      throw error
    }
    if (config.readOnly && !/^\/notes\/(?:\d+\/)?preview\/?$/.test(request.path))
      throw new HttpError(503, readOnlyMessage, { retryAfterSeconds: 60 })
  }
  return {
    protect,
    enter,
    remaining: (request, response, next) => {
      if (!methods.has(request.method)) {
        protect(response)
        response.setHeader('Allow', 'GET, HEAD, POST')
        throw new HttpError(405, 'Pages can be read and forms can be sent, nothing else.')
      }
      enter(request, response)
      if (request.method !== 'POST' && request.path.startsWith('/assets/')) {
        response.locals['route'] = '/assets/:file'
        if (serveAsset(request, response, request.path)) return
      }
      next()
    },
  }
}

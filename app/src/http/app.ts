import express, { type RequestHandler } from 'express'
import { accountRoutes } from '../accounts/routes.ts'
import { createApi } from '../api/api.ts'
import type { ApiHandler } from '../api/api-handler.ts'
import { tokenRoutes } from '../api/token-routes.ts'
import { settingsRoutes } from '../accounts/settings-routes.ts'
import type { AppContext } from '../context.ts'
import { exportRoutes } from '../export/routes.ts'
import { deletionRoutes } from '../notes/deletion-routes.ts'
import { noteRoutes } from '../notes/routes.ts'
import { padRoutes } from '../pads/routes.ts'
import { searchRoutes } from '../search/routes.ts'
import { version } from '../version.ts'
import { createCookies } from './cookies.ts'
import { refuseCrossSite } from './csrf.ts'
import { errorPage, notFound, readOnlyMessage } from './error-page.ts'
import { HttpError } from './http-error.ts'
import { createPages } from './pages.ts'
import { securityHeaders } from './security-headers.ts'
import { createServices, type ServiceOptions, type Services } from './services.ts'
import { serveAsset } from './static-assets.ts'

/** Options of {@link createApp}. */
export interface CreateAppOptions extends ServiceOptions {
  /** Services that were built before; made from the context otherwise. */
  readonly services?: Services
  /** Requests a minute that one API token may make; the standard unless told, 0 is off. */
  readonly apiRequestsPerMinute?: number
}

const methods = new Set(['GET', 'HEAD', 'POST'])

/**
 * The web app: every page of Notejam on one Express application without middleware that a page does not need. Log, metrics, timeouts and
 * the stop are the server's (`server.ts`).
 */
export function createApp(context: AppContext, options: CreateAppOptions = {}): express.Express {
  const { config } = context
  const https = config.publicUrl?.startsWith('https:') ?? false
  const services = options.services ?? createServices(context, options)
  const cookies = createCookies({ secure: https })
  const pages = createPages({ context, services, cookies })

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.set('query parser', false)
  app.set('trust proxy', [...config.trustedProxies])
  const api = createApi({ ...context, ...services, version, ...(options.apiRequestsPerMinute === undefined ? {} : { requestsPerMinute: options.apiRequestsPerMinute }) })
  app.use(front(context, services, https, api))
  noteRoutes(app, { context, services, pages })
  padRoutes(app, { context, services, pages })
  searchRoutes(app, { context, services, pages })
  accountRoutes(app, { context, services, pages })
  settingsRoutes(app, { context, services, pages })
  tokenRoutes(app, { services, pages })
  exportRoutes(app, { context, services, pages })
  deletionRoutes(app, { context, services, pages })
  app.use(notFound)
  app.use(errorPage({ context, services, cookies }))
  return app
}

/** What every request passes first, in one function: headers, files, and what is refused without looking further. */
function front(context: AppContext, services: Services, https: boolean, api: ApiHandler): RequestHandler {
  const { config } = context
  const headers = new Map(securityHeaders({ https }))
  const publicOrigin = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin
  return (request, response, next) => {
    response.setHeaders(headers)
    if (request.path.startsWith('/assets/') && (request.method === 'GET' || request.method === 'HEAD') && serveAsset(request, response, request.path)) return
    if (request.path.startsWith('/api/')) {
      // The API knows no cookies, so nothing that a browser adds by itself can act there.
      void api.handle(request, response, request.path, request.url.slice(request.path.length)).then((route) => {
        response.locals['route'] = route
      })
      return
    }
    if (!methods.has(request.method)) {
      response.setHeader('Allow', 'GET, HEAD, POST')
      throw new HttpError(405, 'Pages can be read and forms can be sent, nothing else.')
    }
    if (request.url.includes('%00')) throw new HttpError(400, 'The character NUL cannot be part of an address.')
    if (request.method === 'POST') {
      try {
        refuseCrossSite(request, publicOrigin)
      } catch (error) {
        services.audit('cross-site-refused', { address: request.ip ?? '' })
        throw error
      }
      if (config.readOnly && request.path !== '/notes/preview/') throw new HttpError(503, readOnlyMessage, { retryAfterSeconds: 60 })
    }
    next()
  }
}

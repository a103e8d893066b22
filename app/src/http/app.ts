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
import { allowFrom } from './allow-from.ts'
import { createCookies } from './cookies.ts'
import { createDoor } from './door.ts'
import { errorPage, notFound } from './error-page.ts'
import { createPages } from './pages.ts'
import { createServices, type ServiceOptions, type Services } from './services.ts'

/** Options of {@link createApp}. */
export interface CreateAppOptions extends ServiceOptions {
  /** Services that were built before; made from the context otherwise. */
  readonly services?: Services
  /** Requests a minute that one API token may make; the standard unless told, 0 is off. */
  readonly apiRequestsPerMinute?: number
}

/**
 * The web app: every page of Notejam on one Express application without middleware that a page does not need. Log, metrics, timeouts and
 * the stop are the server's (`server.ts`).
 */
export function createApp(context: AppContext, options: CreateAppOptions = {}): express.Express {
  const { config } = context
  const https = config.publicUrl?.startsWith('https:') ?? false
  const services = options.services ?? createServices(context, options)
  const cookies = createCookies({ secure: https })
  const door = createDoor({ config, audit: services.audit })
  const pages = createPages({ services, cookies, door, readOnly: config.readOnly })

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.set('query parser', false)
  app.set('trust proxy', [...config.trustedProxies])
  const fence = allowFrom(config.allowFrom, (response) => door.protect(response))
  if (fence !== undefined) app.use(fence)
  const api = createApi({
    ...context,
    ...services,
    version,
    ...(options.apiRequestsPerMinute === undefined ? {} : { requestsPerMinute: options.apiRequestsPerMinute }),
  })
  app.use('/api', apiRoute(api))
  noteRoutes(app, { context, services, pages })
  padRoutes(app, { context, services, pages })
  searchRoutes(app, { context, services, pages })
  accountRoutes(app, { context, services, pages })
  settingsRoutes(app, { context, services, pages })
  tokenRoutes(app, { services, pages })
  exportRoutes(app, { context, services, pages })
  deletionRoutes(app, { context, services, pages })
  app.use(door.remaining, notFound)
  app.use(errorPage({ context, services, cookies, door }))
  return app
}

/** Hands over everything below `/api`, which answers in JSON whatever happens. */
function apiRoute(api: ApiHandler): RequestHandler {
  return async (request, response) => {
    const { originalUrl } = request
    const at = originalUrl.indexOf('?')
    const path = at === -1 ? originalUrl : originalUrl.slice(0, at)
    response.locals['route'] = await api.handle(request, response, path, at === -1 ? '' : originalUrl.slice(at))
  }
}

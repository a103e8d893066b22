import type { Express } from 'express'
import type { AppContext } from '../context.ts'
import type { Pages } from './pages.ts'
import type { Services } from './services.ts'

/** What every file of routes is given. */
export interface RouteOptions {
  readonly context: AppContext
  readonly services: Services
  readonly pages: Pages
}

/** Adds routes to the app; all are on one level, so that `request.route.path` is the whole pattern. */
export type Routes = (app: Express, options: RouteOptions) => void

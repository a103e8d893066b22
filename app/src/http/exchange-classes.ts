import type { Express } from 'express'
import { IncomingMessage, ServerResponse } from 'node:http'

/** The classes that a server makes its requests and responses of. */
export interface ExchangeClasses {
  readonly IncomingMessage: typeof IncomingMessage
  readonly ServerResponse: typeof ServerResponse<IncomingMessage>
}

/**
 * Classes for the server of an Express application, whose objects have Express's methods from the start.
 *
 * Express gives each request and response another prototype, after which V8 treats them as objects of unknown shape, in Node's own code as well.
 * Here the prototype that Express sets is the one that is there already, so nothing changes. Call it once for an application; with Node's own classes it works as before.
 */
export function exchangeClasses(app: Express): ExchangeClasses {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {
    /** Made by Express otherwise, without a prototype, which is the slow kind of object. */
    readonly locals: Record<string, unknown> = {}
  }
  Object.setPrototypeOf(AppRequest.prototype, app.request)
  Object.setPrototypeOf(AppResponse.prototype, app.response)
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype })
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse }
}

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const header = 'x-request-id'
/** What a proxy may name a request: short, and harmless in a log. */
const acceptable = /^[\w.:-]{8,64}$/

/** The id of a request: its proxy's if that is fit for a log, else a new one. It stands in the request's headers afterwards. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers[header]
  const id = typeof given === 'string' && acceptable.test(given) ? given : randomBytes(12).toString('base64url')
  request.headers[header] = id
  return id
}

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const header = 'x-request-id'
/** What a proxy may name a request: short, and harmless in a log. */
const acceptable = /^[\w.:-]{8,64}$/

/** The id of a request: its proxy's if that is fit for a log, else a new one. It stands in the request's headers afterwards. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers[header]
  const id = typeof given === 'string' && acceptable.test(given) ? given : newId()
  request.headers[header] = id
  return id
}

const idBytes = 12
let pool = Buffer.alloc(0)
let used = 0

/** Random bytes are fetched for 256 ids at a time: a call for each would take longer than a query. */
function newId(): string {
  if (used === pool.length) {
    pool = randomBytes(idBytes * 256)
    used = 0
  }
  used += idBytes
  return pool.toString('base64url', used - idBytes, used)
}

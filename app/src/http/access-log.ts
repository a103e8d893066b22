import type { RequestListener } from 'node:http'
import { symbols, type DestinationStream, type Logger } from 'pino'
import type { Metrics } from '../telemetry/metrics.ts'
import { isoTime } from '../views/time.ts'
import { methodOf, pathOf, routeOf } from './request-facts.ts'
import { requestId } from './request-id.ts'

/** Labels of routes that are kept apart; what comes after is one, so that nothing that a stranger sends can grow the metrics. */
const maxRoutes = 100

/** What Express hangs on a request. */
interface Addressed {
  readonly ip?: unknown
}

/** Options of {@link withAccessLog}. */
export interface AccessLogOptions {
  readonly log: Logger
  readonly metrics: Metrics
  /** While it is true every answer asks for the end of its connection. */
  readonly isDraining: () => boolean
}

/**
 * Wraps the app: each request gets an id, is measured, and leaves one line in the log when its answer ended.
 *
 * The route is the pattern (`/notes/:id`), from Express's `request.route` or from `response.locals.route` where a handler sets it.
 */
export function withAccessLog(handler: RequestListener, { log, metrics, isDraining }: AccessLogOptions): RequestListener {
  const write = lineWriter(log)
  const known = new Set<string>()
  const label = (route: string) => {
    if (known.size < maxRoutes) {
      known.add(route)
    }
    return known.has(route) ? route : 'other'
  }
  return (request, response) => {
    const started = performance.now()
    const id = requestId(request)
    response.setHeader('X-Request-Id', id)
    if (isDraining()) {
      response.setHeader('Connection', 'close')
    }
    metrics.requestsInFlight.inc()
    // The path is taken now: Express changes `url` while it routes.
    const path = pathOf(request)
    let address = request.socket.remoteAddress
    response.once('close', () => {
      const seconds = (performance.now() - started) / 1000
      const route = label(routeOf(request, response))
      const method = methodOf(request)
      const status = response.writableFinished ? response.statusCode : 499
      metrics.requestsInFlight.dec()
      metrics.requests.inc({ route, method, status })
      metrics.requestSeconds.observe({ route }, seconds)
      write?.({ requestId: id, method, path, route, status, durationMs: Math.round(seconds * 1e5) / 100, address })
    })
    handler(request, response)
    // Express knows the address by now; at the end the socket may be gone, and asking then would end the process.
    const { ip } = request as Addressed
    if (typeof ip === 'string') address = ip
  }
}

interface AccessLine {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly route: string
  readonly status: number
  readonly durationMs: number
  readonly address: string | undefined
}

/**
 * Writes the line that `log.info(line, 'request')` would, put together in one piece: the logger's own way field by field makes a sixth of a page's
 * garbage (measured). Undefined when the level says that there is none.
 */
function lineWriter(log: Logger): ((line: AccessLine) => void) | undefined {
  if (!log.isLevelEnabled('info')) return undefined
  const stream = (log as unknown as Readonly<Record<symbol, DestinationStream>>)[symbols.streamSym]
  return ({ requestId: id, method, path, route, status, durationMs, address }) => {
    const time = isoTime(Date.now())
    const from = address === undefined ? '' : `,"address":${JSON.stringify(address)}`
    const where = `"path":${JSON.stringify(path)},"route":${JSON.stringify(route)}`
    stream?.write(
      `{"level":"info","time":"${time}","requestId":"${id}","method":"${method}",${where},"status":${status},"durationMs":${durationMs}${from},"message":"request"}\n`,
    )
  }
}

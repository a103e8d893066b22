import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { AppError, messageOf } from '../errors.ts'
import type { ExchangeClasses } from './exchange-classes.ts'

/** Longer than a proxy keeps an idle connection (Traefik: 90 s), so that it never sends a request into one that we are closing. */
const keepAliveMs = 95_000
/** Milliseconds for the head of a request; above the keep-alive time, so that the first request after a long pause is not cut. */
const headersMs = keepAliveMs + 5000
/** Milliseconds for a whole request, body included; Node wants it no shorter than the head's. */
const requestMs = headersMs

const answers: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** A server with the limits that stand in front of the app; `classes` are Node's own unless told. */
export function createHttpServer(handler: RequestListener, classes?: ExchangeClasses): Server {
  const server = createServer(
    {
      ...classes,
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: 5000,
      maxHeaderSize: 16_384,
    },
    handler,
  )
  // 1,000 header lines are refused by size long before; this keeps the parser from dropping lines silently.
  server.maxHeadersCount = 1000
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    refuse(socket as Socket, answers[error.code ?? ''] ?? '400 Bad Request')
  })
  return server
}

/** Answers what is no HTTP: no route and no layout is there yet. */
function refuse(socket: Socket, status: string): void {
  if (socket.writable) {
    const body = `${status}\n`
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
  } else {
    socket.destroy()
  }
}

/**
 * Listens on all interfaces.
 *
 * @returns the port, which the system chose when 0 was wanted
 * @throws {@link AppError} `PortInUse` or `CannotListen`
 */
export async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, resolve)
  try {
    await promise
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw new AppError(
      inUse
        ? `port ${port} is in use by another process; set PORT or OPS_PORT to a free one`
        : `cannot listen on port ${port}: ${messageOf(error)}`,
      {
        code: inUse ? 'PortInUse' : 'CannotListen',
        cause: error,
      },
    )
  } finally {
    server.off('error', reject)
  }
  return (server.address() as AddressInfo).port
}

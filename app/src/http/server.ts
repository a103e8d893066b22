import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { AppError, messageOf } from '../errors.ts'
import { html } from '../views/html.ts'
import { layout } from '../views/layout.ts'
import { hadLastAnswer } from './end-after-body.ts'
import { securityHeaders } from './security-headers.ts'
import type { ExchangeClasses } from './exchange-classes.ts'

/** Longer than a proxy keeps an idle connection (Traefik: 90 s), so that it never sends a request into one that we are closing. */
const keepAliveMs = 95_000
/** Milliseconds for the head of a request; above the keep-alive time, so that the first request after a long pause is not cut. */
const headersMs = keepAliveMs + 5000
/** Milliseconds for a whole request, body included; Node wants it no shorter than the head's. */
const requestMs = headersMs

interface Refusal {
  readonly status: string
  readonly title: string
  readonly message: string
}

const badRequest: Refusal = { status: '400 Bad Request', title: 'Bad request', message: 'The request could not be understood.' }
const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    title: 'Too large',
    message: 'The address, the cookies or other headers of the request are too long.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', title: 'Too slow', message: 'The request did not arrive in time.' },
}

/** A server with the limits that stand in front of the app; `classes` are Node's own unless told. */
export function createHttpServer(handler: RequestListener, classes?: ExchangeClasses): Server {
  const server = createServer(
    {
      ...classes,
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16_384,
    },
    handler,
  )
  // 1,000 header lines are refused by size long before; this keeps the parser from dropping lines silently.
  server.maxHeadersCount = 1000
  // What a request expects beyond `100-continue` may be passed over (RFC 9110, 10.1.1); Node would answer with nothing but 417.
  server.on('checkExpectation', handler)
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (hadLastAnswer(socket)) socket.end()
    else refuse(socket as Socket, refusals[error.code ?? ''] ?? badRequest)
  })
  return server
}

/** What Node keeps with a socket while a request of it is being answered; its own handler looks there, too. */
interface Answering extends Socket {
  readonly _httpMessage?: { readonly headersSent: boolean } | null
}

/** Answers what is no HTTP, and ends the connection: no route was reached, so whether a person or a program asks is not known. */
function refuse(socket: Socket, { status, title, message }: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  // The answer is out already, to a request whose body broke off: a second one would be taken for that of the next request.
  if ((socket as Answering)._httpMessage?.headersSent === true) {
    socket.end()
    return
  }
  const body = layout({ title, content: html`<p>${message}</p>` })
  const headers = [
    ...securityHeaders({ https: false }),
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Cache-Control', 'no-store'],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['Connection', 'close'],
  ]
  socket.end(`HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
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

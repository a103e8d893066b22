import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that a {@link LocalServer} got. */
export interface ReceivedRequest {
  readonly method: string
  /** With query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Answers one request; the number counts from 0. */
export type Respond = (request: ReceivedRequest, response: ServerResponse, number: number) => void

/** For tests: an HTTP server on loopback that keeps what it was asked. */
export class LocalServer implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = []
  /** Most requests that were open at once. */
  mostAtOnce = 0
  /** Connections that clients ended before they were answered. */
  aborted = 0
  readonly #server = createServer()
  #open = 0

  private constructor(respond: Respond) {
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#open += 1
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#open)
      response.once('close', () => {
        this.#open -= 1
        if (!response.writableFinished) this.aborted += 1
      })
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        const received = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
        this.requests.push(received)
        respond(received, response, this.requests.length - 1)
      })
    })
  }

  static async start(respond: Respond): Promise<LocalServer> {
    const server = new LocalServer(respond)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Answers with JSON. */
export function respondJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** Answers with a `metav1.Status` of a failure. */
export function respondStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  respondJson(
    response,
    code,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `test says ${reason}` },
    headers,
  )
}

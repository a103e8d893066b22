import { createServer, request as sendRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What is done with one request instead of letting it through. */
export type StoreFault =
  /** The server never sees it; this is the answer. */
  | { readonly type: 'answer'; readonly status: number; readonly code: string; readonly message?: string }
  /** The connection ends after so many bytes of the request's body. */
  | { readonly type: 'cutRequest'; readonly bytes: number }
  /** The connection ends after this share of the answer's body. */
  | { readonly type: 'cutAnswer'; readonly share: number }
  /** The server does it, and its answer is lost. */
  | { readonly type: 'loseAnswer' }
  /** The request's body goes on only so fast. */
  | { readonly type: 'slow'; readonly bytesPerSecond: number }
  /** Nobody answers. */
  | { readonly type: 'hang' }
  /** The answer's body with one text put in place of another. */
  | { readonly type: 'rewrite'; readonly from: RegExp; readonly to: string }

/** A request as a plan sees it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** A plan may change them; they are passed on. */
  readonly headers: IncomingMessage['headers']
}

/** An HTTP proxy before an S3 server that makes faults. */
export interface FaultyStore extends AsyncDisposable {
  readonly endpoint: string
  readonly requests: readonly SeenRequest[]
  /** Decides for each request; undefined lets it through. */
  plan: (request: SeenRequest) => StoreFault | undefined
}

/** Puts a proxy before the server on this port. Signatures stay valid: the host name that was signed is passed on. */
export async function createFaultyStore(port: number): Promise<FaultyStore> {
  const requests: SeenRequest[] = []
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', 'http://proxy')
    const seen = { method: incoming.method ?? '', path: url.pathname, query: url.searchParams, headers: incoming.headers }
    requests.push(seen)
    void handle({ incoming, outgoing, port, fault: proxy.plan(seen) }).catch(() => outgoing.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const proxy: FaultyStore = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    plan: () => undefined,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve)
      })
      server.closeAllConnections()
      await closed
    },
  }
  return proxy
}

interface Handling {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly port: number
  readonly fault: StoreFault | undefined
}

async function handle({ incoming, outgoing, port, fault }: Handling): Promise<void> {
  if (fault?.type === 'hang') {
    incoming.resume()
    return
  }
  if (fault?.type === 'answer') {
    await text(incoming)
    outgoing.writeHead(fault.status, { 'content-type': 'application/xml' })
    outgoing.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>${fault.message ?? fault.code}</Message></Error>`)
    return
  }
  const onward = sendRequest({
    host: '127.0.0.1',
    port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
    agent: false,
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    onward.once('response', resolve).once('error', reject)
  })
  if (fault?.type === 'cutRequest') {
    answered.catch(() => undefined)
    let left = fault.bytes
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      onward.write(chunk.subarray(0, left))
      left -= chunk.byteLength
      if (left <= 0) break
    }
    onward.destroy()
    outgoing.destroy()
    return
  }
  if (fault?.type === 'slow') void passSlowly(incoming, onward, fault.bytesPerSecond).catch(() => onward.destroy())
  else incoming.pipe(onward)
  const answer = await answered
  const body = Buffer.concat((await answer.toArray()) as Buffer[])
  if (fault?.type === 'loseAnswer') {
    outgoing.destroy()
    return
  }
  if (fault?.type === 'rewrite') {
    const changed = Buffer.from(body.toString().replace(fault.from, fault.to))
    outgoing.writeHead(answer.statusCode ?? 500, { ...answer.headers, 'content-length': changed.byteLength })
    outgoing.end(changed)
    return
  }
  outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
  if (fault?.type === 'cutAnswer') {
    outgoing.write(body.subarray(0, Math.floor(body.byteLength * fault.share)), () => outgoing.destroy())
    return
  }
  outgoing.end(body)
}

async function passSlowly(incoming: IncomingMessage, onward: ClientRequest, bytesPerSecond: number): Promise<void> {
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    onward.write(chunk)
    await sleep((chunk.byteLength / bytesPerSecond) * 1000)
  }
  onward.end()
}

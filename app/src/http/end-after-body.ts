import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Milliseconds that a refused body is read on; enough for what a person would send by mistake. */
const lingerMs = 10_000
/** Milliseconds without a byte after which nothing more is awaited. */
const idleMs = 1000
/** Bytes that are read on at most. */
const lingerBytes = 128 * 1024 * 1024

const answered = new WeakSet<Duplex>()

/** Whether a connection had the last answer that it gets: what goes wrong on it from then on is nobody's business. */
export function hadLastAnswer(socket: Duplex): boolean {
  return answered.has(socket)
}

/**
 * Sends the rest of an answer that came before the end of its request's body, and closes the connection only when the client has sent what it was
 * sending, or too much of it. Closing at once would throw the answer away before most clients read it (RFC 9112, 9.6).
 *
 * Set `Content-Length` and `Connection: close` before.
 */
export function endAfterBody(request: IncomingMessage, response: ServerResponse, bytes: string | Uint8Array): void {
  if (request.complete || request.destroyed) {
    response.end(bytes)
    return
  }
  let left = lingerBytes
  const started = performance.now()
  const end = (): void => {
    clearTimeout(timer)
    request.off('data', count)
    response.end()
  }
  const count = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0 || performance.now() - started > lingerMs) end()
    else timer.refresh()
  }
  const timer = setTimeout(end, idleMs)
  request.on('data', count)
  request.once('end', end)
  request.once('close', end)
  answered.add(request.socket)
  response.write(bytes)
  request.resume()
}

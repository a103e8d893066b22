import type { IncomingMessage } from 'node:http'

/** What {@link readBody} fails with. */
export interface BodyErrors {
  readonly tooLarge: () => Error
  readonly brokenOff: (cause?: unknown) => Error
}

/**
 * Reads a body to its end, or to its limit: what comes after that is left unread, and the request is still good for an answer.
 *
 * @param maxBytes as they arrive, whatever was announced
 */
export async function readBody(request: IncomingMessage, maxBytes: number, errors: BodyErrors): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        request.removeAllListeners('data')
        request.pause()
        reject(errors.tooLarge())
      } else {
        chunks.push(chunk)
      }
    })
    request.on('end', () => {
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
    })
    request.on('error', (cause) => {
      reject(errors.brokenOff(cause))
    })
    request.on('close', () => {
      if (!request.complete) reject(errors.brokenOff())
    })
  })
}

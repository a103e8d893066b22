import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { ClusterError } from './errors.ts'

const SERVICE = '/runtime.v1.RuntimeService'

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** A message whose first field is a string (protobuf wire type 2). */
function messageWithString(text: string): Buffer {
  const data = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x0a]), varint(data.length), data])
}

/** Contents of all length-delimited fields of a message with this number; others are passed over. */
export function fieldsOf(message: Buffer, number: number): readonly Buffer[] {
  const found: Buffer[] = []
  let offset = 0
  const next = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[offset++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (offset < message.length) {
    const key = next()
    const wireType = key & 7
    if (wireType === 0) next()
    else if (wireType === 2) {
      const size = next()
      if (key >>> 3 === number) found.push(message.subarray(offset, offset + size))
      offset += size
    } else offset += wireType === 1 ? 8 : 4
  }
  return found
}

/** One unary gRPC call over a socket: a five-byte frame over HTTP/2, status in the trailers (gRPC over HTTP2, PROTOCOL-HTTP2.md). */
async function call(socket: string, method: string, message: Buffer, timeoutMs: number): Promise<Buffer> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
  try {
    return await new Promise((resolve, reject) => {
      session.once('error', reject)
      const stream = session.request({
        ':method': 'POST',
        ':path': `${SERVICE}/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const chunks: Buffer[] = []
      let status = ''
      const note = (headers: IncomingHttpHeaders): void => {
        if (headers['grpc-status'] !== undefined) status = [headers['grpc-status'], headers['grpc-message']].flat().join(' ').trim()
      }
      stream.setTimeout(timeoutMs, () =>
        stream.destroy(new ClusterError('Timeout', `${method} on ${socket} did not answer within ${timeoutMs / 1000} s`)),
      )
      stream.on('response', note)
      stream.on('trailers', note)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('error', reject)
      stream.once('end', () => {
        if (status === '0') resolve(Buffer.concat(chunks).subarray(5))
        else reject(new ClusterError('CommandFailed', `${method} on ${socket}: gRPC status ${status}`))
      })
      const frame = Buffer.alloc(5)
      frame.writeUInt32BE(message.length, 1)
      stream.end(Buffer.concat([frame, message]))
    })
  } finally {
    session.destroy()
  }
}

/** Ids of all pod sandboxes that a container runtime has. */
export async function listPodSandboxes(socket: string, timeoutMs = 3000): Promise<readonly string[]> {
  const answer = await call(socket, 'ListPodSandbox', Buffer.alloc(0), timeoutMs)
  return fieldsOf(answer, 1).flatMap((sandbox) => fieldsOf(sandbox, 1).map((id) => id.toString()))
}

/**
 * Stops and removes all pods of a container runtime through its CRI, so that it calls CNI's DEL for each, which frees addresses and
 * namespaces. Best effort: a runtime that does not answer is dealt with by the one who ends its processes. Gives the number removed.
 */
export async function removePods(socket: string, timeoutMs = 4000): Promise<number> {
  const ids = await listPodSandboxes(socket)
  const removed = await Promise.allSettled(
    ids.map(async (id) => {
      await call(socket, 'StopPodSandbox', messageWithString(id), timeoutMs)
      await call(socket, 'RemovePodSandbox', messageWithString(id), timeoutMs)
    }),
  )
  return removed.filter(({ status }) => status === 'fulfilled').length
}

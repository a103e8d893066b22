import { connect, type Socket } from 'node:net'

/** What a closed loop does: `connections` clients, each sending its next request when the answer to the last one is there. */
export interface LoadOptions {
  readonly port: number
  readonly connections: number
  /** Seconds that are measured. */
  readonly seconds: number
  /** Path and headers of every request; a function gives each request its own path. */
  readonly path: string | ((index: number) => string)
  readonly headers?: Readonly<Record<string, string>>
  /** Stops after so many requests, if that is earlier. */
  readonly maxRequests?: number
  /** Status that counts as success; default 200. */
  readonly status?: number
}

/** What a closed loop measured. */
export interface LoadResult {
  readonly requests: number
  /** Answers with another status, and connections that broke. */
  readonly failures: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Bytes of the last answer, head and body. */
  readonly bytes: number
}

const headEnd = Buffer.from('\r\n\r\n')

/**
 * Measures a server with keep-alive connections over plain sockets. An own client costs a tenth of `node:http`'s, so that on a machine with
 * two cores the server is what is measured.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = []
  const state = { failures: 0, bytes: 0, index: 0 }
  const started = performance.now()
  const deadline = started + options.seconds * 1000
  const next = (): string | undefined => {
    if (performance.now() >= deadline || state.index >= (options.maxRequests ?? Number.POSITIVE_INFINITY)) return undefined
    state.index += 1
    return requestText(options, state.index - 1)
  }
  const record = (ms: number, ok: boolean, bytes: number): void => {
    latencies.push(ms)
    if (!ok) state.failures += 1
    state.bytes = bytes
  }
  await Promise.all(Array.from({ length: options.connections }, async () => runConnection(options, next, record)))
  const seconds = (performance.now() - started) / 1000
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    requests: sorted.length,
    failures: state.failures,
    requestsPerSecond: sorted.length / seconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
    bytes: state.bytes,
  }
}

/** Nearest rank. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

function requestText(options: LoadOptions, index: number): string {
  const path = typeof options.path === 'string' ? options.path : options.path(index)
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\n${headers.join('')}\r\n`
}

type Record_ = (ms: number, ok: boolean, bytes: number) => void

async function runConnection(options: LoadOptions, next: () => string | undefined, record: Record_): Promise<void> {
  const expected = `HTTP/1.1 ${options.status ?? 200} `
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
    let received: Buffer = Buffer.alloc(0)
    let wanted = -1
    let sentAt = 0
    const send = (): void => {
      const text = next()
      if (text === undefined) {
        socket.end()
        resolve()
        return
      }
      received = Buffer.alloc(0)
      wanted = -1
      sentAt = performance.now()
      socket.write(text)
    }
    socket.on('connect', send)
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      if (wanted === -1) wanted = lengthOf(received)
      if (wanted === -1 || received.length < wanted) return
      record(performance.now() - sentAt, received.subarray(0, expected.length).toString('latin1') === expected, received.length)
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

/** Bytes of head and body together; -1 while the head is not whole. */
function lengthOf(received: Buffer): number {
  const end = received.indexOf(headEnd)
  if (end === -1) return -1
  const head = received.subarray(0, end).toString('latin1')
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without Content-Length cannot be measured:\n${head}`)
  return end + headEnd.length + Number(length)
}

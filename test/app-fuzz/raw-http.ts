import { connect } from 'node:net'

/** An answer as it came over the wire; several where a connection was used for more than one request. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case, in order; a name may occur more than once. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** What became of one connection. */
export interface RawExchange {
  readonly answers: readonly RawAnswer[]
  /** `closed` by the server, `reset` while something was under way, or `silent` until the time was over. */
  readonly end: 'closed' | 'reset' | 'silent'
}

/** Bytes that are written one after the other; the connection's sending half is closed after the last if `halfClose` says so. */
export interface RawRequest {
  readonly parts: readonly Buffer[]
  readonly halfClose?: boolean
  /** Answers to HEAD have lengths but no bodies. */
  readonly head?: boolean
}

/** Sends bytes as they are, and reads until the server closes. No client library is between: they repair what is to be tried. */
export async function sendRaw(port: number, request: RawRequest, timeoutMs = 10_000): Promise<RawExchange> {
  const chunks: Buffer[] = []
  const end = await new Promise<RawExchange['end']>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let silent = false
    socket.setTimeout(timeoutMs, () => {
      silent = true
      socket.destroy()
    })
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    let reset = false
    // The server may close while we still send.
    socket.on('error', () => {
      reset = true
    })
    socket.on('close', () => {
      if (silent) resolve('silent')
      else resolve(reset ? 'reset' : 'closed')
    })
    for (const part of request.parts) socket.write(part)
    if (request.halfClose === true) socket.end()
  })
  return { answers: parseAnswers(Buffer.concat(chunks), request.head === true), end }
}

function parseAnswers(bytes: Buffer, head: boolean): readonly RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = bytes
  for (;;) {
    const split = rest.indexOf('\r\n\r\n')
    if (split === -1) return answers
    const [first = '', ...lines] = rest.subarray(0, split).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(first)?.[1])
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
    rest = rest.subarray(split + 4)
    if (status === 100) continue
    const value = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1]
    let body: Buffer = Buffer.alloc(0)
    if (!head && status !== 204 && status !== 304) {
      if (value('transfer-encoding') === 'chunked') [body, rest] = dechunk(rest)
      else {
        const length = Number(value('content-length') ?? rest.length)
        body = rest.subarray(0, length)
        rest = rest.subarray(length)
      }
    }
    answers.push({ status, headers, body })
  }
}

function dechunk(bytes: Buffer): [body: Buffer, rest: Buffer] {
  const parts: Buffer[] = []
  let rest = bytes
  for (;;) {
    const line = rest.indexOf('\r\n')
    if (line === -1) return [Buffer.concat(parts), Buffer.alloc(0)]
    const size = Number.parseInt(rest.subarray(0, line).toString('latin1'), 16)
    const from = line + 2
    if (!(size > 0)) return [Buffer.concat(parts), rest.subarray(from + 2)]
    parts.push(rest.subarray(from, from + size))
    rest = rest.subarray(from + size + 2)
  }
}

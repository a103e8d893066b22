import { setImmediate } from 'node:timers/promises'

/** Options of {@link parseJsonLines}. */
export interface JsonLinesOptions {
  /** Milliseconds of parsing after which other work gets its turn. Default 10. */
  readonly yieldEveryMs?: number
  /** A line longer than this is refused, so that a broken sender cannot fill the memory. Default 64 MiB; the API server's own limit per object is about 3 MiB. */
  readonly maxLineBytes?: number
}

const newline = 0x0a

/** Why a stream of JSON lines could not be read on. */
export class JsonLinesError extends Error {
  /** `Truncated`: the stream ended inside a line; `Syntax`: a line is no JSON; `TooLong`: see {@link JsonLinesOptions.maxLineBytes}. */
  readonly problem: 'Truncated' | 'Syntax' | 'TooLong'

  constructor(problem: 'Truncated' | 'Syntax' | 'TooLong', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JsonLinesError'
    this.problem = problem
  }
}

/**
 * Parses newline-delimited JSON as it arrives. The next chunk is asked for only when all values of the last one were consumed: a slow consumer
 * slows the sender down instead of filling the memory. Lines may be cut anywhere, inside a UTF-8 sequence too.
 *
 * @throws {@link JsonLinesError}, and what the source throws
 */
export async function* parseJsonLines(
  source: AsyncIterable<Uint8Array>,
  options: JsonLinesOptions = {},
): AsyncGenerator<unknown, void, undefined> {
  const { yieldEveryMs = 10, maxLineBytes = 64 * 2 ** 20 } = options
  let pieces: Buffer[] = []
  let length = 0
  let turnStarted = performance.now()
  for await (const data of source) {
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end))
      const line = pieces.length === 1 ? chunk.toString('utf8', start, end) : Buffer.concat(pieces).toString('utf8')
      pieces = []
      length = 0
      start = end + 1
      if (line.trim() !== '') yield parseLine(line)
      if (performance.now() - turnStarted >= yieldEveryMs) {
        await setImmediate()
        turnStarted = performance.now()
      }
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start))
      length += chunk.length - start
      if (length > maxLineBytes) throw new JsonLinesError('TooLong', `a line is longer than ${maxLineBytes} bytes`)
    }
  }
  const rest = Buffer.concat(pieces).toString('utf8').trim()
  if (rest !== '') throw new JsonLinesError('Truncated', `the stream ended inside a line, after ${rest.length} characters of it`)
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new JsonLinesError('Syntax', `a line is no JSON: ${line.slice(0, 80)}`, { cause: error })
  }
}

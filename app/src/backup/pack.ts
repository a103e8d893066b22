import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { gather } from '../archive/stores/gather.ts'
import { startPipe, type Tool } from './child.ts'
import { tidily } from './collect-young.ts'

/** Of the data before compression and encryption. */
export interface ContentFacts {
  readonly sizeBytes: number
  readonly sha256: string
}

/** Options of {@link pack}. */
export interface PackOptions {
  /** A file with one recipient a line; undefined: not encrypted. */
  readonly recipientsFile: string | undefined
  readonly signal: AbortSignal
  /** Told at the end. */
  readonly onContent: (facts: ContentFacts) => void
}

/** Options of {@link unpack}. */
export interface UnpackOptions {
  /** A file with private keys; undefined: it is not encrypted. */
  readonly identityFile: string | undefined
  readonly signal: AbortSignal
}

type Bytes = AsyncIterable<Uint8Array>

/** zstd's own default: its next levels cost more processor time than `age` and the dump together. */
const compress = ['-3', '--check']
/** What passes at a time: each block is a turn of our thread, which also reads, hashes and adds up rows. */
const blockBytes = 256 * 1024

/**
 * Compresses and encrypts in constant memory.
 *
 * Ends well only when the source ended well, every byte went through, and `zstd` and `age` ended well: a dump that was cut off never looks whole.
 */
export async function* pack(source: Bytes, { recipientsFile, signal, onContent }: PackOptions): AsyncGenerator<Uint8Array> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const hash = createHash('sha256')
  let sizeBytes = 0
  const watched = watch(gather(source, blockBytes), (block) => {
    hash.update(block)
    sizeBytes += block.byteLength
  })
  const zstd = { command: 'zstd', args: ['--quiet', ...compress, '--stdout'], signal: either }
  const tool =
    recipientsFile === undefined
      ? startPipe([zstd])
      : startPipe([zstd, { command: 'age', args: ['--encrypt', '--recipients-file', recipientsFile], signal: either }])
  const feeding = feed(watched, tool, either)
  try {
    yield* tool.stdout as Bytes
    await endOf({ source: watched, feeding, tool, signal })
    onContent({ sizeBytes, sha256: hash.digest('hex') })
  } catch (error) {
    // What ended the stream is told best by whoever failed first.
    await endOf({ source: watched, feeding, tool, signal })
    throw error
  } finally {
    over.abort()
  }
}

/** Decrypts and decompresses in constant memory; ends well only when the archive was whole. */
export async function* unpack(source: Bytes, { identityFile, signal }: UnpackOptions): AsyncGenerator<Uint8Array> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const watched = watch(source)
  const zstd = { command: 'zstd', args: ['--quiet', '--decompress', '--stdout'], signal: either }
  const tool =
    identityFile === undefined
      ? startPipe([zstd])
      : startPipe([{ command: 'age', args: ['--decrypt', '--identity', identityFile], signal: either }, zstd])
  const feeding = feed(watched, tool, either)
  try {
    yield* tidily(tool.stdout as Bytes)
    await endOf({ source: watched, feeding, tool, signal })
  } catch (error) {
    await endOf({ source: watched, feeding, tool, signal })
    throw error
  } finally {
    over.abort()
  }
}

function feed(source: Watched, tool: Tool, signal: AbortSignal): Promise<void> {
  const feeding = pipeline([source.bytes, tool.stdin], { signal })
  feeding.catch(() => undefined)
  return feeding
}

interface Watched {
  readonly bytes: Bytes
  /** What the source threw by itself. */
  failure(): { readonly error: unknown } | undefined
}

/** Shows what passes a stream, and remembers how it failed. */
function watch(source: Bytes, onChunk: (chunk: Uint8Array) => void = () => undefined): Watched {
  let failure: { readonly error: unknown } | undefined
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        onChunk(chunk)
        yield chunk
      }
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  return { bytes: tidily(bytes()), failure: () => failure }
}

interface Ends {
  readonly source: Watched
  readonly feeding: Promise<unknown>
  readonly tool: Tool
  readonly signal: AbortSignal
}

/** Waits for all parts, and throws what failed first in the order of cause: what ended us, the source, the tool, the pipes between. */
async function endOf({ source, feeding, tool, signal }: Ends): Promise<void> {
  const [fed, ran] = await Promise.allSettled([feeding, tool.done])
  signal.throwIfAborted()
  const failure = source.failure()
  if (failure !== undefined) throw failure.error
  if (ran.status === 'rejected') throw ran.reason
  if (fed.status === 'rejected') throw fed.reason
}

import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { gather } from '../archive/stores/gather.ts'
import { startTool, type Tool } from './child.ts'
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
const level = 3
/** What zstd gets and gives at a time: each is a turn of a thread. */
const blockBytes = 256 * 1024
/** Waits in front of zstd, so that its thread has work while ours reads, hashes and adds up rows. */
const waiting = { writableHighWaterMark: 1024 * 1024 }

/**
 * Compresses and encrypts in constant memory.
 *
 * Ends well only when the source ended well, every byte went through and `age` ended well: a dump that was cut off never looks whole.
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
  const zstd = createZstdCompress({
    chunkSize: blockBytes,
    ...waiting,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  const age =
    recipientsFile === undefined
      ? undefined
      : startTool({ command: 'age', args: ['--encrypt', '--recipients-file', recipientsFile], signal: either })
  const feeding =
    age === undefined ? pipeline([watched.bytes, zstd], { signal: either }) : pipeline([watched.bytes, zstd, age.stdin], { signal: either })
  feeding.catch(() => undefined)
  try {
    yield* (age?.stdout ?? zstd) as Bytes
    await endOf({ source: watched, feeding, tool: age, signal })
    onContent({ sizeBytes, sha256: hash.digest('hex') })
  } catch (error) {
    // What ended the stream is told best by whoever failed first.
    await endOf({ source: watched, feeding, tool: age, signal })
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
  const zstd = createZstdDecompress({ chunkSize: blockBytes, ...waiting })
  const age =
    identityFile === undefined ? undefined : startTool({ command: 'age', args: ['--decrypt', '--identity', identityFile], signal: either })
  const feeding =
    age === undefined
      ? pipeline([watched.bytes, zstd], { signal: either })
      : Promise.all([pipeline([watched.bytes, age.stdin], { signal: either }), pipeline([age.stdout, zstd], { signal: either })])
  feeding.catch(() => undefined)
  try {
    yield* tidily(zstd)
    await endOf({ source: watched, feeding, tool: age, signal })
  } catch (error) {
    await endOf({ source: watched, feeding, tool: age, signal })
    throw error
  } finally {
    over.abort()
  }
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
  readonly tool: Tool | undefined
  readonly signal: AbortSignal
}

/** Waits for all parts, and throws what failed first in the order of cause: what ended us, the source, the tool, the pipes between. */
async function endOf({ source, feeding, tool, signal }: Ends): Promise<void> {
  const [fed, ran] = await Promise.allSettled([feeding, tool?.done])
  signal.throwIfAborted()
  const failure = source.failure()
  if (failure !== undefined) throw failure.error
  if (ran.status === 'rejected') throw ran.reason
  if (fed.status === 'rejected') throw fed.reason
}

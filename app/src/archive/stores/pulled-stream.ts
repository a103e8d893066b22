import { Readable } from 'node:stream'

/** Where the bytes of a {@link pulledStream} come from. */
export interface PulledSource {
  /** The next bytes; undefined at the end. */
  next(): Promise<Uint8Array | undefined>
  /** Called once, also when nothing was read. */
  close(): Promise<void>
}

/**
 * A stream that asks for bytes one chunk after the other. Unlike one made of a generator it closes its source also when nobody ever reads from it.
 */
export function pulledStream(source: PulledSource, signal?: AbortSignal): Readable {
  const pull = async (stream: Readable) => {
    try {
      stream.push((await source.next()) ?? null)
    } catch (error) {
      stream.destroy(asError(error))
    }
  }
  const stream = new Readable({
    highWaterMark: 256 * 1024,
    ...(signal === undefined ? {} : { signal }),
    read() {
      void pull(stream)
    },
    destroy: (error, done) => void closeThen(source, (failure) => done(error ?? failure)),
  })
  return stream
}

async function closeThen(source: PulledSource, done: (failure: Error | null) => void): Promise<void> {
  const failure = await source.close().then(
    () => null,
    (error: unknown) => asError(error),
  )
  done(failure)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

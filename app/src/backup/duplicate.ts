/** Chunks that the second reader may be behind the first. */
const maxWaiting = 32

/** One stream read by two. */
export interface Duplicate {
  readonly first: AsyncIterable<Uint8Array>
  readonly second: AsyncIterable<Uint8Array>
  /** Says that nobody reads the second any more. */
  readonly leave: () => void
}

/**
 * Lets two read one stream in constant memory: the faster waits for the slower. The second may stop at any time, and the first goes on alone; when the
 * first stops or the stream fails, the second fails too.
 */
export function duplicate(source: AsyncIterable<Uint8Array>): Duplicate {
  const waiting: Uint8Array[] = []
  let state: 'open' | 'ended' | 'failed' | 'alone' = 'open'
  let failure: unknown
  let changed = Promise.withResolvers<void>()
  const tell = () => {
    changed.resolve()
    changed = Promise.withResolvers<void>()
  }
  const mustWait = () => state === 'open' && waiting.length >= maxWaiting
  const first = async function* (): AsyncGenerator<Uint8Array> {
    let whole = false
    try {
      for await (const chunk of source) {
        while (mustWait()) await changed.promise
        if (state === 'open') {
          waiting.push(chunk)
          tell()
        }
        yield chunk
      }
      whole = true
    } catch (error) {
      failure = error
      throw error
    } finally {
      if (state === 'open') state = whole ? 'ended' : 'failed'
      tell()
    }
  }
  const second = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (state === 'failed') throw failure ?? new Error('the first copy was not finished')
        const chunk = waiting.shift()
        if (chunk !== undefined) {
          tell()
          yield chunk
        } else if (state === 'ended') {
          return
        } else {
          await changed.promise
        }
      }
    } finally {
      leave()
    }
  }
  const leave = () => {
    if (state === 'open') state = 'alone'
    waiting.length = 0
    tell()
  }
  return { first: first(), second: second(), leave }
}

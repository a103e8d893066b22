import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'minor' }) => void

let collect: Collect | undefined

/**
 * Frees buffers that nobody uses any more. V8 looks for them when its heap fills, and streams of large buffers hardly fill it: what they hold lies
 * outside. Measured with 300 MiB of SQLite: the process came to 132 MiB without this, and to 105 to 112 with it.
 */
export function collectYoung(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  collect({ type: 'minor' })
}

/** Calls {@link collectYoung} once for so many bytes. */
const everyBytes = 8 * 1024 * 1024

/** Passes a stream on, and frees what it left behind from time to time. */
export async function* tidily(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let since = 0
  for await (const chunk of chunks) {
    yield chunk
    since += chunk.byteLength
    if (since < everyBytes) continue
    since = 0
    collectYoung()
  }
}

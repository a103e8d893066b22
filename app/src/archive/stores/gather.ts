/**
 * Puts small chunks together into blocks, the last of which may be shorter; chunks that are as large pass as they are. Pipes and sockets give at most
 * 64 KiB at a time, and each chunk costs every stage behind it a turn of the event loop and mostly one of a thread.
 */
export async function* gather(chunks: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Uint8Array> {
  let block: Buffer | undefined
  let filled = 0
  for await (const chunk of chunks) {
    if (filled === 0 && chunk.byteLength >= blockBytes) {
      yield chunk
      continue
    }
    for (let offset = 0; offset < chunk.byteLength;) {
      // Never used again: whoever got it may keep it.
      block ??= Buffer.allocUnsafeSlow(blockBytes)
      const length = Math.min(chunk.byteLength - offset, blockBytes - filled)
      block.set(offset === 0 && length === chunk.byteLength ? chunk : chunk.subarray(offset, offset + length), filled)
      filled += length
      offset += length
      if (filled < blockBytes) continue
      yield block
      block = undefined
      filled = 0
    }
  }
  if (block !== undefined) yield block.subarray(0, filled)
}

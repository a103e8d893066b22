import { array, assert, asyncProperty, integer, uint8Array } from 'fast-check'
import { expect, it } from 'vitest'
import { gather } from './gather.ts'

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}

it('gives the same bytes in blocks of which only the last is short, and never writes to one that it gave', async () => {
  await assert(
    asyncProperty(array(uint8Array({ maxLength: 40 })), integer({ min: 1, max: 32 }), async (chunks, blockBytes) => {
      const blocks: Uint8Array[] = []
      const copies: Uint8Array[] = []

      for await (const block of gather(given(chunks), blockBytes)) {
        blocks.push(block)
        copies.push(Uint8Array.from(block))
      }

      expect(Buffer.concat(blocks)).toEqual(Buffer.concat(chunks))
      expect(blocks.map((block) => Uint8Array.from(block))).toEqual(copies)
      for (const block of blocks.slice(0, -1)) expect(block.byteLength).toBeGreaterThanOrEqual(blockBytes)
    }),
  )
})

it('throws what its source throws', async () => {
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new Uint8Array(3))
    throw new Error('cut off')
  }

  const blocks = gather(failing(), 8)

  await expect(blocks.next()).rejects.toThrow('cut off')
})

import { array, assert, asyncProperty, integer } from 'fast-check'
import { expect, test } from 'vitest'
import { PartBuffer } from './part-buffer.ts'

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, n) => (from + n) % 251)

test('every byte arrives once, in parts of the right size, whatever the chunks and however slow the sending', async () => {
  await assert(
    asyncProperty(array(integer({ min: 0, max: 40 }), { maxLength: 30 }), integer({ min: 1, max: 17 }), async (chunks, partBytes) => {
      const sent = new Map<number, Uint8Array>()
      let inFlight = 0
      let most = 0
      const parts = new PartBuffer({
        sizeOf: (partNumber) => partBytes * partNumber,
        send: async (part, partNumber) => {
          inFlight += 1
          most = Math.max(most, inFlight)
          // Later parts overtake earlier ones.
          for (let turn = 0; turn < 3 - (partNumber % 3); turn += 1) await Promise.resolve()
          sent.set(partNumber, Uint8Array.from(part))
          inFlight -= 1
        },
        maxInFlight: 2,
      })
      let total = 0
      for (const length of chunks) {
        await parts.add(bytes(length, total))
        total += length
      }
      await parts.end()

      const inOrder = [...sent].toSorted(([a], [b]) => a - b)
      expect(Buffer.concat(inOrder.map(([, part]) => part)).equals(bytes(total))).toBe(true)
      expect(inOrder.slice(0, -1).every(([partNumber, part]) => part.byteLength === partBytes * partNumber)).toBe(true)
      expect(inOrder.at(-1)?.[1].byteLength).toBeGreaterThan(total === 0 ? -1 : 0)
      expect(most).toBeLessThanOrEqual(2)
    }),
    { numRuns: 200 },
  )
})

test('the buffers are the same ones, however much there is', async () => {
  const buffers = new Set<ArrayBufferLike>()
  const parts = new PartBuffer({
    sizeOf: () => 100,
    send: async (part) => {
      buffers.add(part.buffer)
      await Promise.resolve()
    },
    maxInFlight: 2,
  })

  for (let n = 0; n < 100; n += 1) await parts.add(bytes(99))
  await parts.end()

  expect(parts.sent).toBe(99)
  expect(buffers.size).toBeLessThanOrEqual(3)
})

test('a part that cannot be sent ends it all with that error', async () => {
  const parts = new PartBuffer({
    sizeOf: () => 10,
    send: (_part, partNumber) => (partNumber === 2 ? Promise.reject(new Error('part 2')) : Promise.resolve()),
    maxInFlight: 2,
  })
  const all = async () => {
    for (let n = 0; n < 50; n += 1) await parts.add(bytes(10))
    await parts.end()
  }

  await expect(all()).rejects.toThrow('part 2')
  await parts.settle()
})

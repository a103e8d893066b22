import { describe, expect, test } from 'vitest'
import { duplicate } from './duplicate.ts'

const bytes = (text: string) => Buffer.from(text)
const source = async function* (count: number) {
  for (let at = 0; at < count; at += 1) yield await Promise.resolve(bytes(`${at} `))
}
const collect = async (stream: AsyncIterable<Uint8Array>) => {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}

describe('one stream for two', () => {
  test('both get all of it, and neither runs far ahead', async () => {
    const { first, second } = duplicate(source(500))
    let [ahead, most] = [0, 0]
    const fast = (async () => {
      for await (const _ of first) most = Math.max(most, (ahead += 1))
    })()
    const slow = (async () => {
      let count = 0
      for await (const _ of second) {
        count += 1
        ahead -= 1
        await new Promise(setImmediate)
      }
      return count
    })()

    await fast

    expect(await slow).toBe(500)
    expect(most).toBeLessThan(40)
  })

  test.each([0, 1, 300])('the first goes on alone when the second stops after %i chunks', async (chunks) => {
    const { first, second, leave } = duplicate(source(500))
    const stopping = (async () => {
      let left = chunks
      if (left === 0) {
        leave()
        return
      }
      for await (const _ of second) if (--left === 0) break
    })()

    const all = await collect(first)
    await stopping

    expect(all).toBe(await collect(source(500)))
  })

  test('the second fails when the stream does, and when the first stops', async () => {
    const broken = async function* () {
      yield* source(3)
      throw new Error('cut off')
    }
    const failed = duplicate(broken())
    const left = duplicate(source(500))

    const [a, b] = await Promise.allSettled([collect(failed.first), collect(failed.second)])
    const stop = (async () => {
      for await (const _ of left.first) break
    })()
    const [c] = await Promise.allSettled([collect(left.second), stop])

    expect([a, b]).toMatchObject([
      { status: 'rejected', reason: { message: 'cut off' } },
      { status: 'rejected', reason: { message: 'cut off' } },
    ])
    expect(c).toMatchObject({ status: 'rejected', reason: { message: 'the first copy was not finished' } })
  })
})

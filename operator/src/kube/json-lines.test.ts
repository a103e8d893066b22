import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonLinesError, parseJsonLines } from './json-lines.ts'

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function collect(chunks: readonly Uint8Array[], options = {}): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const value of parseJsonLines(from(chunks), options)) values.push(value)
  return values
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  for (let index = 0; start < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1
    pieces.push(bytes.subarray(start, start + size))
    start += size
  }
  return pieces
}

test('values arrive whole and in order, wherever the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
      async (objects, sizes) => {
        const text = objects.map((object) => `${JSON.stringify(object)}\n`).join('')

        const values = await collect(cut(Buffer.from(text), sizes))

        expect(values).toEqual(objects.map((object) => JSON.parse(JSON.stringify(object)) as unknown))
      },
    ),
  )
})

describe('a stream that cannot be read on', () => {
  test.each([
    ['ends inside a line', '{"a":1}\n{"b', 'Truncated'],
    ['holds a line that is no JSON', '{"a":1}\n<html>\n', 'Syntax'],
    ['holds a line that is too long', `{"a":1}\n"${'x'.repeat(200)}`, 'TooLong'],
  ])('%s', async (_, text, problem) => {
    const values: unknown[] = []

    const reading = (async () => {
      for await (const value of parseJsonLines(from([Buffer.from(text)]), { maxLineBytes: 100 })) values.push(value)
    })()

    await expect(reading).rejects.toBeInstanceOf(JsonLinesError)
    await expect(reading).rejects.toMatchObject({ problem })
    expect(values).toEqual([{ a: 1 }])
  })
})

test('blank lines and a carriage return are no values', async () => {
  await expect(collect([Buffer.from('\n{"a":1}\r\n\n')])).resolves.toEqual([{ a: 1 }])
})

test('the next chunk is not asked for before the values of the last were taken', async () => {
  let asked = 0
  async function* source(): AsyncGenerator<Uint8Array> {
    for (;;) {
      asked += 1
      yield Buffer.from('1\n2\n')
    }
  }
  const values = parseJsonLines(source())

  await values.next()
  await values.next()
  expect(asked).toBe(1)
  await values.next()
  expect(asked).toBe(2)
})

test('others get their turn while a long stream is parsed', async () => {
  const line = `${JSON.stringify({ text: 'x'.repeat(2000) })}\n`
  const chunk = Buffer.from(line.repeat(20_000))
  let turns = 0
  const timer = setInterval(() => (turns += 1), 1)

  await collect([chunk], { yieldEveryMs: 1 })
  clearInterval(timer)

  expect(turns).toBeGreaterThan(5)
})

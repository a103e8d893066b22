import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOfLanes, RowSum } from './row-hash.ts'

const sumOf = (rows: readonly Uint8Array[]) => {
  const sum = new RowSum()
  for (const row of rows) sum.add(row)
  return sum.hash()
}

describe('the hash of a table', () => {
  const rows = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 })

  test('does not depend on the order of its rows', () => {
    fc.assert(
      fc.property(rows, (some) => {
        expect(sumOf(some.toReversed())).toBe(sumOf(some))
      }),
    )
  })

  test('changes with a row that comes, goes, comes twice or changes', () => {
    fc.assert(
      fc.property(rows, fc.uint8Array({ maxLength: 40 }), fc.nat(), (some, more, at) => {
        expect(sumOf([...some, more])).not.toBe(sumOf(some))
        expect(sumOf([...some, more, more])).not.toBe(sumOf(some))
        if (some.length > 0) expect(sumOf(some.with(at % some.length, Buffer.from([...more, 1, 2, 3])))).not.toBe(sumOf([...some, more]))
      }),
    )
  })

  test('is the sum modulo 2 to the 256, as SQL adds it up in eight parts', () => {
    const most = (1n << 32n) - 1n

    expect(hashOfLanes(Array.from({ length: 8 }, () => 0))).toBe(`rows1:${'0'.repeat(64)}`)
    expect(hashOfLanes(['0', '0', '0', '0', '0', '0', '0', 4_294_967_297n])).toBe(`rows1:${'0'.repeat(48)}0000000100000001`)
    expect(hashOfLanes(Array.from({ length: 8 }, () => most))).toBe(`rows1:${'f'.repeat(64)}`)
    expect(hashOfLanes([most + 1n, 0, 0, 0, 0, 0, 0, 7])).toBe(`rows1:${'7'.padStart(64, '0')}`)
  })
})

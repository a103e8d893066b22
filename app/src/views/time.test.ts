import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoTime } from './time.ts'

test('isoTime says what Date.toISOString says', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (at) => {
      expect(isoTime(at)).toBe(new Date(at).toISOString())
    }),
  )
})

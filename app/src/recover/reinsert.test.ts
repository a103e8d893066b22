import { expect, test } from 'vitest'
import { copyName } from './reinsert.ts'

test.each([
  ['Shopping', 'Shopping (recovered 2026-11-20)'],
  ['x'.repeat(100), `${'x'.repeat(77)} (recovered 2026-11-20)`],
  ['🚲'.repeat(100), `${'🚲'.repeat(77)} (recovered 2026-11-20)`],
])('the copy of a note named %s fits its column', (name, copy) => {
  expect(copyName(name, '2026-11-20')).toBe(copy)
  expect([...copy].length).toBeLessThanOrEqual(100)
})

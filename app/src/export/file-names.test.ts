import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeFileName, UniqueNames } from './file-names.ts'

describe('safeFileName', () => {
  it.each([
    ['Shopping list', 'Shopping list'],
    ['a/b\\c:d*e?f"g<h>i|j', 'a-b-c-d-e-f-g-h-i-j'],
    ['../../etc/passwd', '-..-etc-passwd'],
    ['...', 'note'],
    ['  ', 'note'],
    ['.hidden', 'hidden'],
    ['trailing. ', 'trailing'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['console', 'console'],
    ['line\nbreak\u0000', 'line-break-'],
    ['\u202Egpj.exe', 'gpj.exe'],
    ['日本語 🎉', '日本語 🎉'],
    ['e\u0301', '\u00E9'],
  ])('makes of %j the name %j', (name, expected) => {
    expect(safeFileName(name, 'note')).toBe(expected)
  })

  it('holds for whatever a name may be', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        const file = safeFileName(name, 'note')

        expect(file).not.toMatch(/[/\\:*?"<>|]|^[.\s]|[.\s]$|^$/)
        expect(Buffer.byteLength(file)).toBeLessThanOrEqual(181)
      }),
    )
  })
})

describe('UniqueNames', () => {
  it('numbers what occurs again, also in other case and composition', () => {
    const names = new UniqueNames()

    expect(['a', 'A', 'a', 'é', 'e\u0301', 'a (2)'].map((name) => names.take(name, '.md'))).toEqual([
      'a.md',
      'A (2).md',
      'a (3).md',
      'é.md',
      'e\u0301 (2).md',
      'a (2) (2).md',
    ])
  })

  it('never hands out a name twice', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'A', 'a (2)', 'ß', 'SS', 'ẞ', 'a (3)'), { maxLength: 40 }), (wanted) => {
        const names = new UniqueNames()

        const given = wanted.map((name) => names.take(name).toLowerCase())

        expect(new Set(given).size).toBe(given.length)
      }),
    )
  })
})

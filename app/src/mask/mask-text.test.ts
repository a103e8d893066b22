import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { alphabets } from './alphabets.ts'
import { replacementsOf } from './character-class.ts'
import { maskText } from './mask-text.ts'

const place = { table: 'notes', column: 'text', id: 7 }
const pointsOf = (text: string): string[] => [...text]

/** One sample for each script that is promised, each without a letter that stays. */
const samples = [
  ['Latin', 'Grüße aus Köln, façade', /\p{sc=Latin}/u],
  ['Vietnamese', 'Tiếng Việt Nam', /\p{sc=Latin}/u],
  ['Cyrillic', 'Привет, мир! Їжак', /\p{sc=Cyrillic}/u],
  ['Greek', 'Καλημέρα κόσμε', /\p{sc=Greek}/u],
  ['Arabic', 'مرحبا بالعالم', /\p{sc=Arabic}/u],
  ['Hebrew', 'שלום עולם', /\p{sc=Hebrew}/u],
  ['Devanagari', 'नमस्ते दुनिया', /\p{sc=Devanagari}/u],
  ['Thai', 'สวัสดีชาวโลก', /\p{sc=Thai}/u],
  ['Han', '買い物清單', /\p{sc=Han}/u],
  ['Hiragana', 'こんにちは', /\p{sc=Hiragana}/u],
  ['Katakana', 'カタカナ', /\p{sc=Katakana}/u],
  ['Hangul', '안녕하세요', /\p{sc=Hangul}/u],
  ['Armenian', 'Բարեւ Ձեզ', /\p{sc=Armenian}/u],
  ['Georgian', 'გამარჯობა', /\p{sc=Georgian}/u],
  ['Tamil', 'தமிழ் மொழி', /\p{sc=Tamil}/u],
  ['Amharic', 'ሰላም ለዓለም', /\p{sc=Ethiopic}/u],
  ['emoji', '👩‍💻🚲 👍🏽 ☔', /\p{Extended_Pictographic}/u],
] as const

describe('a masked text', () => {
  test.each(samples)('in %s keeps its length, its script and its bytes, and none of its words', (_name, text, script) => {
    const masked = maskText(text, place)

    const scripts = (points: readonly string[]) => points.map((point) => script.test(point))
    expect(pointsOf(masked)).toHaveLength(pointsOf(text).length)
    expect(Buffer.byteLength(masked)).toBe(Buffer.byteLength(text))
    expect(scripts(pointsOf(masked))).toEqual(scripts(pointsOf(text)))
    for (const word of text.split(/[^\p{L}\p{M}\p{Extended_Pictographic}]+/u).filter((each) => each !== ''))
      expect(masked).not.toContain(word)
  })

  test.each([
    ['lines and Markdown', '# Title\n\n- [ ] one\n- [x] two\t`code`\r\n> | a | b |', /[#\n\-[\]`>|\t\r ]/g],
    ['punctuation of other scripts', '“quoted” — ¿qué? 「はい」。 مرحبا،', /[\p{P}\s]/gu],
    ['joiners', '👩‍👩‍👧 می‌خواهم', /[\u200C\u200D]/g],
    ['virama and nukta', 'क्षत्रिय', /\u094D/g],
  ])('keeps %s where they were', (_name, text, structure) => {
    const at = (of: string) => [...of.matchAll(structure)].map((match) => [match.index, match[0]])

    expect(at(maskText(text, place))).toEqual(at(text))
  })

  test('keeps marks on letters, case, digits and links what they are', () => {
    const masked = maskText('Cafe\u0301 Nr. 42: https://example.org/a?b=1', place)

    expect(masked).toMatch(/^[A-Z][a-z]{3}[\u0300-\u030C] [A-Z][a-z]\. \d\d: https:\/\/[a-z]{7}\.[a-z]{3}\/[a-z]\?[a-z]=\d$/)
    expect(masked).not.toContain('example')
  })

  test('depends on its shape and its place, and on nothing else of the original', () => {
    const other = { ...place, id: 8 }

    expect(maskText('Lorem ipsum 1', place)).toBe(maskText('Dolor amets 9', place))
    expect(maskText('Lorem ipsum 1', other)).not.toBe(maskText('Lorem ipsum 1', place))
    expect(maskText('Lorem ipsum 1', { ...place, column: 'name' })).not.toBe(maskText('Lorem ipsum 1', place))
    expect(maskText('Lorem ipsum 1', { ...place, id: 7 + 2 ** 32 })).not.toBe(maskText('Lorem ipsum 1', place))
  })

  test('is masked to itself, whatever it was, and keeps its length', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('http://', 'https://a', 'xhttp://b'),
    )
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 4 }), (parts) => {
        const text = parts.join('')
        const masked = maskText(text, place)

        expect(maskText(masked, place)).toBe(masked)
        expect(pointsOf(masked)).toHaveLength(pointsOf(text).length)
      }),
      { numRuns: 300 },
    )
  })

  test('hides what is spelt with characters that nobody sees', () => {
    const hidden = pointsOf('secret').map((letter) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0)))
    const selectors = pointsOf('secret').map((letter) => String.fromCodePoint(0xe0100 + (letter.codePointAt(0) ?? 0)))

    expect(maskText(hidden.join(''), place)).not.toBe(hidden.join(''))
    expect(maskText(selectors.join(''), place)).not.toBe(selectors.join(''))
    expect(maskText('\u200B\uFEFF\u2060', place)).toBe('\u200B\u200B\u200B')
  })
})

describe('alphabets', () => {
  test.each(alphabets.map((each) => [String(each.members), each] as const))(
    '%s leads to its own characters, of one length',
    (_name, { characters }) => {
      expect(characters.filter((each) => replacementsOf(each) !== characters)).toEqual([])
      expect(new Set(characters.map((each) => Buffer.byteLength(each))).size).toBe(1)
      expect(new Set(characters).size).toBe(characters.length)
    },
  )
})

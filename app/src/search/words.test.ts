import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldText, variantsOf } from './fold.ts'
import { snippet } from './snippet.ts'
import { parseQuery, searchTerms } from './words.ts'

describe('searchTerms', () => {
  test.each([
    ['folds case, accents and width', 'Crème BRÛLÉE', 'ＡＢＣ', 'kcreme kbrulee kabc'],
    ['names a word once', 'tea tea', 'Tea', 'ktea'],
    ['leaves out short words and unspaced scripts', 'a to 東京 ab', 'go 日本', ''],
    ['splits where the script changes', '東京tower', 'x', 'ktower'],
    ['escapes what is not ASCII', 'дом', 'quiz', 'kq00twq00u6q00u4 kqquiz'],
  ])('%s', (_what, name, text, expected) => {
    expect(searchTerms(`${name}\n${text}`).join(' ')).toBe(expected)
  })

  test('terms are ASCII letters and digits of at most 80 characters, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', minLength: 85, maxLength: 120 }), (name, text) => {
        for (const term of searchTerms(`${name}\n${text}`)) expect(term).toMatch(/^k[a-z0-9]{1,79}$/)
      }),
      { numRuns: 30 },
    )
  })

  test('every beginning of three letters and more of a word finds it', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Zа-яА-ЯäöüÉqQ0-9]{3,40}$/u), fc.nat(), (word, cut) => {
        const indexed = searchTerms(`before ${word} after`)
        const beginning = word.slice(0, 3 + (cut % (word.length - 2)))

        const { terms, substrings } = parseQuery(beginning)

        expect(substrings).toEqual([])
        expect(terms.every((term) => indexed.some((candidate) => candidate.startsWith(term)))).toBe(true)
      }),
    )
  })
})

describe('parseQuery', () => {
  test.each([
    ['short words are substrings', 'go ok', { terms: [], substrings: ['go', 'ok'] }],
    ['unspaced scripts are substrings', '東京', { terms: [], substrings: ['東京'] }],
    ['signs make substrings', 'c++', { terms: [], substrings: ['c++'] }],
    ['a part with signs is narrowed by its later words', 'e-mail', { terms: ['kmail'], substrings: ['e-mail'] }],
    ['nothing is nothing', ' \t ', { terms: [], substrings: [] }],
  ])('%s', (_what, question, expected) => {
    expect(parseQuery(question)).toEqual(expected)
  })

  test('never more than ten parts', () => {
    expect(parseQuery(Array.from({ length: 50 }, (_, index) => `word${index}`).join(' ')).terms).toHaveLength(10)
  })
})

test('variants of a character all fold to it', () => {
  for (const char of 'aeiouszn0か') {
    for (const variant of variantsOf(char)) expect(foldText(variant)).toBe(char)
  }
  expect(variantsOf('e')).toContain('É')
})

describe('snippet', () => {
  test('marks hits without regard to case and accents, and escapes the rest', () => {
    expect(snippet('<b>Crème</b> and creme', 'creme').value).toBe('&lt;b&gt;<mark>Crème</mark>&lt;/b&gt; and <mark>creme</mark>')
  })

  test('shows the surroundings of a hit far down', () => {
    const out = snippet(`${'word '.repeat(200)}needle${' word'.repeat(200)}`, 'needle').value

    expect(out).toMatch(/^… .*<mark>needle<\/mark>.* …$/)
    expect(out.length).toBeLessThan(220)
  })

  test('loses and adds nothing but marks, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 4 }), (text, question) => {
        const out = snippet(text, question, 10_000).value.replaceAll(/<\/?mark>/g, '')

        expect(
          out.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&'),
        ).toBe(text)
      }),
    )
  })
})

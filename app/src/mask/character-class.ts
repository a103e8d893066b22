import { alphabets } from './alphabets.ts'

/**
 * What gives a text its shape and says nothing by itself: white space, punctuation, the signs of ASCII (Markdown is made of them), joiners and direction
 * marks, the choice between text and emoji, signs that lengthen, repeat, voice or bind a letter, and the sign for "unknown".
 */
const kept = /^[\p{P}\p{Z}\p{Cf}\t\n\v\f\r\u0085$+<=>^`|~\uFFFD]$/u
const keptOfScripts: ReadonlySet<string> = new Set([
  ...'\uFE0E\uFE0F\u20E3',
  ...'＄＋＜＝＞＾｀｜～￣々〻〆ゝゞヽヾー゛゜ｰﾞﾟ\u3099\u309A',
  ...'\u0640\u0651\u0652',
  ...'฿\u0E2F\u0E31\u0E33\u0E46\u0E47\u0E4C\u0E4D',
  ...'\u093C\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA',
])

/** Tells kinds of characters apart where no alphabet is laid down; together they are all of Unicode. */
const categories: readonly RegExp[] = [
  'Lu',
  'Ll',
  'Lt',
  'Lm',
  'Lo',
  'Mn',
  'Mc',
  'Me',
  'Nd',
  'Nl',
  'No',
  'Sm',
  'Sc',
  'Sk',
  'So',
  'Cc',
  'Cf',
  'Co',
  'Cn',
  'Cs',
  'P',
  'Z',
].map((name) => new RegExp(`^\\p{${name}}$`, 'u'))

/** Scripts that share a block of 128 with another; all others have their blocks to themselves. */
const scripts: readonly RegExp[] = [
  'Latin',
  'Greek',
  'Coptic',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Syriac',
  'Thaana',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Oriya',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
  'Thai',
  'Lao',
  'Myanmar',
  'Georgian',
  'Ethiopic',
  'Cherokee',
  'Khmer',
  'Mongolian',
  'Hangul',
  'Han',
  'Hiragana',
  'Katakana',
  'Bopomofo',
  'Yi',
].map((name) => new RegExp(`^\\p{sc=${name}}$`, 'u'))

/** Blocks begin where the number of bytes in UTF-8 changes, so a block's characters all have the same. */
const blockSize = 128
/** With fewer characters to choose from, a replacement would say too much. */
const fewest = 4
const unknown: readonly string[] = ['\uFFFD']

const blocks = new Map<number, ReadonlyMap<string, string>>()
/** Characters seen so far, with what may stand for them. */
const known = new Map<string, readonly string[] | undefined>()

/**
 * What may stand for a character: others of its script and kind (letter of one case, digit, mark, sign, emoji) and of its length in UTF-8. Undefined: it
 * stays. What has hardly a sibling becomes U+FFFD; what a later Unicode adds is replaced by its neighbours.
 */
export function replacementsOf(character: string): readonly string[] | undefined {
  const found = known.get(character)
  if (found !== undefined || known.has(character)) {
    return found
  }
  const replacements = laidDown(character) ?? (stays(character) ? undefined : siblings(character))
  known.set(character, replacements)
  if (replacements !== undefined && replacements !== unknown) {
    for (const each of replacements) known.set(each, replacements)
  }
  return replacements
}

function stays(character: string): boolean {
  return kept.test(character) || keptOfScripts.has(character)
}

function laidDown(character: string): readonly string[] | undefined {
  return alphabets.find(({ members }) => members.test(character))?.characters
}

function siblings(character: string): readonly string[] {
  const code = character.codePointAt(0) ?? 0
  const kinds = kindsOfBlock(code - (code % blockSize))
  const kind = kinds.get(character)
  const alike = [...kinds].filter(([, each]) => each === kind).map(([each]) => each)
  return alike.length < fewest ? unknown : alike
}

/** The kinds of a block's characters, but for those that stay or have an alphabet. */
function kindsOfBlock(first: number): ReadonlyMap<string, string> {
  const known = blocks.get(first)
  if (known !== undefined) return known
  const characters = Array.from({ length: blockSize }, (_, offset) => first + offset)
    // NUL is refused by PostgreSQL, and half a pair is no text.
    .filter((code) => code !== 0 && (code < 0xd8_00 || code > 0xdf_ff))
    .map((code) => String.fromCodePoint(code))
    .filter((character) => laidDown(character) === undefined && !stays(character))
  const kinds = new Map(characters.map((character) => [character, kindOf(character)]))
  blocks.set(first, kinds)
  return kinds
}

function kindOf(character: string): string {
  const category = categories.findIndex((each) => each.test(character))
  const script = scripts.findIndex((each) => each.test(character))
  return `${category}/${script}`
}

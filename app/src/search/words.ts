import { foldText } from './fold.ts'

/** Letters of scripts that put no blanks between words (or, Hangul, few): they are searched as substrings. */
const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u
const wordRuns = /[\p{L}\p{M}\p{N}]+/gu
const spacedRuns = /[^\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+/gu
/** Shorter words are searched as substrings: MySQL indexes none below three characters, and they are rarely selective. */
const minWord = 3
/** InnoDB drops index words above 84 characters (`innodb_ft_max_token_size`). */
const maxTerm = 80
const maxTerms = 10

/**
 * What the full-text index holds of a note: its words, folded, each written as a term of ASCII letters and digits. So the engines' own ideas of words,
 * stop words, stems and collations never come into play, and the three find the same notes.
 */
export function searchTerms(text: string): string[] {
  const terms = new Set<string>()
  for (const run of foldText(text).match(wordRuns) ?? []) {
    for (const word of run.match(spacedRuns) ?? []) {
      if (isIndexed(word)) terms.add(term(word))
    }
  }
  return [...terms]
}

/** A question to the index and to the texts; a note is a hit when all of it holds. */
export interface SearchQuery {
  /** Terms of the index; each must begin a word of the note. */
  readonly terms: readonly string[]
  /** Folded texts; each must occur in the name or in the text. */
  readonly substrings: readonly string[]
}

/** Takes a question apart. Every blank-separated part must be found; words of three letters and more by their beginning, all else as it stands. */
export function parseQuery(question: string): SearchQuery {
  const terms = new Set<string>()
  const substrings = new Set<string>()
  for (const part of foldText(question).split(/\s+/u)) {
    if (part === '') continue
    if (terms.size + substrings.size >= maxTerms) break
    const words = part.match(wordRuns) ?? []
    const [only] = words
    if (words.length === 1 && only === part && isIndexed(part) && !unspaced.test(part)) {
      terms.add(term(part))
      continue
    }
    substrings.add(part)
    // What stands between other characters is a whole word of the note, so the index can narrow the search; at the edges it may be the middle of one.
    for (const word of words.slice(1)) {
      if (isIndexed(word) && !unspaced.test(word)) terms.add(term(word))
    }
  }
  return { terms: [...terms], substrings: [...substrings] }
}

function isIndexed(word: string): boolean {
  if (word.length >= 2 * minWord) return true
  return [...word].length >= minWord
}

/** `k` in front keeps terms off MySQL's stop words; `q` escapes what is no ASCII letter or digit, so a beginning of a word is a beginning of its term. */
function term(word: string): string {
  let out = 'k'
  for (const char of word) {
    if (char === 'q') out += 'qq'
    else if (/^[a-z0-9]$/.test(char)) out += char
    else out += `q${(char.codePointAt(0) ?? 0).toString(36).padStart(4, '0')}`
    if (out.length >= maxTerm) return out.slice(0, maxTerm)
  }
  return out
}

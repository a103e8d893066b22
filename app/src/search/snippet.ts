import { html, type Html } from '../views/html.ts'
import { foldText } from './fold.ts'

const width = 160

/** Marks where the words of a question begin in a text, and cuts the text around the first hit. */
export function snippet(text: string, question: string, maxLength = width): Html {
  const needles = foldText(question)
    .split(/\s+/u)
    .filter((needle) => needle !== '')
    .slice(0, 10)
  // A hit far down is shown from there; what is beyond 100,000 characters is not stored, so this is bounded.
  const { folded, origin } = foldWithOrigin(text)
  const hits = findAll(folded, needles)
  const first = hits[0]?.[0] ?? 0
  const begin = first > maxLength / 2 ? first - Math.floor(maxLength / 4) : 0
  const end = Math.min(folded.length, begin + maxLength)
  const parts: Html[] = []
  let at = begin
  for (const [from, to] of hits) {
    if (from < at || to > end) continue
    parts.push(html`${original(text, origin, at, from)}<mark>${original(text, origin, from, to)}</mark>`)
    at = to
  }
  parts.push(html`${original(text, origin, at, end)}`)
  return html`${begin > 0 ? '… ' : ''}${parts}${end < folded.length ? ' …' : ''}`
}

/** The folded text with, for each of its UTF-16 units, where the character it came from begins. */
function foldWithOrigin(text: string): { readonly folded: string; readonly origin: readonly number[] } {
  let folded = ''
  const origin: number[] = []
  let at = 0
  for (const char of text) {
    const plain = foldText(char)
    folded += plain
    for (let unit = 0; unit < plain.length; unit += 1) origin.push(at)
    at += char.length
  }
  origin.push(at)
  return { folded, origin }
}

function original(text: string, origin: readonly number[], from: number, to: number): string {
  return text.slice(origin[from] ?? 0, origin[to] ?? text.length)
}

/** Places of all needles, in order, without overlaps. */
function findAll(folded: string, needles: readonly string[]): readonly (readonly [from: number, to: number])[] {
  const found: (readonly [number, number])[] = []
  for (const needle of needles) {
    let from = folded.indexOf(needle)
    while (from !== -1 && found.length < 50) {
      found.push([from, from + needle.length])
      from = folded.indexOf(needle, from + needle.length)
    }
  }
  const sorted = found.toSorted((a, b) => a[0] - b[0])
  return sorted.filter((hit, index) => index === 0 || hit[0] >= (sorted[index - 1]?.[1] ?? 0))
}

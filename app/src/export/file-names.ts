/** Names that Windows keeps for devices, whatever their extension. */
const reserved = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i
/** File systems allow 255 bytes; a number and an extension must still fit, and archives are unpacked below other folders. */
const maxBytes = 180
/** Making one takes longer than cutting a name. */
const graphemes = new Intl.Segmenter()

/**
 * A name that every common file system takes: no separators, controls, direction marks or trailing dots, no device names, at most 180 bytes.
 * What cannot stay becomes `-`.
 */
export function safeFileName(name: string, fallback: string): string {
  const plain = name
    .normalize('NFC')
    // oxlint-disable-next-line no-control-regex -- exactly these must go
    .replaceAll(/[\u0000-\u001F\u007F-\u009F"*/:<>?\\|]+/g, '-')
    .replaceAll(/[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, '')
    .trim()
  const short = cutBytes(plain, maxBytes)
    .replace(/^[.\s]+/, '')
    .replace(/[.\s]+$/, '')
  if (short === '') return fallback
  return reserved.test(short) ? `_${short}` : short
}

function cutBytes(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text
  let bytes = 0
  let out = ''
  for (const { segment } of graphemes.segment(text)) {
    bytes += Buffer.byteLength(segment)
    if (bytes > limit) break
    out += segment
  }
  // One grapheme of more than 180 bytes: cut between characters.
  return out === '' ? Array.from(text).slice(0, 20).join('') : out
}

/** Hands out names of one folder so that none occurs twice, also where case and composition do not count (Windows, macOS). */
export class UniqueNames {
  readonly #taken = new Set<string>()
  // Where the search for a free number begins; without it, n equal names would take n²/2 steps.
  readonly #next = new Map<string, number>()

  /** `name` + `extension`, or with ` (2)`, ` (3)`, … before the extension. */
  take(name: string, extension = ''): string {
    const key = fold(name + extension)
    let candidate = name + extension
    let number = this.#next.get(key) ?? 2
    while (this.#taken.has(fold(candidate))) {
      candidate = `${name} (${number})${extension}`
      number += 1
    }
    this.#next.set(key, number)
    this.#taken.add(fold(candidate))
    return candidate
  }
}

function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase().toUpperCase()
}

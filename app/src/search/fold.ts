/** Combining marks that only change how a letter looks. The two kana voicing marks make other letters, so they stay. */
const marks = /(?![\u3099\u309A])\p{Mn}/gu

/** A text without case, accents, width and composition: what search compares. */
export function foldText(text: string): string {
  return text.normalize('NFKD').toLowerCase().normalize('NFKD').replaceAll(marks, '').normalize('NFC')
}

let variants: ReadonlyMap<string, string> | undefined

/**
 * Every character that folds to `char`, itself included, as one string. It is what lets each engine find a substring without regard to case and
 * accents in the same way, whatever its collations know. Made once, from the Basic Multilingual Plane without the Han and Hangul blocks, which have no variants.
 */
export function variantsOf(char: string): string {
  variants ??= collectVariants()
  return variants.get(char) ?? char
}

function collectVariants(): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let code = 0x21; code <= 0xffff; code += 1) {
    if (code === 0x2e80) code = 0x3040
    if (code === 0x3400) code = 0xa000
    if (code === 0xac00) code = 0xf900
    const char = String.fromCodePoint(code)
    const folded = foldText(char)
    if (folded === char || [...folded].length !== 1) continue
    found.set(folded, (found.get(folded) ?? folded) + char)
  }
  return found
}

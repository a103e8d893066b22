/** Code points that `name_key` columns hold. A name has at most 100; decomposition may lengthen it. */
const maxNameKey = 200
/** Code points that the column `email_key` holds: three for each of an address. A few ligatures become more. */
export const maxEmailKey = 762

/** Case, width and composition removed: equal for what a reader takes for the same text. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFC')
}

/**
 * What makes two e-mail addresses the same account, whatever the engine's collation: no case, one Unicode composition.
 *
 * The local part is folded as well, although RFC 5321 lets a server tell `A@` from `a@`: nobody does, and people mistype it.
 */
export function emailKey(email: string): string {
  return fold(email.trim())
}

/**
 * The key that names are ordered by: case and accents ignored, then compared by code point, so that the three engines agree.
 *
 * Accents are dropped (`É` sorts with `e`); ties are broken by id. At most 200 code points, as wide as the column.
 */
export function nameKey(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{Mn}/gu, '')
    .toLowerCase()
    .trim()
  return plain.length <= maxNameKey ? plain : Array.from(plain).slice(0, maxNameKey).join('')
}

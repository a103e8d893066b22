import { randomFromSeed } from '../data/random-from-seed.ts'
import { replacementsOf } from './character-class.ts'

/** The scheme of a link stays, so that a link stays one. */
const scheme = /(https?:\/\/)/

/** Which value is masked: the same place gives the same replacement. */
export interface Place {
  readonly table: string
  readonly column: string
  readonly id: number
}

/**
 * A text of the same shape: as many code points, the same scripts, lines, blanks, punctuation and marks, and other letters, digits and signs.
 *
 * The result depends on the place and on the shape, and on nothing else of the text: there is no key to find out and nothing to guess, and a masked text is
 * masked to itself.
 */
export function maskText(text: string, place: Place): string {
  const random = randomFromSeed(seedOf(place))
  let out = ''
  // One number for each character, also for those that stay: a scheme that came about by chance must not move what follows it.
  for (const [index, part] of text.split(scheme).entries()) {
    const isScheme = index % 2 === 1
    for (const character of part) {
      const draw = random.below(2 ** 32)
      const replacements = isScheme ? undefined : replacementsOf(character)
      out += replacements?.[draw % replacements.length] ?? character
    }
  }
  return out
}

/** FNV-1a over the names (Fowler, Noll, Vo), mixed with the id. */
function seedOf({ table, column, id }: Place): number {
  let hash = 0x81_1c_9d_c5
  for (const byte of Buffer.from(`${table}.${column}`)) {
    hash = Math.imul(hash ^ byte, 0x01_00_01_93)
  }
  return (hash ^ Math.imul(id >>> 0, 0x9e_37_79_b1) ^ Math.imul(Math.floor(id / 2 ** 32), 0x85_eb_ca_6b)) >>> 0
}

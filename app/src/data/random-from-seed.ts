/** A stream of numbers that depends on its seed alone. Never for secrets. */
export interface SeededRandom {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number
  /** One of several. */
  pick<T>(from: readonly T[]): T
}

/** SplitMix32 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014, with 32-bit constants): small, and even enough for test data. */
export function randomFromSeed(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e_37_79_b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85_eb_ca_6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit)
  return {
    below,
    pick: (from) => {
      const found = from[below(from.length)]
      if (found === undefined) {
        throw new RangeError('nothing to pick from')
      }
      return found
    },
  }
}

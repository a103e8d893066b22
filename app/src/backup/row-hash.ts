import { hash } from 'node:crypto'

/**
 * The content hash of a table, whatever the order of its rows and the same for the three engines:
 *
 * - a value is written as the number of its UTF-8 bytes, `:`, and those bytes; NULL is `n`; integers are decimal;
 * - a row is its values in the order of the columns; its hash is SHA-256;
 * - the table's hash is the sum of the hashes of its rows modulo 2²⁵⁶, so that two equal rows do not cancel each other (as with xor).
 *
 * An engine may compute the sum in SQL as eight sums of 32 bits each, most significant first ("lanes").
 *
 * It tells whether two tables hold the same; that an archive was not forged is what SHA-256 of the file and `age` are for.
 */
export interface TableSum {
  readonly name: string
  readonly rows: number
  /** `rows1:` and 64 hex digits. */
  readonly hash: string
}

/** How many 32-bit numbers a hash is added as. */
export const lanes = 8
const prefix = 'rows1:'
/** Sums of this many 32-bit numbers are still exact as doubles. */
const exactAdditions = 2 ** 20

/** A table's hash from the sums of its lanes. */
export function hashOfLanes(sums: readonly (bigint | number | string)[]): string {
  const total = sums.reduce<bigint>((sum, lane, at) => sum + (BigInt(lane) << BigInt(32 * (lanes - 1 - at))), 0n)
  return `${prefix}${BigInt.asUintN(256, total).toString(16).padStart(64, '0')}`
}

/** Adds up the rows of one table, encoded as {@link TableSum} says. */
export class RowSum {
  rows = 0
  readonly #sums = Array.from({ length: lanes }, () => 0)
  readonly #carried = Array.from({ length: lanes }, () => 0n)

  /** @param encodedRow a text stands for its UTF-8 */
  add(encodedRow: Uint8Array | string): void {
    // As a text: a buffer for each row is memory outside the heap, which is collected late.
    const digest = hash('sha256', encodedRow, 'latin1')
    for (let lane = 0; lane < lanes; lane += 1) {
      const at = lane * 4
      const high = (digest.charCodeAt(at) << 8) | digest.charCodeAt(at + 1)
      const low = (digest.charCodeAt(at + 2) << 8) | digest.charCodeAt(at + 3)
      this.#sums[lane] = (this.#sums[lane] ?? 0) + high * 65_536 + low
    }
    this.rows += 1
    if (this.rows % exactAdditions === 0) this.#carry()
  }

  hash(): string {
    this.#carry()
    return hashOfLanes(this.#carried)
  }

  #carry(): void {
    for (let lane = 0; lane < lanes; lane += 1) {
      this.#carried[lane] = (this.#carried[lane] ?? 0n) + BigInt(this.#sums[lane] ?? 0)
      this.#sums[lane] = 0
    }
  }
}

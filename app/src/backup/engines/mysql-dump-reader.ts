import { RowSum, type TableSum } from '../row-hash.ts'

const newline = 10
const quote = 0x27
const comma = 0x2c
const open = 0x28
const close = 0x29
const backslash = 0x5c
const insert = Buffer.from('INSERT INTO `')
const completed = Buffer.from('-- Dump completed')
/** What a letter behind a backslash stands for; all others stand for themselves. */
const escapes: Readonly<Record<number, number>> = { 0x30: 0, 0x6e: 10, 0x72: 13, 0x5a: 26, 0x62: 8, 0x74: 9 }
/** Lines that are no rows are short; a longer one is not what mariadb-dump writes. */
const maxLine = 64 * 1024 * 1024

/**
 * Reads a dump as it passes and adds up its rows (`row-hash.ts`), so that counts and hashes are of the very data that is archived: two sessions
 * of MariaDB cannot share a snapshot.
 *
 * It relies on what mariadb-dump promises and nothing else: line breaks in values are escaped, each statement begins on a line of its own.
 */
export class MysqlDumpReader {
  readonly #sums = new Map<string, RowSum>()
  #table: RowSum | undefined
  /** Of a line that goes on in the next chunk. */
  #rest: Uint8Array[] = []
  #restBytes = 0
  #row: Buffer = Buffer.allocUnsafe(256 * 1024)
  #complete = false
  /** Where the reader stands in a line. */
  #at = 0

  /** @param tables that a sum is wanted of, also when they have no row */
  constructor(tables: readonly string[]) {
    for (const name of tables) this.#sums.set(name, new RowSum())
  }

  read(chunk: Uint8Array): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(newline, start)
      if (end === -1) break
      this.#line(this.#joined(chunk.subarray(start, end)))
      start = end + 1
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start))
      this.#restBytes += chunk.length - start
      if (this.#restBytes > maxLine) throw new Error('mariadb-dump wrote a line that is too long')
    }
  }

  /** @throws Error when the dump was not whole */
  sums(): TableSum[] {
    if (!this.#complete) throw new Error('mariadb-dump did not say that its dump is complete')
    return [...this.#sums].map(([name, sum]) => ({ name, rows: sum.rows, hash: sum.hash() }))
  }

  #joined(end: Uint8Array): Uint8Array {
    if (this.#restBytes === 0) return end
    const line = Buffer.concat([...this.#rest, end])
    this.#rest = []
    this.#restBytes = 0
    return line
  }

  #line(line: Uint8Array): void {
    if (line[0] === open) {
      this.#rows(line, 0)
    } else if (startsWith(line, insert)) {
      const end = line.indexOf(0x60, insert.length)
      this.#table = this.#sums.get(Buffer.from(line.subarray(insert.length, end)).toString())
      if (this.#table === undefined) throw new Error('mariadb-dump wrote rows of a table that was not asked for')
      // Older tools put the rows on the line of the statement.
      const first = line.indexOf(open, end)
      if (first !== -1) this.#rows(line, first)
    } else if (startsWith(line, completed)) {
      this.#complete = true
    }
  }

  /** `(1,'text',NULL),(2,…` to the end of the line. */
  #rows(line: Uint8Array, from: number): void {
    const table = this.#table
    if (table === undefined) throw new Error('mariadb-dump wrote rows outside a statement')
    // A value may grow by its length in front of it, at most by half: it is at least one digit and a separator.
    if (this.#row.length < line.length * 2 + 1024) this.#row = Buffer.allocUnsafe(line.length * 2 + 1024)
    this.#at = from
    for (;;) {
      table.add(this.#row.subarray(0, this.#oneRow(line)))
      if (line[this.#at] === comma && line[this.#at + 1] === open) {
        this.#at += 1
        continue
      }
      if (line.length !== this.#at + 1) throw new Error('mariadb-dump wrote a line that is not understood')
      return
    }
  }

  /** Encodes the row that begins with the bracket at `#at`, and goes behind it. @returns its length */
  #oneRow(line: Uint8Array): number {
    const row = this.#row
    let length = 0
    for (;;) {
      this.#at += 1
      const start = length + lengthDigits
      if (line[this.#at] === quote) {
        length = putLength(row, length, start, this.#text(line, start))
      } else {
        const end = this.#word(line, start)
        length = isNull(row, start, end) ? putNull(row, length) : putLength(row, length, start, end)
      }
      const separator = line[this.#at]
      if (separator === close) {
        this.#at += 1
        return length
      }
      if (separator !== comma) throw new Error('mariadb-dump wrote a value that is not understood')
    }
  }

  /** Copies what stands between quotes. @returns its end in the row */
  #text(line: Uint8Array, start: number): number {
    const row = this.#row
    let end = start
    let at = this.#at + 1
    for (; at < line.length; at += 1) {
      let byte = line[at] ?? 0
      if (byte === backslash) {
        at += 1
        byte = line[at] ?? 0
        byte = escapes[byte] ?? byte
      } else if (byte === quote) {
        // Two quotes are one, where backslashes mean nothing.
        if (line[at + 1] !== quote) break
        at += 1
      }
      row[end] = byte
      end += 1
    }
    this.#at = at + 1
    return end
  }

  /** Copies a number or NULL. @returns its end in the row */
  #word(line: Uint8Array, start: number): number {
    const row = this.#row
    let end = start
    let at = this.#at
    for (; at < line.length; at += 1) {
      const byte = line[at] ?? 0
      if (byte === comma || byte === close) break
      row[end] = byte
      end += 1
    }
    this.#at = at
    return end
  }
}

/** Room for the length of a value in front of it. */
const lengthDigits = 10

function isNull(row: Uint8Array, start: number, end: number): boolean {
  return end - start === 4 && row[start] === 0x4e && row[start + 1] === 0x55 && row[start + 2] === 0x4c && row[start + 3] === 0x4c
}

function putNull(row: Uint8Array, at: number): number {
  row[at] = 0x6e
  return at + 1
}

/** Puts `LENGTH:` in front of the bytes from `start` to `end`, and all of it to `at`. @returns the end of it */
function putLength(row: Buffer, at: number, start: number, end: number): number {
  const length = end - start
  let digits = 1
  for (let power = 10; power <= length; power *= 10) digits += 1
  let rest = length
  for (let place = at + digits - 1; place >= at; place -= 1) {
    row[place] = 0x30 + (rest % 10)
    rest = Math.trunc(rest / 10)
  }
  row[at + digits] = 0x3a
  row.copyWithin(at + digits + 1, start, end)
  return at + digits + 1 + length
}

function startsWith(line: Uint8Array, prefix: Uint8Array): boolean {
  if (line.length < prefix.length) return false
  for (let at = 0; at < prefix.length; at += 1) if (line[at] !== prefix[at]) return false
  return true
}

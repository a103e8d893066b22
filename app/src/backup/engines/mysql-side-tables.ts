import { randomBytes } from 'node:crypto'
import { sidePrefix } from '../../db/catalog.ts'

const rowStart = 0x28
const newline = 10

/**
 * What names begin with while a run loads them. Each run has its own: the client of one that was killed may write on for a moment, and is not to write
 * into the tables of the next.
 */
export function runPrefix(): string {
  return `${sidePrefix}${randomBytes(3).toString('hex')}_`
}

/**
 * Rewrites a dump so that it fills tables beside those that are served: names of tables and of constraints, which count for a whole database, get a
 * prefix. Lines with rows pass as they are.
 */
export async function* intoSideTables(dump: AsyncIterable<Uint8Array>, prefix: string): AsyncGenerator<Uint8Array> {
  /** What of a line that is no row came so far; undefined inside a row. */
  let line: Uint8Array[] | undefined = []
  for await (const chunk of dump) {
    /** Where rows begin that were not passed on yet. */
    let passed = 0
    for (let at = 0; at < chunk.length;) {
      if (line !== undefined && line.length === 0 && chunk[at] === rowStart) line = undefined
      const end = chunk.indexOf(newline, at)
      const next = end === -1 ? chunk.length : end + 1
      if (line !== undefined) {
        if (passed < at) yield chunk.subarray(passed, at)
        passed = next
        line.push(chunk.subarray(at, next))
        if (end !== -1) yield Buffer.from(rewriteLine(Buffer.concat(line).toString(), prefix))
      }
      if (end !== -1) line = []
      at = next
    }
    if (passed < chunk.length) yield passed === 0 ? chunk : chunk.subarray(passed)
  }
  if (line !== undefined && line.length > 0) yield Buffer.from(rewriteLine(Buffer.concat(line).toString(), prefix))
}

/** One line of a dump that is no row. */
export function rewriteLine(line: string, prefix: string): string {
  const insert = /^(INSERT INTO `|CREATE TABLE `)(.*)$/s.exec(line)
  if (insert !== null) return `${insert[1]}${prefix}${insert[2]}`
  if (!/^ {2}CONSTRAINT `/.test(line)) return line
  return line.replace(/^ {2}CONSTRAINT `/, `  CONSTRAINT \`${prefix}`).replace(/\) REFERENCES `/, `) REFERENCES \`${prefix}`)
}

/** A foreign key as `SHOW CREATE TABLE` writes it, with the name that it has while it is loaded. */
export interface SideConstraint {
  readonly sideName: string
  readonly name: string
  /** `FOREIGN KEY (…) REFERENCES …`. */
  readonly definition: string
}

/** The foreign keys of a table that still have the names of the loading. */
export function sideConstraints(createTable: string): SideConstraint[] {
  return [...createTable.matchAll(new RegExp(`CONSTRAINT \`(${sidePrefix}[0-9a-f]+_([^\`]+))\` (FOREIGN KEY .*?),?$`, 'gm'))].map(
    ([, side = '', name = '', definition = '']) => ({ sideName: side, name, definition }),
  )
}

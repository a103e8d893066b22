import { sidePrefix } from '../../db/catalog.ts'

const rowStart = 0x28
const newline = 10

/** The name of a table while it is loaded. */
export function sideName(table: string): string {
  return `${sidePrefix}${table}`
}

/**
 * Rewrites a dump so that it fills tables beside those that are served: names of tables and of constraints, which count for a whole database, get a
 * prefix. Lines with rows pass as they are.
 */
export async function* intoSideTables(dump: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  /** What of a line that is no row came so far; undefined inside a row. */
  let line: Uint8Array[] | undefined = []
  for await (const chunk of dump) {
    const out: Uint8Array[] = []
    let at = 0
    while (at < chunk.length) {
      if (line !== undefined && line.length === 0 && chunk[at] === rowStart) line = undefined
      const end = chunk.indexOf(newline, at)
      const part = chunk.subarray(at, end === -1 ? chunk.length : end + 1)
      at += part.length
      if (line === undefined) out.push(part)
      else line.push(part)
      if (end !== -1) {
        if (line !== undefined) out.push(Buffer.from(rewriteLine(Buffer.concat(line).toString())))
        line = []
      }
    }
    if (out.length > 0) yield out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out)
  }
  if (line !== undefined && line.length > 0) yield Buffer.from(rewriteLine(Buffer.concat(line).toString()))
}

/** One line of a dump that is no row. */
export function rewriteLine(line: string): string {
  const insert = /^(INSERT INTO `|CREATE TABLE `)(.*)$/s.exec(line)
  if (insert !== null) return `${insert[1]}${sidePrefix}${insert[2]}`
  if (!/^ {2}CONSTRAINT `/.test(line)) return line
  return line.replace(/^ {2}CONSTRAINT `/, `  CONSTRAINT \`${sidePrefix}`).replace(/\) REFERENCES `/, `) REFERENCES \`${sidePrefix}`)
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
  return [...createTable.matchAll(new RegExp(`CONSTRAINT \`(${sidePrefix}([^\`]+))\` (FOREIGN KEY .*?),?$`, 'gm'))].map(
    ([, side = '', name = '', definition = '']) => ({ sideName: side, name, definition }),
  )
}

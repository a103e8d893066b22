import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodedRowsQuery } from '../row-sum-query.ts'
import { RowSum, type TableSum } from '../row-hash.ts'

/** Rows are read in this process; others of its work go on after so many milliseconds. */
const turnMs = 20

/**
 * Row counts and hashes of tables of a SQLite file. The full-text index has no content that could be read: its documents are counted, with the numbers
 * of words that it keeps of them.
 */
export async function sqliteSums(file: DatabaseSync, tables: readonly string[], signal: AbortSignal): Promise<TableSum[]> {
  const sums: TableSum[] = []
  for (const name of tables) {
    const sum = new RowSum()
    let turnEnds = performance.now() + turnMs
    for (const row of file.prepare(queryOf(file, name)).iterate()) {
      const [value] = Object.values(row)
      if (typeof value !== 'string') throw new Error(`a row of ${name} could not be read`)
      sum.add(value)
      if (performance.now() > turnEnds) {
        await nextTurn()
        signal.throwIfAborted()
        turnEnds = performance.now() + turnMs
      }
    }
    sums.push({ name, rows: sum.rows, hash: sum.hash() })
  }
  return sums
}

function queryOf(file: DatabaseSync, name: string): string {
  const virtual = file.prepare(`select 1 from sqlite_master where name = ? and sql like 'create virtual table%'`).get(name) !== undefined
  if (virtual) return `select id || ':' || hex(sz) from "${name}_docsize"`
  const columns = file.prepare('select name from pragma_table_info(?) order by cid').all(name)
  return encodedRowsQuery({ name, columns: columns.map((column) => String(column['name'])) })
}

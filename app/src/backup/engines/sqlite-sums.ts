import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodedRowsQuery } from '../row-sum-query.ts'
import { RowSum, type TableSum } from '../row-hash.ts'

/** Rows are read in this process; others of its work go on after so many milliseconds, about as long as zstd needs for a block. */
const turnMs = 1

/**
 * Row counts and hashes of tables of a SQLite file. The full-text index has no content that could be read: its documents are counted, with the numbers
 * of words that it keeps of them.
 *
 * @param columnsOf - the columns of a table that count; all of them if undefined
 */
export async function sqliteSums(
  file: DatabaseSync,
  tables: readonly string[],
  signal: AbortSignal,
  columnsOf: (table: string) => readonly string[] | undefined = () => undefined,
): Promise<TableSum[]> {
  const sums: TableSum[] = []
  for (const name of tables) {
    const sum = new RowSum()
    let turnEnds = performance.now() + turnMs
    const rows = file.prepare(queryOf(file, name, columnsOf(name)))
    rows.setReturnArrays(true)
    for (const row of rows.iterate()) {
      const value = row[0]
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

function queryOf(file: DatabaseSync, name: string, counted: readonly string[] | undefined): string {
  const virtual = file.prepare(`select 1 from sqlite_master where name = ? and sql like 'create virtual table%'`).get(name) !== undefined
  if (virtual) return `select id || ':' || hex(sz) from "${name}_docsize"`
  const all = () =>
    file
      .prepare('select name from pragma_table_info(?) order by cid')
      .all(name)
      .map((column) => String(column['name']))
  return encodedRowsQuery({ name, columns: counted ?? all() })
}

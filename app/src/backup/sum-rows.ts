import { sql, type Kysely } from 'kysely'
import type { Engine } from '../db/engine.ts'
import type { Database } from '../db/schema.ts'
import type { TableSum } from './row-hash.ts'
import { rowSumQuery, tableSum, type SummedTable, type SumRow } from './row-sum-query.ts'

/** Row counts and hashes of tables that a server adds up, one after the other. */
export async function sumRows(
  db: Kysely<Database>,
  {
    engine,
    tables,
    signal,
  }: { readonly engine: Exclude<Engine, 'sqlite'>; readonly tables: readonly SummedTable[]; readonly signal: AbortSignal },
): Promise<TableSum[]> {
  const sums: TableSum[] = []
  for (const table of tables) {
    signal.throwIfAborted()
    const { rows } = await sql.raw<SumRow>(rowSumQuery(engine, table)).execute(db)
    sums.push(tableSum(table.name, rows[0]))
  }
  return sums
}

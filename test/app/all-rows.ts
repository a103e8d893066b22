import { sql } from 'kysely'
import { listTables } from '../../app/src/db/catalog.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'

/** Every row of every table, in an order of its own; counters of attempts are left out, they end within the minute. */
export async function allRows({ db, engine }: Pick<OpenDatabase, 'db' | 'engine'>): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables = (await listTables(db, engine)).filter((name) => name !== 'throttle_windows' && !name.startsWith('note_search_'))
  const entries = await Promise.all(
    tables.map(async (table) => {
      const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)}`.execute(db)
      return [table, rows.map((row) => JSON.stringify(row)).toSorted()] as const
    }),
  )
  return Object.fromEntries(entries)
}

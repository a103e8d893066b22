import { sql, type Kysely } from 'kysely'
import type { Engine } from '../db/engine.ts'
import type { Database } from '../db/schema.ts'

/**
 * Removes what an engine remembers of values that were overwritten and that a copy of the database could hold: free pages and the write-ahead log of a SQLite
 * file, and the samples that planners keep.
 */
export async function removeTraces(db: Kysely<Database>, engine: Engine): Promise<void> {
  switch (engine) {
    case 'sqlite': {
      const { rows } = await sql<{ name: string }>`select name from sqlite_master where name like 'sqlite\\_stat%' escape '\\'`.execute(db)
      for (const { name } of rows) {
        await sql`delete from ${sql.table(name)}`.execute(db)
      }
      // The copy that VACUUM makes is as large as the file, so it is not held in memory.
      await sql`pragma temp_store = file`.execute(db)
      await sql`vacuum`.execute(db)
      await sql`pragma wal_checkpoint(truncate)`.execute(db)
      await sql`pragma temp_store = memory`.execute(db)
      return
    }
    case 'postgres': {
      await sql`analyze`.execute(db)
      return
    }
    case 'mysql': {
      const { rows } = await sql<{ name: string }>`select table_name as name from information_schema.tables
        where table_schema = database() and table_type = 'BASE TABLE'`.execute(db)
      await sql`analyze table ${sql.join(rows.map(({ name }) => sql.table(name)))}`.execute(db)
    }
  }
}

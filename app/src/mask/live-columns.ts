import { sql, type Kysely } from 'kysely'
import { listTables, shadowTables } from '../db/catalog.ts'
import type { Engine } from '../db/engine.ts'
import type { Database } from '../db/schema.ts'

/** A column as the database itself lists it. */
export interface LiveColumn {
  readonly table: string
  readonly column: string
}

/**
 * Every column of every table and view that the connection sees in its schema, generated ones too. What a full-text table of SQLite keeps beside itself is
 * its own affair and left out.
 */
export async function listColumns(db: Kysely<Database>, engine: Engine): Promise<LiveColumn[]> {
  const query = {
    // Hidden columns of virtual tables (1) are commands, not data; 2 and 3 are generated columns.
    sqlite: sql<LiveColumn>`select m.name as "table", c.name as "column" from sqlite_master m, pragma_table_xinfo(m.name) c
      where m.type in ('table', 'view') and m.name not like 'sqlite\\_%' escape '\\' and c.hidden <> 1`,
    postgres: sql<LiveColumn>`select c.relname as "table", a.attname as "column" from pg_catalog.pg_class c
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
    mysql: sql<LiveColumn>`select table_name as ${sql.ref('table')}, column_name as ${sql.ref('column')} from information_schema.columns
      where table_schema = database()`,
  }[engine]
  const { rows } = await query.execute(db)
  const shadows = new Set(engine === 'sqlite' ? shadowTables(await listTables(db, engine)) : [])
  return rows.filter(({ table }) => !shadows.has(table))
}

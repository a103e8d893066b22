import { sql, type Kysely } from 'kysely'
import { listTables } from '../db/catalog.ts'
import type { Engine } from '../db/engine.ts'
import type { Ledger } from '../db/ledger.ts'
import type { Database } from '../db/schema.ts'
import type { SummedTable } from './row-sum-query.ts'

/** Tables of the ledger that an archive holds too. Not the identity: whose database it is belongs to the database and not to its content. */
const archivedLedgerTables = ['notejam_migrations', 'notejam_schema'] as const

/** The names of the tables that an archive holds: those that the ledger says were created, and the ledger. */
export async function archivedTables(db: Kysely<Database>, engine: Engine, { applied }: Pick<Ledger, 'applied'>): Promise<string[]> {
  const present = new Set(await listTables(db, engine))
  const created = applied.flatMap((row) => row.tables_created.split(' '))
  return [...new Set([...created, ...archivedLedgerTables])].filter((name) => present.has(name))
}

/** The columns of tables, in their order. */
export async function summedTables(db: Kysely<Database>, engine: Engine, names: readonly string[]): Promise<SummedTable[]> {
  const found = await Promise.all(names.map(async (name) => ({ name, columns: await columnsOf(db, engine, name) })))
  return found
}

async function columnsOf(db: Kysely<Database>, engine: Engine, table: string): Promise<string[]> {
  const query = {
    sqlite: sql<{ name: string }>`select name from pragma_table_info(${table}) order by cid`,
    postgres: sql<{ name: string }>`select attname as name from pg_catalog.pg_attribute
      join pg_catalog.pg_class on pg_class.oid = attrelid
      where relname = ${table} and relnamespace = current_schema()::regnamespace and attnum > 0 and not attisdropped order by attnum`,
    mysql: sql<{ name: string }>`select column_name as name from information_schema.columns
      where table_schema = database() and table_name = ${table} order by ordinal_position`,
  }[engine]
  const { rows } = await query.execute(db)
  return rows.map(({ name }) => name)
}

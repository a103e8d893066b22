import { sql, type Kysely } from 'kysely'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/** Names of the tables and views in the schema that the connection works in. */
export async function listTables(db: Kysely<Database>, engine: Engine): Promise<string[]> {
  const query = {
    sqlite: sql<{
      name: string
    }>`select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\'`,
    postgres: sql<{ name: string }>`select relname as name from pg_catalog.pg_class
      where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')`,
    mysql: sql<{ name: string }>`select table_name as name from information_schema.tables where table_schema = database()`,
  }[engine]
  const { rows } = await query.execute(db)
  return rows.map(({ name }) => name).toSorted()
}

/** Tables that the runner makes by itself, before the first migration. */
export const ledgerTables = ['notejam_identity', 'notejam_migrations', 'notejam_schema'] as const

/** The tables that statements create. */
export function createdTables(statements: readonly string[]): string[] {
  return statements.flatMap((statement) => /^create (?:virtual )?table (?:if not exists )?(\w+)/.exec(statement)?.[1] ?? [])
}

/** The tables that a full-text table of SQLite brings beside itself; they come and go with it. */
export function shadowTables(names: readonly string[]): string[] {
  return names.flatMap((name) => ['config', 'content', 'data', 'docsize', 'idx'].map((suffix) => `${name}_${suffix}`))
}

/** Names of tables while a restore on MySQL fills them, and of those that it put away: a run that was killed may leave some, the next one drops them. */
export const sidePrefix = 'notejam_side_'
/** See {@link sidePrefix}. */
export const gonePrefix = 'notejam_gone_'

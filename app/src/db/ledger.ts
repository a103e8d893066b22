import { sql, type Kysely } from 'kysely'
import { gonePrefix, ledgerTables, listTables, shadowTables, sidePrefix } from './catalog.ts'
import type { Engine } from './engine.ts'
import { statementFor } from './migrations/migration.ts'
import type { Database, IdentityTable, MigrationsTable } from './schema.ts'

/** What the database says about itself. */
export interface Ledger {
  /**
   * `empty`: no table but (empty) ones of the ledger · `ours`: it has a ledger with migrations or an identity · `foreign`: other tables and no
   * ledger of ours.
   */
  readonly state: 'empty' | 'ours' | 'foreign'
  /** Tables that neither the ledger nor the runner made. */
  readonly foreignTables: readonly string[]
  /** In order; one with `applied_at` 0 was cut off. */
  readonly applied: readonly Readonly<MigrationsTable>[]
  readonly oldestCodeServed: number
  readonly identity: Readonly<IdentityTable> | undefined
}

/** Reads ledger and identity; works on any database, also an empty or a foreign one. */
export async function readLedger(db: Kysely<Database>, engine: Engine): Promise<Ledger> {
  const tables = await listTables(db, engine)
  const has = (name: string) => tables.includes(name)
  const applied = has('notejam_migrations') ? await db.selectFrom('notejam_migrations').selectAll().orderBy('number').execute() : []
  const schema = has('notejam_schema') ? await db.selectFrom('notejam_schema').selectAll().executeTakeFirst() : undefined
  const identity = has('notejam_identity') ? await db.selectFrom('notejam_identity').selectAll().executeTakeFirst() : undefined
  const created = applied.flatMap((row) => row.tables_created.split(' '))
  const own = new Set<string>([...ledgerTables, ...created, ...(engine === 'sqlite' ? shadowTables(created) : [])])
  const foreignTables = tables.filter((name) => !own.has(name) && !name.startsWith(sidePrefix) && !name.startsWith(gonePrefix))
  const marked = applied.length > 0 || identity !== undefined
  const state = marked ? 'ours' : foreignTables.length > 0 ? 'foreign' : 'empty'
  return { state, foreignTables, applied, oldestCodeServed: schema?.oldest_code_served ?? 1, identity }
}

const ledgerStatements = [
  `create table if not exists notejam_identity (
  id {integer} not null primary key check (id = 1),
  instance_uid {text 128} not null,
  environment {text 32} not null,
  fingerprint {hash} not null,
  recorded_at {time} not null,
  last_wipe_id {text 200}
) {table}`,
  `create table if not exists notejam_schema (
  id {integer} not null primary key check (id = 1),
  oldest_code_served {integer} not null
) {table}`,
  `create table if not exists notejam_migrations (
  number {integer} not null primary key,
  name {text 100} not null,
  phase {text 16} not null,
  hash {hash} not null,
  applied_at {time} not null,
  duration_ms {integer} not null,
  tables_created {text 1000} not null
) {table}`,
]

/** Makes the ledger's tables where they are missing. */
export async function createLedger(db: Kysely<Database>, engine: Engine): Promise<void> {
  for (const statement of ledgerStatements) {
    await sql.raw(statementFor(engine, statement) ?? '').execute(db)
  }
  const row = await db.selectFrom('notejam_schema').select('id').executeTakeFirst()
  if (row === undefined) {
    await db.insertInto('notejam_schema').values({ id: 1, oldest_code_served: 1 }).execute()
  }
}

import { sql, type Kysely } from 'kysely'
import { AppError, exitCodes } from '../errors.ts'
import { gonePrefix, listTables, sidePrefix } from './catalog.ts'
import type { Engine } from './engine.ts'
import { assertIdentity, type IdentityClaim } from './identity.ts'
import { readLedger, type Ledger } from './ledger.ts'
import type { Database } from './schema.ts'

/** What {@link wipe} needs. */
export interface WipeOptions {
  /** The one connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly claim: IdentityClaim & { readonly fingerprint: string }
  /** The release that wipes; the database remembers it and is not wiped for it again. */
  readonly wipeId: string | undefined
}

/** How a wipe ended. */
export interface WipeResult {
  readonly outcome: 'Wiped' | 'AlreadyWiped' | 'NothingToDo'
  /** How many tables went. */
  readonly tables: number
}

/**
 * Empties the database inside the fence: only a database that bears the claimer's mark and fingerprint, only of environment Development, only
 * tables of its own ledger, and none at all beside tables of somebody else.
 *
 * The mark is read on the connection that drops. PostgreSQL and SQLite do it in one transaction; MySQL, which commits by itself after each
 * statement, drops the ledger behind the tables that it lists and touches the identity last, so that a killed run can be run again.
 *
 * @throws {@link AppError} `FenceRefused`, exit code 6; nothing is changed then
 */
export async function wipe(options: WipeOptions): Promise<WipeResult> {
  return options.engine === 'mysql'
    ? wipeOn(options.db, options)
    : options.db.transaction().execute((transaction) => wipeOn(transaction, options))
}

async function wipeOn(db: Kysely<Database>, { engine, claim, wipeId }: WipeOptions): Promise<WipeResult> {
  const ledger = await readLedger(db, engine)
  if (ledger.state === 'empty') {
    return { outcome: 'NothingToDo', tables: 0 }
  }
  assertIdentity(ledger.identity, claim)
  assertWipeable(ledger)
  if (wipeId !== undefined && ledger.identity?.last_wipe_id === wipeId) {
    return { outcome: 'AlreadyWiped', tables: 0 }
  }
  const tables = await tablesToDrop(db, engine, ledger)
  await dropAll(db, engine, tables)
  await dropAll(db, engine, ['notejam_migrations', 'notejam_schema'])
  await db
    .updateTable('notejam_identity')
    .set({ last_wipe_id: wipeId ?? null })
    .execute()
  return { outcome: 'Wiped', tables: tables.length }
}

function assertWipeable({ foreignTables, identity }: Ledger): void {
  if (foreignTables.length > 0) {
    throw refused(`the database also holds tables that are not Notejam's: ${foreignTables.slice(0, 5).join(', ')}`)
  }
  if (identity?.environment !== 'Development') {
    throw refused(`only a database of environment Development is wiped, this one is of ${identity?.environment ?? 'none'}`)
  }
}

function refused(message: string): AppError {
  return new AppError(message, { code: 'FenceRefused', exitCode: exitCodes.fenceRefused })
}

/** Tables of the ledger that are still there, the newest first: those refer to older ones. */
async function tablesToDrop(db: Kysely<Database>, engine: Engine, { applied }: Ledger): Promise<string[]> {
  const present = new Set(await listTables(db, engine))
  const created = applied.flatMap((row) => row.tables_created.split(' ')).filter((name) => present.has(name))
  // What a restore that was killed left beside them.
  const leftovers = [...present].filter((name) => name.startsWith(sidePrefix) || name.startsWith(gonePrefix))
  return [...leftovers, ...created.toReversed()]
}

async function dropAll(db: Kysely<Database>, engine: Engine, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) {
    return
  }
  if (engine === 'sqlite') {
    for (const table of tables) {
      await sql`drop table if exists ${sql.table(table)}`.execute(db)
    }
    return
  }
  await sql`drop table if exists ${sql.join(tables.map((table) => sql.table(table)))}`.execute(db)
}

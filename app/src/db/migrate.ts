import { setTimeout as delay } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import type { Clock } from '../clock.ts'
import { AppError, exitCodes } from '../errors.ts'
import { createdTables } from './catalog.ts'
import { databaseErrorKind } from './database-errors.ts'
import type { Engine } from './engine.ts'
import { assertClaim, markDatabase, type IdentityClaim } from './identity.ts'
import { createLedger, readLedger } from './ledger.ts'
import { planMigration } from './migration-plan.ts'
import { runBackfill } from './migrations/backfills.ts'
import { describeSteps, indexFor, migrationHash, statementFor, type Migration, type Phase, type Step } from './migrations/migration.ts'
import type { Database } from './schema.ts'

/** A DDL statement that waits makes every query wait behind it, so it gives up soon and is tried again. */
const ddlLockSeconds = 2
/** Rows that old code changed shortly before the step was recorded, and clocks that disagree. */
const changedMarginMs = 600_000
/** "Exists already" or "cannot drop, is not there": what a step that was cut off on MySQL had done before. */
const doneBefore = new Set([1050, 1060, 1061, 1091])

/** How `migrate` ended. */
export type MigrateOutcome = 'Migrated' | 'NothingToDo' | 'AheadCompatible' | 'Planned'

/** What `migrate` did, or would do. */
export interface MigrateResult {
  readonly outcome: MigrateOutcome
  /** `0001-accounts-pads-notes`, … */
  readonly applied: readonly string[]
  /** The statements, for a dry run. */
  readonly statements: readonly string[]
}

/** What {@link migrate} needs. */
export interface MigrateOptions {
  /** The one connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly clock: Clock
  readonly migrations: readonly Migration[]
  readonly phase: Phase
  /** Say what would be done, and change nothing. */
  readonly dryRun: boolean
  /** No code serves from this database now. */
  readonly offline?: boolean
  /** Whose database this must be; recorded at the first contact with an empty one. */
  readonly claim: IdentityClaim | undefined
  /** Milliseconds for which steps that find a table locked are tried again. */
  readonly lockedForMs: number
  /** Told before each migration. */
  readonly onMigration?: (name: string) => void
}

/** `0001-accounts-pads-notes`. */
export function migrationName({ number, name }: Pick<Migration, 'number' | 'name'>): string {
  return `${String(number).padStart(4, '0')}-${name}`
}

/**
 * Brings the schema forward by one phase.
 *
 * @throws {@link AppError} `Drifted` (exit 4), `ContractedPast` (5), `FenceRefused` (6), `Locked` (3), `ContractFirst`, `ForeignDatabase` or
 * `MigrationFailed` (1)
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const { db, engine, migrations, phase, dryRun } = options
  const ledger = await readLedger(db, engine)
  if (ledger.state === 'foreign') {
    throw new AppError(
      `the database is not empty and holds no Notejam: ${some(ledger.foreignTables)}; give Notejam a database (or schema) of its own`,
      options.claim === undefined ? { code: 'ForeignDatabase' } : { code: 'FenceRefused', exitCode: exitCodes.fenceRefused },
    )
  }
  if (options.claim !== undefined) {
    assertClaim(ledger, options.claim)
  }
  const plan = planMigration({ engine, known: migrations, ledger, phase, offline: options.offline ?? false })
  switch (plan.kind) {
    case 'Drifted': {
      throw new AppError(
        `the database does not hold what this image expects: ${plan.details.join('; ')}; restore it, or use the image that it belongs to`,
        {
          code: 'Drifted',
          exitCode: exitCodes.drifted,
        },
      )
    }
    case 'ContractedPast': {
      throw new AppError(
        `the schema serves code from level ${ledger.oldestCodeServed} on, this image is level ${migrations.length}; use a newer image, or restore an older backup`,
        { code: 'ContractedPast', exitCode: exitCodes.contractedPast },
      )
    }
    case 'ContractFirst': {
      throw new AppError(
        `the contract step ${migrationName(plan.contract)} of an earlier release is missing; run migrate --phase contract first, or take the release in between, or give --offline while nothing serves`,
        {
          code: 'ContractFirst',
        },
      )
    }
    case 'AheadCompatible':
    case 'NothingToDo':
    case 'Apply': {
      break
    }
  }
  const chosen = plan.kind === 'Apply' ? plan.migrations : []
  if (dryRun) {
    const statements = chosen.flatMap((migration) => [`-- ${migrationName(migration)}`, ...describeSteps(engine, migration)])
    return { outcome: 'Planned', applied: chosen.map(migrationName), statements }
  }
  if (options.claim !== undefined) {
    await markDatabase({ ...options, claim: options.claim, ledger })
  }
  for (const migration of chosen) {
    options.onMigration?.(migrationName(migration))
    await apply(migration, options)
  }
  const outcome = plan.kind === 'Apply' ? 'Migrated' : plan.kind
  return { outcome, applied: chosen.map(migrationName), statements: [] }
}

function some(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more tables`
}

async function apply(migration: Migration, options: MigrateOptions): Promise<void> {
  const { db, engine, clock } = options
  try {
    await setLockTimeout(db, engine)
    await createLedger(db, engine)
    const started = clock.now()
    // MySQL commits by itself after each schema change, so nothing there is one transaction.
    if (migration.transaction && engine !== 'mysql') {
      await patiently(options, () =>
        db.transaction().execute(async (transaction) => {
          for (const step of migration.steps) {
            await runStep(step, { ...options, db: transaction })
          }
          await record(transaction, migration, { engine, started, now: clock.now() })
        }),
      )
      return
    }
    const resumed = await begin(db, migration, engine)
    for (const step of migration.steps) {
      await patiently(options, () => runStep(step, options, resumed))
    }
    await db.transaction().execute((transaction) => record(transaction, migration, { engine, started, now: clock.now() }))
  } catch (error) {
    if (error instanceof AppError) {
      throw error
    }
    const locked = databaseErrorKind(error) === 'conflict'
    throw new AppError(
      `${migrationName(migration)} ${locked ? 'found a table locked for too long' : 'failed'}: ${error instanceof Error ? error.message : String(error)}`,
      { ...(locked ? { code: 'Locked', exitCode: exitCodes.locked } : { code: 'MigrationFailed' }), cause: error },
    )
  }
}

async function setLockTimeout(db: Kysely<Database>, engine: Engine): Promise<void> {
  if (engine === 'postgres') {
    await sql.raw(`set lock_timeout = '${ddlLockSeconds}s'`).execute(db)
  } else if (engine === 'mysql') {
    await sql.raw(`set session lock_wait_timeout = ${ddlLockSeconds}, session innodb_lock_wait_timeout = ${ddlLockSeconds}`).execute(db)
  }
}

/** Notes that a migration without a transaction begins; true if an earlier run was cut off in it. */
async function begin(db: Kysely<Database>, migration: Migration, engine: Engine): Promise<boolean> {
  const row = await db.selectFrom('notejam_migrations').select('number').where('number', '=', migration.number).executeTakeFirst()
  if (row === undefined) {
    await db
      .insertInto('notejam_migrations')
      .values(ledgerRow(migration, engine, { applied_at: 0, duration_ms: 0 }))
      .execute()
  }
  return row !== undefined
}

function ledgerRow(migration: Migration, engine: Engine, times: { readonly applied_at: number; readonly duration_ms: number }) {
  const { number, name, phase } = migration
  const tables = createdTables(describeSteps(engine, migration)).join(' ')
  return { number, name, phase, hash: migrationHash(engine, migration), tables_created: tables, ...times }
}

interface Recorded {
  readonly engine: Engine
  readonly started: number
  readonly now: number
}

async function record(db: Kysely<Database>, migration: Migration, { engine, started, now }: Recorded): Promise<void> {
  await db.deleteFrom('notejam_migrations').where('number', '=', migration.number).execute()
  await db
    .insertInto('notejam_migrations')
    .values(ledgerRow(migration, engine, { applied_at: now, duration_ms: now - started }))
    .execute()
  if (migration.oldestCodeServed !== undefined) {
    await db
      .updateTable('notejam_schema')
      .set({ oldest_code_served: migration.oldestCodeServed })
      .where('oldest_code_served', '<', migration.oldestCodeServed)
      .execute()
  }
}

async function runStep(step: Step, { db, engine }: MigrateOptions, resumed = false): Promise<void> {
  if ('backfill' in step) {
    await runBackfill(step.backfill, { db, engine, changedSince: await oldCodeSince(db) })
    return
  }
  if ('index' in step && engine === 'postgres') {
    await dropInvalidIndex(db, step.index.name)
  }
  const statement = 'index' in step ? indexFor(engine, step.index) : statementFor(engine, step.sql)
  if (statement === undefined) {
    return
  }
  try {
    await sql.raw(statement).execute(db)
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0
    if (!(resumed && engine === 'mysql' && doneBefore.has(errno))) {
      throw error
    }
  }
}

/** Since when code that did not know the newest columns may have changed rows beside code that does; undefined before that. */
async function oldCodeSince(db: Kysely<Database>): Promise<number | undefined> {
  const row = await db
    .selectFrom('notejam_migrations')
    .select('applied_at')
    .where('phase', '=', 'expand')
    .where('applied_at', '>', 0)
    .where('number', '>', 1)
    .orderBy('number', 'desc')
    .executeTakeFirst()
  return row === undefined ? undefined : row.applied_at - changedMarginMs
}

/** An index that was being built without locks when its session ended stays behind, unusable, under its name. */
async function dropInvalidIndex(db: Kysely<Database>, name: string): Promise<void> {
  const { rows } = await sql`select 1 from pg_catalog.pg_index
    join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
    where pg_class.relname = ${name} and pg_class.relnamespace = current_schema()::regnamespace and not pg_index.indisvalid`.execute(db)
  if (rows.length > 0) {
    await sql.raw(`drop index concurrently if exists ${name}`).execute(db)
  }
}

/** Tries again what found a table locked: nothing of it has happened. */
async function patiently(options: Pick<MigrateOptions, 'lockedForMs'>, run: () => Promise<void>): Promise<void> {
  const end = performance.now() + options.lockedForMs
  for (let pause = 100; ; pause = Math.min(pause * 2, 3000)) {
    try {
      await run()
      return
    } catch (error) {
      if (databaseErrorKind(error) !== 'conflict' || performance.now() + pause > end) {
        throw error
      }
    }
    await delay(pause)
  }
}

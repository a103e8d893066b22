import type { Kysely } from 'kysely'
import { listTables } from '../db/catalog.ts'
import type { DatabaseConfig } from '../db/database-config.ts'
import { readLedger } from '../db/ledger.ts'
import { migrations } from '../db/migrations/all.ts'
import type { Migration } from '../db/migrations/migration.ts'
import type { Database } from '../db/schema.ts'
import { AppError } from '../errors.ts'
import { archivedTables, summedTables } from './archived-tables.ts'
import type { FoundArchive } from './find-archive.ts'
import type { TableSum } from './row-hash.ts'
import type { SummedTable } from './row-sum-query.ts'
import { sumRows } from './sum-rows.ts'
import { trySignIn } from './try-sign-in.ts'
import { lostRows, untouchedColumns, type Measured } from './untouched-rows.ts'
import { withArchive, type LoadedArchive, type WithArchiveOptions } from './with-archive.ts'

/** What {@link rehearse} needs. */
export type RehearseOptions = Omit<WithArchiveOptions, 'onlyGood' | 'aroundMigration'>

/** How a rehearsal ended well. */
export interface RehearsalResult {
  readonly archive: FoundArchive
  /** Tables and rows that were compared. */
  readonly tables: number
  readonly rows: number
  readonly durationSeconds: number
}

/**
 * Tries what this image does to the data of an archive, before it does it to the database that is served: restores the archive into a throw-away
 * database, takes all steps of the schema there, finds every row as it was, but for what the steps declare to rewrite, and signs in. The archive gets no
 * mark: a migration that fails says nothing about it.
 *
 * @throws {@link AppError} as `restore` and `migrate` do, and `RowsChanged` and `VerificationFailed`, exit code 1
 */
export async function rehearse(options: RehearseOptions): Promise<RehearsalResult> {
  const { clock, signal, steps = migrations } = options
  const started = clock.now()
  let compared: readonly TableSum[] = []
  const aroundMigration = async (loaded: LoadedArchive, migrate: () => Promise<void>) => {
    const before = await measureBefore(loaded, steps, signal)
    await migrate()
    const after = await measure(loaded, before.columns, signal)
    const lost = lostRows(before, after)
    if (lost.length > 0) {
      throw new AppError(`the migration changes rows that it should leave as they are: ${lost.slice(0, 10).join('; ')}`, {
        code: 'RowsChanged',
      })
    }
    compared = before.sums
  }
  const archive = await withArchive({ ...options, onlyGood: true, aroundMigration }, async (restored) => {
    await trySignIn(restored)
    return restored.archive
  })
  return {
    archive,
    tables: compared.length,
    rows: compared.reduce((sum, { rows }) => sum + rows, 0),
    durationSeconds: Math.max(0, clock.now() - started) / 1000,
  }
}

async function measureBefore({ config, db }: LoadedArchive, steps: readonly Migration[], signal: AbortSignal): Promise<Measured> {
  const { engine } = config
  const ledger = await readLedger(db, engine)
  const done = new Set(ledger.applied.filter((row) => row.applied_at > 0).map((row) => row.number))
  const names = (await archivedTables(db, engine, ledger)).filter((name) => !name.startsWith('notejam_'))
  const columns = untouchedColumns(
    await summedTables(db, engine, names),
    steps.filter(({ number }) => !done.has(number)),
  )
  return { columns, sums: await sumsOf(config, db, columns, signal) }
}

/** The same columns, as far as they are still there; a table that lacks one is not summed up, for that is said already. */
async function measure({ config, db }: LoadedArchive, wanted: readonly SummedTable[], signal: AbortSignal): Promise<Measured> {
  const present = new Set(await listTables(db, config.engine))
  const names = wanted.map(({ name }) => name).filter((name) => present.has(name))
  const columns = await summedTables(db, config.engine, names)
  const isWhole = ({ name, columns: needed }: SummedTable) => {
    const there = new Set(columns.find((table) => table.name === name)?.columns)
    return needed.every((column) => there.has(column))
  }
  const whole = wanted.filter((table) => present.has(table.name) && isWhole(table))
  const partly = names.filter((name) => !whole.some((table) => table.name === name)).map((name) => ({ name, rows: 0, hash: '' }))
  return { columns, sums: [...(await sumsOf(config, db, whole, signal)), ...partly] }
}

async function sumsOf(
  config: DatabaseConfig,
  db: Kysely<Database>,
  tables: readonly SummedTable[],
  signal: AbortSignal,
): Promise<readonly TableSum[]> {
  if (config.engine === 'sqlite') {
    const [{ DatabaseSync }, { sqliteSums }] = await Promise.all([import('node:sqlite'), import('./engines/sqlite-sums.ts')])
    using file = new DatabaseSync(config.path, { readOnly: true, timeout: 5000 })
    const columns = new Map(tables.map((table) => [table.name, table.columns]))
    return await sqliteSums(file, [...columns.keys()], signal, (name) => columns.get(name))
  }
  return await sumRows(db, { engine: config.engine, tables, signal })
}

import { sql, type Kysely } from 'kysely'
import { scratchUid } from '../backup/with-archive.ts'
import { seedPasswordHash } from '../data/seed-content.ts'
import type { Engine } from '../db/engine.ts'
import type { Database } from '../db/schema.ts'
import { putSearchWords, searchWords } from '../db/search-index.ts'
import { emailKey, nameKey } from '../db/text-keys.ts'
import { AppError, exitCodes } from '../errors.ts'
import { checkClassification } from './check-classification.ts'
import { classification as houseRules, type Classification, type Treatment } from './classification.ts'
import { removeTraces } from './remove-traces.ts'
import { listColumns } from './live-columns.ts'
import { maskText } from './mask-text.ts'
import { createPseudonyms, type Pseudonyms } from './pseudonyms.ts'

/** Rows of one statement, unless their texts are long. */
const batchRows = 250
/** Characters of one batch: four bytes each stay below what any server takes in one packet (MariaDB: 16 MiB). */
const batchCharacters = 500_000

/** What {@link maskDatabase} needs. */
export interface MaskOptions {
  /** One connection to a database that nobody else uses and that is thrown away afterwards. */
  readonly db: Kysely<Database>
  readonly engine: Engine
  /** The secret key of the app whose data this is. */
  readonly secretKey: string
  /** The allow-list; only tests have another. */
  readonly classification?: Classification
  /** Ends it between two batches. */
  readonly signal?: AbortSignal
  /** Told after each batch; `total` is what the table holds. */
  readonly onProgress?: (progress: { readonly table: string; readonly done: number; readonly total: number }) => void
}

/** What was masked. */
export interface MaskResult {
  /** Rows of each table that was masked. */
  readonly masked: Readonly<Record<string, number>>
  /** Names of the tables that were emptied. */
  readonly emptied: readonly string[]
}

type Row = Readonly<Record<string, unknown>> & { readonly id: number }

/**
 * Masks a database in place, by the allow-list of columns. It holds no more than one batch in memory.
 *
 * A run that was cut off leaves a half-masked database, which must be thrown away; masking a masked one again changes nothing.
 *
 * @throws {@link AppError} `Unclassified` before anything is changed; `FenceRefused`, exit code 6, when it is the database of an instance
 */
export async function maskDatabase(options: MaskOptions): Promise<MaskResult> {
  const { db, engine, secretKey } = options
  const rules: Classification = options.classification ?? houseRules
  await assertScratch(db)
  checkClassification(await listColumns(db, engine), rules)
  const pseudonyms = createPseudonyms({ secretKey, keepOwn: await isMasked(db) })
  const emptied = Object.keys(rules).filter((table) => 'emptied' in (rules[table] ?? {}))
  for (const table of emptied) {
    await empty(db, engine, table)
  }
  const masked: Record<string, number> = {}
  for (const [table, rule] of Object.entries(rules)) {
    const treated = 'emptied' in rule ? [] : Object.entries(rule.columns).filter(([, treatment]) => treatment !== 'Keep')
    if (treated.length > 0) {
      masked[table] = await maskTable({ ...options, pseudonyms, table, treated })
    }
  }
  await removeTraces(db, engine)
  return { masked, emptied }
}

/** The mark of an instance is in no archive, so what bears one is no copy. */
async function assertScratch(db: Kysely<Database>): Promise<void> {
  const identity = await db.selectFrom('notejam_identity').select('instance_uid').executeTakeFirst()
  if (identity !== undefined && identity.instance_uid !== scratchUid) {
    throw new AppError(`the database belongs to instance ${identity.instance_uid}: only a copy is masked`, {
      code: 'FenceRefused',
      exitCode: exitCodes.fenceRefused,
    })
  }
}

/** Whether all accounts have the password of masked ones; no user can bring that about, since each hash has a salt of its own. */
async function isMasked(db: Kysely<Database>): Promise<boolean> {
  const other = await db.selectFrom('users').select('id').where('password_hash', '<>', seedPasswordHash).executeTakeFirst()
  return other === undefined
}

async function empty(db: Kysely<Database>, engine: Engine, table: string): Promise<void> {
  if (engine !== 'sqlite') {
    await sql`truncate table ${sql.table(table)}`.execute(db)
  } else if (table === 'note_search') {
    // "delete" would only mark the words as gone.
    await sql`insert into note_search (note_search) values ('delete-all')`.execute(db)
  } else {
    await sql`delete from ${sql.table(table)}`.execute(db)
  }
}

interface TableOptions extends MaskOptions {
  readonly pseudonyms: Pseudonyms
  readonly table: string
  readonly treated: readonly (readonly [column: string, treatment: Treatment])[]
}

async function maskTable(options: TableOptions): Promise<number> {
  const { db, table, treated, signal, onProgress } = options
  const total = await count(db, table)
  await clearAddressKeys(options)
  const columns = treated.map(([column]) => column)
  let done = 0
  let last = 0
  for (;;) {
    signal?.throwIfAborted()
    const ids = await nextBatch(db, table, columns, last)
    if (ids.length === 0) {
      return done
    }
    await db.transaction().execute((transaction) => maskRows(transaction, ids, options))
    done += ids.length
    last = ids.at(-1) ?? last
    onProgress?.({ table, done, total })
  }
}

/**
 * Makes room among unique keys: somebody may have signed up with the pseudonym of another, which that other gets while the row of the first is still to come.
 * What has no `@` is nobody's key.
 */
async function clearAddressKeys({ db, table, treated }: TableOptions): Promise<void> {
  for (const [column, treatment] of treated) {
    if (typeof treatment === 'string' || treatment.key !== 'AddressKey') continue
    await sql`update ${sql.table(table)} set ${sql.ref(column)} = concat('#', id)`.execute(db)
  }
}

async function count(db: Kysely<Database>, table: string): Promise<number> {
  const { rows } = await sql<{ total: number | string }>`select count(*) as total from ${sql.table(table)}`.execute(db)
  return Number(rows[0]?.total ?? 0)
}

/** Ids of the rows that are masked together: as many as make a batch, at least one. */
async function nextBatch(db: Kysely<Database>, table: string, columns: readonly string[], last: number): Promise<number[]> {
  const lengths = columns.map((column) => sql`coalesce(length(${sql.ref(column)}), 0)`)
  const { rows } = await sql<{ id: number; size: number | string }>`
    select id, ${sql.join(lengths, sql` + `)} as size from ${sql.table(table)} where id > ${last} order by id limit ${batchRows}`.execute(
    db,
  )
  let sum = 0
  const fitting = rows.filter(({ size }) => {
    sum += Number(size)
    return sum <= batchCharacters
  })
  return (fitting.length === 0 ? rows.slice(0, 1) : fitting).map(({ id }) => id)
}

async function maskRows(db: Kysely<Database>, ids: readonly number[], options: TableOptions): Promise<void> {
  const { table, treated, engine } = options
  const columns = treated.map(([column]) => column)
  const { rows } = await sql<Row>`
    select id, ${sql.join(readColumns(table, treated).map((column) => sql.ref(column)))} from ${sql.table(table)} where id in (${sql.join(ids)})`.execute(
    db,
  )
  const masked = rows.map((row) => maskRow(row, options))
  const changes = columns.map((column) => {
    const cases = masked.map((row) => sql`when ${row.id} then ${row[column]}`)
    return sql`${sql.ref(column)} = case id ${sql.join(cases, sql` `)} end`
  })
  await sql`update ${sql.table(table)} set ${sql.join(changes)} where id in (${sql.join(ids)})`.execute(db)
  if (table === 'notes') {
    const entries = masked.map((row) => ({ noteId: row.id, words: searchWords(String(row['name']), String(row['text'])) }))
    await putSearchWords(db, engine, entries)
  }
}

/** What is changed, and what keys and search words are made from. */
function readColumns(table: string, treated: TableOptions['treated']): string[] {
  const sources = treated.map(([column, treatment]) => (typeof treatment === 'string' ? column : treatment.of))
  return [...new Set([...sources, ...(table === 'notes' ? ['name', 'text'] : [])])]
}

function maskRow(row: Row, { table, treated, pseudonyms }: TableOptions): Row {
  const masked: Record<string, unknown> & { readonly id: number } = { ...row }
  for (const [column, treatment] of treated) {
    const value = row[column]
    if (typeof treatment === 'string' && typeof value === 'string') {
      masked[column] = replace(value, treatment, pseudonyms, { table, column, id: masked.id })
    }
  }
  for (const [column, treatment] of treated) {
    if (typeof treatment !== 'string') {
      masked[column] = (treatment.key === 'AddressKey' ? emailKey : nameKey)(String(masked[treatment.of]))
    }
  }
  return masked
}

function replace(
  value: string,
  treatment: Extract<Treatment, string>,
  pseudonyms: Pseudonyms,
  place: { readonly table: string; readonly column: string; readonly id: number },
): string {
  switch (treatment) {
    case 'Keep': {
      return value
    }
    case 'Address': {
      return pseudonyms.address(value)
    }
    case 'Text': {
      return maskText(value, place)
    }
    case 'Identifier': {
      return pseudonyms.identifier(value)
    }
    case 'PasswordHash': {
      return seedPasswordHash
    }
  }
}

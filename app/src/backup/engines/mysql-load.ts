import { pipeline } from 'node:stream/promises'
import { sql, type Kysely } from 'kysely'
import { gonePrefix, listTables, sidePrefix } from '../../db/catalog.ts'
import type { Database } from '../../db/schema.ts'
import { summedTables } from '../archived-tables.ts'
import { startTool } from '../child.ts'
import { assertSums } from '../compare-sums.ts'
import type { TableSum } from '../row-hash.ts'
import { quoted, rowSumQuery, tableSum, type SumRow } from '../row-sum-query.ts'
import type { LoadOptions } from './data-engine.ts'
import { mysqlOptionFile } from './mysql-option-file.ts'
import { intoSideTables, runPrefix, sideConstraints } from './mysql-side-tables.ts'
import { serverOf } from './server-of.ts'

/** Accounts of one query while the list of erased ones is applied. */
const batch = 5000

/**
 * Restores by the `mariadb` client into tables beside those that are served, sums up their rows, and puts them in place by one `RENAME TABLE`, which
 * happens as a whole or not at all (MariaDB 10.6 and MySQL 8 also when the server dies). Whoever is killed before leaves tables that the next run
 * drops; behind it, only the tables that went and names of constraints are left to be cleaned.
 */
export async function loadMysql(options: LoadOptions): Promise<number> {
  const { db, manifest, replaced, signal } = options
  const names = manifest.tables.map(({ name }) => name)
  const prefix = runPrefix()
  await dropTables(db, await leftovers(db))
  await fill(options, prefix)
  assertSums(manifest.tables, await sums(options, prefix))
  const erased = await erase(options, prefix)
  options.onLoaded()
  signal.throwIfAborted()
  const away = replaced.map((name) => `${quoted('mysql', name)} to ${quoted('mysql', `${gonePrefix}${name}`)}`)
  const home = names.map((name) => `${quoted('mysql', `${prefix}${name}`)} to ${quoted('mysql', name)}`)
  await sql.raw(`rename table ${[...away, ...home].join(', ')}`).execute(db)
  await dropTables(db, await leftovers(db))
  await nameConstraints(db, names)
  return erased
}

async function leftovers(db: Kysely<Database>): Promise<string[]> {
  const tables = await listTables(db, 'mysql')
  return tables.filter((name) => name.startsWith(sidePrefix) || name.startsWith(gonePrefix))
}

async function dropTables(db: Kysely<Database>, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return
  await withoutForeignKeys(db, () => sql.raw(`drop table if exists ${tables.map((name) => quoted('mysql', name)).join(', ')}`).execute(db))
}

async function withoutForeignKeys(db: Kysely<Database>, work: () => Promise<unknown>): Promise<void> {
  await sql`set session foreign_key_checks = 0`.execute(db)
  try {
    await work()
  } finally {
    await sql`set session foreign_key_checks = 1`.execute(db)
  }
}

async function fill({ config, scratch, signal, content }: LoadOptions, prefix: string): Promise<void> {
  const server = serverOf(config)
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const client = startTool({
    command: 'mariadb',
    args: [
      `--defaults-file=${await mysqlOptionFile(server, scratch, 'restore')}`,
      ...['--batch', '--binary-mode', '--default-character-set=utf8mb4', '--max-allowed-packet=64M', server.database],
    ],
    signal: either,
  })
  // It answers nothing; what it might say is not to fill the pipe.
  client.stdout.resume()
  let failure: { readonly error: unknown } | undefined
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* intoSideTables(content, prefix)
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  try {
    const [fed, ran] = await Promise.allSettled([pipeline([watched(), client.stdin], { signal: either }), client.done])
    signal.throwIfAborted()
    if (failure !== undefined) throw failure.error
    if (ran.status === 'rejected') throw ran.reason
    if (fed.status === 'rejected') throw fed.reason
  } finally {
    over.abort()
    await client.done.catch(() => undefined)
  }
}

async function sums({ db, manifest, signal }: LoadOptions, prefix: string): Promise<TableSum[]> {
  const found: TableSum[] = []
  const loaded = new Set(await leftovers(db))
  for (const { name } of manifest.tables) {
    signal.throwIfAborted()
    const side = `${prefix}${name}`
    if (!loaded.has(side)) continue
    const [table] = await summedTables(db, 'mysql', [side])
    const { rows } = await sql.raw<SumRow>(rowSumQuery('mysql', { name, columns: table?.columns ?? [] }, side)).execute(db)
    found.push(tableSum(name, rows[0]))
  }
  return found
}

/** Deletes again who is on the list, in the tables that are not served yet, and writes the list down. */
async function erase({ db, erase: plan, manifest, signal }: LoadOptions, prefix: string): Promise<number> {
  if (plan.erased.length === 0 || !manifest.tables.some(({ name }) => name === 'erased_accounts')) return 0
  const users = sql.table(`${prefix}users`)
  let erased = 0
  for (let last = 0; ;) {
    signal.throwIfAborted()
    const { rows } = await sql<{
      id: number
      email_key: string
    }>`select id, email_key from ${users} where id > ${last} order by id limit ${sql.lit(batch)}`.execute(db)
    const ids = rows.filter(({ id, email_key }) => plan.isErased({ id, emailKey: email_key })).map(({ id }) => id)
    if (ids.length > 0) {
      const mails = sql.table(`${prefix}mail_outbox`)
      await sql`delete from ${mails} where recipient in (select email from ${users} where id in (${sql.join(ids)}))`.execute(db)
      // Everything else of an account goes with it by its foreign keys.
      await sql`delete from ${users} where id in (${sql.join(ids)})`.execute(db)
      erased += ids.length
    }
    const end = rows.at(-1)
    if (end === undefined || rows.length < batch) break
    last = end.id
  }
  for (let from = 0; from < plan.erased.length; from += batch) {
    const values = plan.erased.slice(from, from + batch).map(({ idHash, erasedAt }) => sql`(${idHash}, ${erasedAt})`)
    await sql`insert ignore into ${sql.table(`${prefix}erased_accounts`)} (id_hash, erased_at) values ${sql.join(values)}`.execute(db)
  }
  return erased
}

/** Gives foreign keys the names that migrations know. Only names change: what they say was true all the time, so nothing is checked again. */
async function nameConstraints(db: Kysely<Database>, tables: readonly string[]): Promise<void> {
  await withoutForeignKeys(db, async () => {
    for (const table of tables) {
      const { rows } = await sql.raw<Record<string, string>>(`show create table ${quoted('mysql', table)}`).execute(db)
      const constraints = sideConstraints(rows[0]?.['Create Table'] ?? '')
      if (constraints.length === 0) continue
      const changes = constraints.flatMap(({ sideName: side, name, definition }) => [
        `drop foreign key ${quoted('mysql', side)}`,
        `add constraint ${quoted('mysql', name)} ${definition}`,
      ])
      await sql.raw(`alter table ${quoted('mysql', table)} ${changes.join(', ')}`).execute(db)
    }
  })
}

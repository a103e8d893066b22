import { join } from 'node:path'
import { sql, type Kysely } from 'kysely'
import { archivedTables, summedTables } from '../../app/src/backup/archived-tables.ts'
import type { SummedTable } from '../../app/src/backup/row-sum-query.ts'
import { systemClock } from '../../app/src/clock.ts'
import { parseDatabase, type DatabaseConfig } from '../../app/src/db/database-config.ts'
import type { Engine } from '../../app/src/db/engine.ts'
import { readLedger } from '../../app/src/db/ledger.ts'
import { migrate } from '../../app/src/db/migrate.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { jobLimits } from '../../app/src/db/pool-limits.ts'
import type { Database } from '../../app/src/db/schema.ts'
import { startLocalMariadb } from './local-mariadb.ts'
import { startLocalPostgres } from './local-postgres.ts'

/** A database of one engine that is full of notes. */
export interface DataWorld extends AsyncDisposable {
  readonly url: string
  readonly config: DatabaseConfig
  /** What an archive of it holds. */
  readonly tables: readonly SummedTable[]
}

/** Bytes of a note's text. */
const noteBytes = 2000
/** Notes that are made word by word; further ones repeat them, far out of the reach of zstd's window (2 MiB at level 3). */
const ownNotes = 131_072
const claim = { instanceUid: 'bench', environment: 'Development', fingerprint: undefined, adopt: undefined }

/** Starts a server (SQLite: makes a file in `folder`) and fills it with notes of so many MiB. */
export async function startDataWorld(
  engine: Engine,
  { mebibytes, folder }: { readonly mebibytes: number; readonly folder: string },
): Promise<DataWorld> {
  const server = engine === 'sqlite' ? undefined : await (engine === 'postgres' ? startLocalPostgres() : startLocalMariadb())
  try {
    const url = server?.url ?? `sqlite:${join(folder, 'notejam.db')}`
    const config = parseDatabase(
      { DATABASE_URL: url },
      { needed: true, valueOrFile: (environment, name) => environment[name], problems: [] },
    )
    const tables = await fillDatabase(config, mebibytes)
    return { url, config, tables, [Symbol.asyncDispose]: async () => server?.[Symbol.asyncDispose]() }
  } catch (error) {
    await server?.[Symbol.asyncDispose]()
    throw error
  }
}

/** Notes of random words, which compress as texts do. @returns the tables that an archive holds */
async function fillDatabase(config: DatabaseConfig, mebibytes: number): Promise<readonly SummedTable[]> {
  const opened = await openDatabase(config, { limits: jobLimits })
  try {
    const { db, engine } = opened
    for (const phase of ['expand', 'contract'] as const) {
      await db
        .connection()
        .execute((connection) =>
          migrate({ db: connection, engine, clock: systemClock, migrations, phase, dryRun: false, claim, lockedForMs: 1000 }),
        )
    }
    await sql`insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('b@x', 'b@x', '$argon2id$', 1, 1)`.execute(
      db,
    )
    const { id } = await db.selectFrom('users').select('id').executeTakeFirstOrThrow()
    const total = Math.ceil((mebibytes * 1_048_576) / noteBytes)
    await writeNotes(db, { userId: id, total: Math.min(total, ownNotes) })
    await repeatNotes(db, total)
    const names = await archivedTables(db, engine, await readLedger(db, engine))
    // SQLite's index has no rows that a person could sum up.
    return await summedTables(db, engine, engine === 'sqlite' ? names.filter((name) => name !== 'note_search') : names)
  } finally {
    await opened.close()
  }
}

async function writeNotes(db: Kysely<Database>, { userId, total }: { readonly userId: number; readonly total: number }): Promise<void> {
  const text = createTexts()
  for (let at = 0; at < total; at += 500) {
    const rows = Array.from({ length: Math.min(500, total - at) }, (_, index) => {
      const name = `note ${at + index}`
      return { user_id: userId, name, name_key: name, text: text(), created_at: at + index, updated_at: at + index }
    })
    await db.insertInto('notes').values(rows).execute()
  }
}

function createTexts(): () => string {
  const vocabulary = Array.from({ length: 4000 }, (_, at) => (Math.imul(at + 1, 2_654_435_761) >>> 0).toString(36).slice(0, 3 + (at % 6)))
  let state = 1
  return () => {
    const parts: string[] = []
    for (let length = 0; length < noteBytes;) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const word = vocabulary[(state >>> 8) % vocabulary.length] ?? ''
      parts.push(word, parts.length % 24 === 22 ? '\n' : ' ')
      length += word.length + 1
    }
    return parts.join('')
  }
}

/** Copies notes within the database until there are so many; sent over a connection, 8 GiB would take minutes. */
async function repeatNotes(db: Kysely<Database>, total: number): Promise<void> {
  for (let have = Math.min(total, ownNotes); have < total;) {
    const more = Math.min(ownNotes, total - have)
    await sql`insert into notes (user_id, name, name_key, text, created_at, updated_at)
      select user_id, name, name_key, text, created_at + ${sql.lit(have)}, updated_at from notes where created_at < ${sql.lit(more)}`.execute(
      db,
    )
    have += more
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql, type Kysely } from 'kysely'
import { archivedTables, summedTables } from '../../app/src/backup/archived-tables.ts'
import { rowSumQuery, type SummedTable } from '../../app/src/backup/row-sum-query.ts'
import { systemClock } from '../../app/src/clock.ts'
import { parseDatabase, type DatabaseConfig } from '../../app/src/db/database-config.ts'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import { readLedger } from '../../app/src/db/ledger.ts'
import { migrate } from '../../app/src/db/migrate.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { jobLimits } from '../../app/src/db/pool-limits.ts'
import type { Database } from '../../app/src/db/schema.ts'
import { createAgeKeys } from '../app/age-keys.ts'
import { imageEnvironment } from '../app/app-process.ts'
import { useDataTools } from '../app/data-tools.ts'
import { startLocalMariadb } from './local-mariadb.ts'
import { startLocalPostgres } from './local-postgres.ts'
import { bundleApp } from './processes.ts'

/**
 * `make bench-data`: backup and restore beside the raw tools by hand, doing the same work (dump, sums of rows, zstd, age, SHA-256, a file on the disk), on
 * servers of this machine: `node test/bench/data.ts [MIB] [ENGINE…]`.
 */
const words = process.argv.slice(2)
const mebibytes = Number(words.find((word) => /^\d+$/.test(word)) ?? 1024)
const chosen = engines.filter((engine) => words.includes(engine))
/** Bytes of a note's text. */
const noteBytes = 2000
const claim = { instanceUid: 'bench', environment: 'Development', fingerprint: undefined, adopt: undefined }
const rssBarMiB = 128
const speedBar = 0.8

// Clients and servers are both of this machine.
process.env['NOTEJAM_TEST_POSTGRES'] ??= 'local'
await useDataTools()
const folder = mkdtempSync(join(tmpdir(), 'notejam-bench-data-'))
let missed = false
try {
  const keys = createAgeKeys()
  writeFileSync(join(folder, 'identity'), `${keys.identity}\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'recipients'), `${keys.recipient}\n`)
  const entry = bundleApp(folder)
  console.log(
    `${mebibytes} MiB of notes; seconds, and the speed of ours by that of the tools by hand (bar ≥ ${speedBar}); memory of our process`,
  )
  for (const engine of chosen.length === 0 ? engines : chosen) await measure(engine, { entry, recipient: keys.recipient })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = missed ? 1 : 0

async function measure(engine: Engine, { entry, recipient }: { readonly entry: string; readonly recipient: string }): Promise<void> {
  await using server = engine === 'sqlite' ? undefined : await (engine === 'postgres' ? startLocalPostgres() : startLocalMariadb())
  const url = server?.url ?? `sqlite:${join(folder, 'notejam.db')}`
  const config = parseDatabase({ DATABASE_URL: url }, { needed: true, valueOrFile: (environment, name) => environment[name], problems: [] })
  const tables = await fillDatabase(config)
  const store = join(folder, `store-${engine}`)
  mkdirSync(store)
  const env = {
    ...{
      ...imageEnvironment,
      PATH: process.env['PATH'],
      DATABASE_URL: url,
      LOG_LEVEL: 'warn',
      SCRATCH_DIR: folder,
      TERMINATION_LOG: '/dev/null',
    },
    ...{ STORE_PATH: store, STORE_RECIPIENTS: recipient, STORE_IDENTITY_FILE: join(folder, 'identity'), SECRET_KEY: 'bench'.repeat(10) },
    ...{ NOTEJAM_NAMESPACE: 'bench', NOTEJAM_INSTANCE: 'bench', NOTEJAM_INSTANCE_UID: 'bench' },
  }
  const hand = handwork(engine, config, tables)
  const rows: [string, Run, Run][] = []
  const handBackup = await run('bash', ['-c', hand.backup], {})
  rows.push(['backup', handBackup, await run(process.execPath, [entry, 'backup', '--reason', 'OnDemand'], env)])
  const handRestore = await run('bash', ['-c', hand.restore], {})
  rows.push(['restore', handRestore, await run(process.execPath, [entry, 'restore', '--confirm', 'bench'], env)])
  for (const [what, byHand, ours] of rows) {
    const speed = byHand.seconds / ours.seconds
    const holds = speed >= speedBar && ours.peakMiB <= rssBarMiB
    if (!holds) missed = true
    console.log(
      `${holds ? '    ' : 'MISS'} ${engine.padEnd(9)} ${what.padEnd(8)} by hand ${byHand.seconds.toFixed(1).padStart(6)} s  ours ${ours.seconds.toFixed(1).padStart(6)} s  speed ${speed.toFixed(2)}  memory ${ours.peakMiB.toFixed(0)} MiB`,
    )
  }
  rmSync(store, { recursive: true })
}

interface Run {
  readonly seconds: number
  /** Most resident memory of the process itself. */
  readonly peakMiB: number
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<Run> {
  const started = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
  let peakMiB = 0
  const timer = setInterval(() => {
    try {
      peakMiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
    } catch {
      // It has ended.
    }
  }, 20)
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(timer)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - started) / 1000, peakMiB }
}

/** The same work by hand, as a person would write it. */
function handwork(
  engine: Engine,
  config: DatabaseConfig,
  tables: readonly SummedTable[],
): { readonly backup: string; readonly restore: string } {
  const seal = `zstd -q -3 | age -R ${folder}/recipients | tee >(sha256sum > ${folder}/sum) > ${folder}/hand.age && sync ${folder}/hand.age`
  const unseal = `age -d -i ${folder}/identity ${folder}/hand.age | zstd -q -d`
  const sums = join(folder, `sums-${engine}.sql`)
  writeFileSync(
    sums,
    tables.map((table) => `${engine === 'sqlite' ? `select * from ${table.name}` : rowSumQuery(engine, table)};\n`).join(''),
  )
  if (config.engine === 'sqlite') {
    const rows = (file: string) => `sqlite3 ${file} < ${sums} | sha256sum > /dev/null`
    return {
      backup: `set -eo pipefail; sqlite3 ${config.path} ".backup ${folder}/copy.db"; ${rows(`${folder}/copy.db`)}; cat ${folder}/copy.db | ${seal}; rm ${folder}/copy.db`,
      restore: `set -eo pipefail; ${unseal} > ${folder}/back.db; sync ${folder}/back.db; ${rows(`${folder}/back.db`)}; rm ${folder}/back.db`,
    }
  }
  if (config.engine === 'postgres') {
    const at = `-h ${config.host} -p ${config.port} -U ${config.user}`
    const query = (name: string) => `psql ${at} -q -f ${sums} ${name} > /dev/null`
    return {
      backup: `set -eo pipefail; ${query(config.database)} & pg_dump ${at} -Fc -Z0 ${config.database} | ${seal}; wait`,
      restore: `set -eo pipefail; psql ${at} -q -c 'create database hand' postgres; ${unseal} | pg_restore ${at} --single-transaction -d hand; ${query('hand')}; psql ${at} -q -c 'drop database hand' postgres`,
    }
  }
  const at = `-h ${config.host} -P ${config.port} -u ${config.user} -p${config.password}`
  const query = (prefix: string) => `mariadb ${at} ${config.database} < ${prefix} > /dev/null`
  const side = join(folder, 'sums-side.sql')
  writeFileSync(side, tables.map((table) => `${rowSumQuery('mysql', table, `hand_${table.name}`)};\n`).join(''))
  const drop = `set foreign_key_checks=0; drop table ${tables.map(({ name }) => `hand_${name}`).join(', ')}`
  const rename = `sed -E '/^\\(/!s/(INSERT INTO |CREATE TABLE |CONSTRAINT |REFERENCES )\`/\\1\`hand_/'`
  return {
    backup: `set -eo pipefail; ${query(sums)} & mariadb-dump ${at} --single-transaction --quick --no-autocommit --skip-add-drop-table --skip-add-locks --skip-disable-keys --no-tablespaces ${config.database} ${tables.map(({ name }) => name).join(' ')} | ${seal}; wait`,
    restore: `set -eo pipefail; ${unseal} | ${rename} | mariadb ${at} ${config.database}; ${query(side)}; mariadb ${at} ${config.database} -e '${drop}'`,
  }
}

/** Notes of random words, which compress as texts do. @returns the tables that an archive holds */
async function fillDatabase(config: DatabaseConfig): Promise<readonly SummedTable[]> {
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
    await writeNotes(db, id)
    const names = await archivedTables(db, engine, await readLedger(db, engine))
    // SQLite's index has no rows that a person could sum up.
    return await summedTables(db, engine, engine === 'sqlite' ? names.filter((name) => name !== 'note_search') : names)
  } finally {
    await opened.close()
  }
}

async function writeNotes(db: Kysely<Database>, userId: number): Promise<void> {
  const vocabulary = Array.from({ length: 4000 }, (_, at) => (Math.imul(at + 1, 2_654_435_761) >>> 0).toString(36).slice(0, 3 + (at % 6)))
  let state = 1
  const text = (): string => {
    const parts: string[] = []
    for (let length = 0; length < noteBytes;) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const word = vocabulary[(state >>> 8) % vocabulary.length] ?? ''
      parts.push(word, parts.length % 24 === 22 ? '\n' : ' ')
      length += word.length + 1
    }
    return parts.join('')
  }
  const total = Math.ceil((mebibytes * 1_048_576) / noteBytes)
  for (let at = 0; at < total; at += 500) {
    const rows = Array.from({ length: Math.min(500, total - at) }, (_, index) => {
      const name = `note ${at + index}`
      return { user_id: userId, name, name_key: name, text: text(), created_at: at + index, updated_at: at + index }
    })
    await db.insertInto('notes').values(rows).execute()
  }
}

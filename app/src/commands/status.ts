import { sql, type Kysely } from 'kysely'
import { listTables } from '../db/catalog.ts'
import { readLedger } from '../db/ledger.ts'
import { codeLevel, migrations } from '../db/migrations/all.ts'
import type { Database } from '../db/schema.ts'
import type { ExitCode } from '../errors.ts'
import { upgradeFrom, version } from '../version.ts'
import { runDatabaseJob } from './job.ts'

const counted = ['users', 'pads', 'notes', 'sessions', 'api_tokens'] as const

/** `status`: what the database holds, and what this image makes of it. Changes nothing. */
export function statusCommand(): Promise<ExitCode> {
  return runDatabaseJob('status', async ({ database: { db, engine } }) => {
    const ledger = await readLedger(db, engine)
    const done = ledger.applied.filter((row) => row.applied_at > 0)
    const pending = migrations.filter(({ number }) => !done.some((row) => row.number === number))
    return {
      outcome: 'Ok',
      version,
      upgradeFrom,
      engine,
      database: ledger.state,
      schemaVersion: done.at(-1)?.number ?? 0,
      codeLevel,
      oldestCodeServed: ledger.oldestCodeServed,
      pending: pending.map(({ number, phase }) => `${number}:${phase}`),
      rows: await countRows(db, await listTables(db, engine)),
      ...(ledger.identity === undefined
        ? {}
        : {
            identity: {
              instanceUID: ledger.identity.instance_uid,
              environment: ledger.identity.environment,
              fingerprint: ledger.identity.fingerprint,
            },
          }),
    }
  })
}

async function countRows(db: Kysely<Database>, tables: readonly string[]): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const table of counted.filter((name) => tables.includes(name))) {
    const { rows: answer } = await sql<{ count: number | string }>`select count(*) as count from ${sql.table(table)}`.execute(db)
    rows[table] = Number(answer[0]?.count ?? 0)
  }
  return rows
}

import { sql, type Kysely } from 'kysely'
import type { Database } from '../../db/schema.ts'
import { summedTables } from '../archived-tables.ts'
import { startTool } from '../child.ts'
import type { TableSum } from '../row-hash.ts'
import { quoted } from '../row-sum-query.ts'
import { sumRows } from '../sum-rows.ts'
import type { DataEngine, Snapshot, SnapshotOptions } from './data-engine.ts'
import { loadPostgres } from './postgres-load.ts'
import { libpqEnvironment } from './postgres-connection.ts'
import { serverOf } from './server-of.ts'

/**
 * PostgreSQL: `pg_dump` reads the snapshot that a transaction of ours exports, and the server itself adds up the rows of that snapshot meanwhile.
 *
 * The dump is in the custom format, not compressed by `pg_dump`: zstd does that faster and smaller.
 */
export const postgresEngine: DataEngine = {
  format: 'pg_dump-custom',
  withSnapshot: (options, work) =>
    options.database.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (transaction) => {
        // This transaction only waits for most of its life, which a server may be set to end.
        await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction)
        const snapshot = await takeSnapshot(transaction, options)
        options.signal.addEventListener('abort', snapshot.cancel)
        try {
          return await work(snapshot)
        } catch (error) {
          // A query that still runs would hold up the end of the transaction.
          snapshot.cancel()
          throw error
        } finally {
          options.signal.removeEventListener('abort', snapshot.cancel)
        }
      }),
  load: loadPostgres,
}

interface CancellableSnapshot extends Snapshot {
  /** Ends the query that adds up rows, if one runs. */
  readonly cancel: () => void
}

async function takeSnapshot(transaction: Kysely<Database>, options: SnapshotOptions): Promise<CancellableSnapshot> {
  const facts = await sql<{
    id: string
    version: string
    schema: string
    pid: number
  }>`select pg_export_snapshot() as id, pg_backend_pid() as pid, current_setting('server_version') as version, current_schema() as schema`.execute(
    transaction,
  )
  const [{ id, version, schema, pid } = { id: '', version: '', schema: '', pid: 0 }] = facts.rows
  const tables = await summedTables(transaction, 'postgres', options.tables)
  const over = new AbortController()
  const sum = () => sumRows(transaction, { engine: 'postgres', tables, signal: AbortSignal.any([options.signal, over.signal]) })
  let summing: Promise<readonly TableSum[]> | undefined
  return {
    engineVersion: version,
    databaseSchema: schema,
    content: dump(options, { id, schema }, () => {
      summing = sum()
      summing.catch(() => undefined)
    }),
    sums: () => summing ?? sum(),
    cancel: () => {
      over.abort()
      sql`select pg_cancel_backend(${pid})`.execute(options.database.db).catch(() => undefined)
    },
  }
}

async function* dump(
  { config, scratch, signal, tables }: SnapshotOptions,
  snapshot: { readonly id: string; readonly schema: string },
  onStart: () => void,
): AsyncGenerator<Uint8Array> {
  const over = new AbortController()
  const tool = startTool({
    command: 'pg_dump',
    args: [
      ...['--format=custom', '--compress=0', '--no-owner', '--no-privileges', '--no-comments', '--no-security-labels', '--no-tablespaces'],
      ...['--no-publications', '--no-subscriptions', '--lock-wait-timeout=30s', '--no-password', `--snapshot=${snapshot.id}`],
      ...tables.map((name) => `--table=${pattern(snapshot.schema)}.${pattern(name)}`),
    ],
    env: await libpqEnvironment(serverOf(config), scratch, 'notejam-pg-dump'),
    signal: AbortSignal.any([signal, over.signal]),
  })
  tool.stdin.end()
  onStart()
  try {
    yield* tool.stdout as AsyncIterable<Uint8Array>
    await tool.done
  } finally {
    over.abort()
  }
}

/** A name as `--table` takes it: quoted, so that it is no pattern. */
function pattern(name: string): string {
  return quoted('postgres', name)
}

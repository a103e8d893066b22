import { createReadStream } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { listTables, ledgerTables, shadowTables } from '../../db/catalog.ts'
import { sql } from 'kysely'
import { messageOf, AppError } from '../../errors.ts'
import { quoted } from '../row-sum-query.ts'
import type { TableSum } from '../row-hash.ts'
import type { DataEngine, SnapshotOptions } from './data-engine.ts'
import { loadSqlite } from './sqlite-load.ts'
import { sqliteSums } from './sqlite-sums.ts'

/** Pages of one step: more than any file has. */
const allPages = 2_147_483_647
/** Bytes of one read of the copy. */
const readBytes = 256 * 1024

/**
 * SQLite: its online backup API copies the file into the scratch folder, all pages in one step, in a thread of its own: writers are not held up (the
 * database has a write-ahead log) and the copy is of one moment. What does not belong into an archive is deleted in the copy, overwritten by zeros.
 */
export const sqliteEngine: DataEngine = {
  format: 'sqlite',
  withSnapshot: async (options, work) => {
    const path = options.scratch.path('snapshot.db')
    await copy(options, path)
    const { rows } = await sql<{ version: string }>`select sqlite_version() as version`.execute(options.db)
    await prepareCopy(options, path)
    let summing: Promise<readonly TableSum[]> | undefined
    const over = new AbortController()
    const sum = () => sumCopy({ ...options, signal: AbortSignal.any([options.signal, over.signal]) }, path)
    const content = async function* (): AsyncGenerator<Uint8Array> {
      // Beside the reading, compressing and encrypting, most of which is the work of other threads and processes.
      summing = sum()
      summing.catch(() => undefined)
      yield* createReadStream(path, { highWaterMark: readBytes, signal: options.signal }) as AsyncIterable<Uint8Array>
    }
    try {
      return await work({ engineVersion: rows[0]?.version ?? 'unknown', content: content(), sums: () => summing ?? sum() })
    } finally {
      // The file goes with its folder, and nobody is to read it then.
      over.abort()
      await summing?.catch(() => undefined)
    }
  },
  load: loadSqlite,
}

async function copy({ config, signal }: SnapshotOptions, path: string): Promise<void> {
  if (config.engine !== 'sqlite') throw new Error('a server is no SQLite file')
  const source = new DatabaseSync(config.path, { readOnly: true, timeout: 5000 })
  try {
    await backup(source, path, { rate: allPages })
  } catch (error) {
    throw new AppError(`the SQLite file could not be copied: ${messageOf(error)}`, { code: 'ToolFailed', cause: error })
  } finally {
    source.close()
  }
  signal.throwIfAborted()
}

async function prepareCopy({ db, tables }: SnapshotOptions, path: string): Promise<void> {
  const present = await listTables(db, 'sqlite')
  const file = new DatabaseSync(path)
  try {
    file.exec('pragma journal_mode = delete; pragma synchronous = off; pragma secure_delete = on; pragma foreign_keys = off')
    if (present.includes('notejam_identity')) file.exec('delete from notejam_identity')
    const own = new Set<string>([...tables, ...shadowTables(tables), ...ledgerTables])
    for (const name of present.filter((table) => !own.has(table))) drop(file, name)
  } finally {
    file.close()
  }
}

async function sumCopy({ tables, signal }: SnapshotOptions, path: string): Promise<readonly TableSum[]> {
  const file = new DatabaseSync(path, { readOnly: true })
  try {
    return await sqliteSums(file, tables, signal)
  } finally {
    file.close()
  }
}

function drop(file: DatabaseSync, name: string): void {
  const row = file.prepare('select type from sqlite_master where name = ?').get(name)
  // A shadow table of somebody's virtual table goes with it.
  if (row !== undefined) file.exec(`drop ${row['type'] === 'view' ? 'view' : 'table'} if exists ${quoted('sqlite', name)}`)
}

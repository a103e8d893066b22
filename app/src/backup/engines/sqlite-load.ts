import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { AppError, exitCodes, messageOf } from '../../errors.ts'
import { databaseErrorKind } from '../../db/database-errors.ts'
import { assertSums, damaged } from '../compare-sums.ts'
import type { LoadOptions } from './data-engine.ts'
import { sqliteSums } from './sqlite-sums.ts'

/** Bytes that may wait to be written. */
const waitingBytes = 1024 * 1024

/**
 * Restores into a file beside the one that is served, checks it, and renames it: the file system does that as a whole or not at all.
 *
 * The old file is opened alone before, which empties its write-ahead log into it (a log that stayed would be read as one of the new file) and fails
 * while any other process has it open: the app must be stopped.
 */
export async function loadSqlite(options: LoadOptions): Promise<number> {
  const { config, database, manifest, signal } = options
  if (config.engine !== 'sqlite') throw new Error('a server is no SQLite file')
  const side = `${config.path}.restoring`
  await removeSide(side)
  try {
    await pipeline(options.content, createWriteStream(side, { flags: 'wx', mode: 0o660, highWaterMark: waitingBytes }), { signal })
    // The disk has time while the rows are read; what changes after that is little.
    const kept = syncFile(side)
    const [finished, first] = await Promise.allSettled([finish(options, side), kept])
    if (finished.status === 'rejected') throw finished.reason
    if (first.status === 'rejected') throw first.reason
    await syncFile(side)
    options.onLoaded()
    signal.throwIfAborted()
    await database.close()
    const old = openAlone(config.path)
    try {
      await rename(side, config.path)
    } finally {
      old.close()
    }
    await syncFile(dirname(config.path))
    return finished.value
  } finally {
    await removeSide(side)
  }

  async function finish({ identity, erase }: LoadOptions, path: string): Promise<number> {
    let file: DatabaseSync | undefined
    try {
      file = new DatabaseSync(path, { enableForeignKeyConstraints: true })
      assertWhole(file)
    } catch (error) {
      file?.close()
      throw error instanceof AppError ? error : damaged(`the archive holds no SQLite file that could be read: ${messageOf(error)}`, error)
    }
    try {
      const present = new Set(tablesOf(file))
      const tables = manifest.tables.map(({ name }) => name).filter((name) => present.has(name))
      assertSums(manifest.tables, await sqliteSums(file, tables, signal))
      // Nobody opens this file after a crash, and it is synchronised as a whole before it gets its name.
      file.exec('pragma synchronous = off; pragma secure_delete = on; begin')
      file.prepare('delete from notejam_identity').run()
      file
        .prepare(
          'insert into notejam_identity (id, instance_uid, environment, fingerprint, recorded_at, last_wipe_id) values (1, ?, ?, ?, ?, ?)',
        )
        .run(identity.instance_uid, identity.environment, identity.fingerprint, identity.recorded_at, identity.last_wipe_id)
      const erased = eraseAccounts(file, erase)
      file.exec('commit')
      return erased
    } finally {
      file.close()
    }
  }
}

function assertWhole(file: DatabaseSync): void {
  const [answer] = Object.values(file.prepare('pragma integrity_check(1)').get() ?? {})
  if (answer !== 'ok') throw damaged(`SQLite finds the file of the archive damaged: ${String(answer)}`)
}

function tablesOf(file: DatabaseSync): string[] {
  return file
    .prepare(`select name from sqlite_master where type = 'table'`)
    .all()
    .map((row) => String(row['name']))
}

function eraseAccounts(file: DatabaseSync, { erased, isErased }: LoadOptions['erase']): number {
  if (erased.length === 0) return 0
  const ids: number[] = []
  for (const row of file.prepare('select id, email_key from users').iterate()) {
    const id = Number(row['id'])
    if (isErased({ id, emailKey: String(row['email_key']) })) ids.push(id)
  }
  const mails = file.prepare('delete from mail_outbox where recipient = (select email from users where id = ?)')
  const account = file.prepare('delete from users where id = ?')
  for (const id of ids) {
    mails.run(id)
    account.run(id)
  }
  const note = file.prepare('insert or ignore into erased_accounts (id_hash, erased_at) values (?, ?)')
  for (const { idHash, erasedAt } of erased) note.run(idHash, erasedAt)
  return ids.length
}

/** @throws {@link AppError} `DatabaseInUse`, exit code 3, while another process has it open */
function openAlone(path: string): DatabaseSync {
  const file = new DatabaseSync(path, { timeout: 2000 })
  try {
    file.exec('pragma locking_mode = exclusive')
    const [mode] = Object.values(file.prepare('pragma journal_mode = delete').get() ?? {})
    if (mode !== 'delete') throw new Error('its write-ahead log could not be closed')
    file.exec('begin exclusive')
    return file
  } catch (error) {
    file.close()
    if (databaseErrorKind(error) !== 'conflict') throw error
    throw new AppError('another process has the SQLite file open: stop the app, and run this again', {
      code: 'DatabaseInUse',
      exitCode: exitCodes.locked,
      cause: error,
    })
  }
}

async function removeSide(side: string): Promise<void> {
  for (const path of [side, `${side}-journal`, `${side}-wal`, `${side}-shm`]) await rm(path, { force: true })
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

import { sql } from 'kysely'
import { AppError, messageOf } from '../../errors.ts'
import { startTool } from '../child.ts'
import type { DataEngine, SnapshotOptions } from './data-engine.ts'
import { MysqlDumpReader } from './mysql-dump-reader.ts'
import { loadMysql } from './mysql-load.ts'
import { mysqlOptionFile } from './mysql-option-file.ts'
import { serverOf } from './server-of.ts'

/** MariaDB and MySQL: `mariadb-dump --single-transaction`, whose rows are added up as they pass. */
export const mysqlEngine: DataEngine = {
  format: 'mariadb-dump',
  withSnapshot: async (options, work) => {
    const { rows } = await sql<{ version: string }>`select version() as version`.execute(options.db)
    const reader = new MysqlDumpReader(options.tables)
    return await work({
      engineVersion: rows[0]?.version ?? 'unknown',
      content: dump(options, reader),
      sums: () => Promise.resolve(reader.sums()),
    })
  },
  load: loadMysql,
}

async function* dump({ config, scratch, signal, tables }: SnapshotOptions, reader: MysqlDumpReader): AsyncGenerator<Uint8Array> {
  const server = serverOf(config)
  const over = new AbortController()
  const tool = startTool({
    command: 'mariadb-dump',
    args: [
      `--defaults-file=${await mysqlOptionFile(server, scratch, 'dump')}`,
      ...['--single-transaction', '--quick', '--no-autocommit', '--skip-add-drop-table', '--skip-add-locks', '--skip-disable-keys'],
      ...['--skip-lock-tables', '--skip-triggers', '--no-tablespaces', '--skip-dump-date', '--default-character-set=utf8mb4'],
      ...['--max-allowed-packet=64M', server.database, ...tables],
    ],
    signal: AbortSignal.any([signal, over.signal]),
  })
  tool.stdin.end()
  try {
    for await (const chunk of tool.stdout as AsyncIterable<Uint8Array>) {
      reader.read(chunk)
      yield chunk
    }
    await tool.done
    whole(reader)
  } finally {
    over.abort()
  }
}

function whole(reader: MysqlDumpReader): void {
  try {
    reader.sums()
  } catch (error) {
    throw new AppError(messageOf(error), { code: 'ToolFailed', cause: error })
  }
}

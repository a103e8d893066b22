import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalMariadb } from '../bench/local-mariadb.ts'
import { startLocalPostgres } from '../bench/local-postgres.ts'
import { runRestartLoad, type RestartLoadOptions, type RestartLoadResult } from '../bench/restart-load.ts'
import { bundleApp } from '../bench/processes.ts'
import type { Proof } from './proof.ts'

/** Half an hour: fifteen restarts, one every two minutes. */
const load: Omit<RestartLoadOptions, 'database' | 'report'> = {
  people: 8,
  requestsPerSecond: 25,
  restarts: 15,
  everyMs: 112_500,
  downMs: 4000,
  modes: ['fast', 'crash'],
}
/** Crashes shortly after writes, of a server that acknowledges before it has written. */
const careless: Omit<RestartLoadOptions, 'database' | 'report'> = {
  ...load,
  requestsPerSecond: 60,
  restarts: 3,
  everyMs: 6000,
  downMs: 500,
  modes: ['crash'],
}

/** Mixed load over half an hour on PostgreSQL and on MariaDB at once, while each is restarted every two minutes, in turns politely and by a crash. */
export const proof: Proof = {
  title:
    'Database restarts every two minutes for half an hour: only requests of that time fail, with 503 and Retry-After, and no acknowledged write is lost',
  run: async (report) => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-restarts-'))
    try {
      const entry = bundleApp(folder)
      await using postgres = await startLocalPostgres()
      await using mariadb = await startLocalMariadb()
      const run = async (name: string, options: RestartLoadOptions): Promise<RestartLoadResult> =>
        runRestartLoad({ ...options, entry, report: (line) => report(`${name}: ${line}`) })
      const [onPostgres, onMariadb] = await Promise.all([
        run('PostgreSQL', { ...load, database: postgres, report }),
        run('MariaDB', { ...load, database: mariadb, report }),
      ])
      await using forgetful = await startLocalPostgres(['synchronous_commit=off', 'wal_writer_delay=10s'])
      const counter = await run('careless PostgreSQL', { ...careless, database: forgetful, report })
      for (const line of [...onPostgres.wrong, ...onPostgres.lostWrites, ...onMariadb.wrong, ...onMariadb.lostWrites].slice(0, 40))
        report(line)
      return {
        passed: holds(onPostgres) && holds(onMariadb) && counter.lostWrites.length > 0,
        figures: {
          ...figures('postgres', onPostgres),
          ...figures('mariadb', onMariadb),
          postgres: postgres.version,
          mariadb: mariadb.version,
        },
        counterTest: `on a PostgreSQL that acknowledges before it writes (synchronous_commit=off): ${counter.lostWrites.length} of ${counter.acknowledgedWrites} acknowledged writes were found to be lost${counter.lostWrites[0] === undefined ? '' : `, such as: ${counter.lostWrites[0]}`}`,
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function holds({ wrong, lostWrites, processEnded, refused }: RestartLoadResult): boolean {
  return wrong.length === 0 && lostWrites.length === 0 && !processEnded && refused > 0
}

function figures(name: string, result: RestartLoadResult): Record<string, number | boolean> {
  return {
    [`${name}Requests`]: result.requests,
    [`${name}Restarts`]: result.restarts,
    [`${name}Refused503`]: result.refused,
    [`${name}FailedOtherwise`]: result.wrong.length,
    [`${name}AcknowledgedWrites`]: result.acknowledgedWrites,
    [`${name}LostWrites`]: result.lostWrites.length,
    [`${name}ProcessEnded`]: result.processEnded,
    [`${name}SlowestRequestMs`]: result.slowestRequestMs,
    [`${name}SlowestRestartMs`]: result.slowestRestartMs,
  }
}

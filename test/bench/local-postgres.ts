import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePorts } from '../cluster/free-ports.ts'
import { type LocalDatabase, ownerOf, runTool, serverProcess } from './local-database.ts'

const debianFolder = '/usr/lib/postgresql'

/** The folder of the newest PostgreSQL that Debian's packages brought; undefined if there is none. */
export function findPostgres(): string | undefined {
  if (!existsSync(debianFolder)) return undefined
  const newest = readdirSync(debianFolder)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debianFolder, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
  return newest
}

/**
 * Makes a PostgreSQL in a temporary folder and serves it.
 *
 * @param settings for its command line, such as `synchronous_commit=off`
 * @throws Error when Debian's `postgresql` is not installed
 */
export async function startLocalPostgres(settings: readonly string[] = []): Promise<LocalDatabase> {
  const binaries = findPostgres()
  if (binaries === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  const folder = mkdtempSync(join(tmpdir(), 'notejam-postgres-'))
  const user = ownerOf(folder, 'postgres')
  const data = join(folder, 'data')
  runTool(join(binaries, 'initdb'), ['-D', data, '-U', 'notejam', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'], user)
  const [port = 0] = await freePorts(1)
  const url = `postgres://notejam@127.0.0.1:${port}/postgres`
  const command = join(binaries, 'postgres')
  const server = serverProcess({
    command,
    args: [
      ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder],
      ...['max_connections=60', ...settings].flatMap((setting) => ['-c', setting]),
    ],
    user,
    // Its manual, "Shutting Down the Server": SIGINT is fast, SIGQUIT immediate, which must recover at the next start.
    signals: { fast: 'SIGINT', crash: 'SIGQUIT' },
    connect: async () => {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
      client.on('error', () => undefined)
      await client.connect()
      await client.end()
    },
  })
  await server.start()
  return {
    url,
    version: runTool(command, ['--version'], user),
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server.stop('crash')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

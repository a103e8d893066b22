import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection, type Connection } from 'mysql2/promise'
import { freePorts } from '../cluster/free-ports.ts'
import { type LocalDatabase, ownerOf, runTool, serverProcess } from './local-database.ts'

const command = '/usr/sbin/mariadbd'
const database = 'notejam'
/** Of a server on loopback that lives as long as its test. */
const password = 'local'

/** Whether Debian's MariaDB is installed. */
export function hasMariadb(): boolean {
  return existsSync(command)
}

/**
 * Makes a MariaDB in a temporary folder and serves it.
 *
 * @param settings for its command line, such as `innodb-flush-log-at-trx-commit=0`
 * @throws Error when Debian's `mariadb-server` is not installed
 */
export async function startLocalMariadb(settings: readonly string[] = []): Promise<LocalDatabase> {
  if (!hasMariadb()) throw new Error('MariaDB is not installed: apt-get install mariadb-server')
  const folder = mkdtempSync(join(tmpdir(), 'notejam-mariadb-'))
  const user = ownerOf(folder, 'mysql')
  const data = join(folder, 'data')
  runTool(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-log-bin'],
    user,
  )
  const [port = 0] = await freePorts(1)
  const url = `mysql://notejam:${password}@127.0.0.1:${port}/${database}`
  const connected = async (address: string, work: (connection: Connection) => Promise<unknown>): Promise<void> => {
    const connection = await createConnection({ uri: address, connectTimeout: 5000 })
    // Without a listener an error of a server that goes away meanwhile ends the process.
    connection.on('error', () => undefined)
    try {
      await work(connection)
    } finally {
      connection.destroy()
    }
  }
  const asRoot = `mysql://root@127.0.0.1:${port}`
  const server = serverProcess({
    command,
    args: [
      ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(folder, 'socket')}`],
      ...['--skip-log-bin', '--skip-name-resolve', '--innodb-buffer-pool-size=128M', ...settings.map((setting) => `--${setting}`)],
    ],
    user,
    signals: { fast: 'SIGTERM', crash: 'SIGKILL' },
    connect: () => connected(asRoot, (connection) => connection.ping()),
  })
  await server.start()
  await connected(asRoot, async (connection) => {
    await connection.query(`create database ${database}`)
    await connection.query(`create user notejam@'%' identified by '${password}'`)
    await connection.query(`grant all on ${database}.* to notejam@'%'`)
  })
  return {
    url,
    version: runTool(command, ['--no-defaults', '--version'], user),
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server.stop('crash')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

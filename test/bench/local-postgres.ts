import { spawnSync, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../cluster/free-ports.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** A PostgreSQL server of our own on loopback, which can be stopped and started again. */
export interface LocalPostgres extends AsyncDisposable {
  readonly url: string
  readonly version: string
  /** Ends the server at once (`immediate`, as a crash) or politely (`fast`). */
  stop(mode: 'fast' | 'immediate'): void
  /** Starts it again on the same port, and returns when it answers. */
  start(): Promise<void>
}

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
 * Makes a cluster in a temporary folder and serves it. PostgreSQL refuses to run as root, so root runs it as `postgres`.
 *
 * @throws Error when Debian's `postgresql` is not installed
 */
export async function startLocalPostgres(): Promise<LocalPostgres> {
  const binaries = findPostgres()
  if (binaries === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  const folder = mkdtempSync(join(tmpdir(), 'notejam-postgres-'))
  const ids = ownerOf(folder)
  const data = join(folder, 'data')
  run(join(binaries, 'initdb'), ['-D', data, '-U', 'notejam', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'], ids)
  const [port = 0] = await freePorts(1)
  let server: ChildProcess | undefined
  const accepts = (): boolean => spawnSync(join(binaries, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).status === 0
  const start = async (): Promise<void> => {
    server = spawn(
      join(binaries, 'postgres'),
      ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'max_connections=60'],
      { ...ids, stdio: 'ignore' },
    )
    await waitFor(accepts, { what: 'PostgreSQL answers', timeoutMs: 30_000, intervalMs: 50 })
  }
  const stop = (mode: 'fast' | 'immediate'): void => {
    if (server?.exitCode === null) run(join(binaries, 'pg_ctl'), ['stop', '-D', data, '-m', mode, '-s', '-w'], ids)
  }
  await start()
  const version = spawnSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim()
  return {
    url: `postgres://notejam@127.0.0.1:${port}/postgres`,
    version,
    stop,
    start,
    [Symbol.asyncDispose]: () => {
      stop('immediate')
      rmSync(folder, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

interface Ids {
  readonly uid?: number
  readonly gid?: number
}

function ownerOf(folder: string): Ids {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  const ids = { uid: id('-u'), gid: id('-g') }
  chownSync(folder, ids.uid, ids.gid)
  return ids
}

function run(command: string, args: readonly string[], ids: Ids): void {
  const { status, stderr } = spawnSync(command, args, { ...ids, encoding: 'utf8', cwd: '/' })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
}

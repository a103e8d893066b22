import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { engines } from '../../app/src/db/engine.ts'
import { createTestDatabase, type TestDatabase } from './databases.ts'
import { notejam, outcomeOf, type Ended } from './notejam.ts'

const environment = (database: TestDatabase) => ({ DATABASE_URL: database.url, LOG_LEVEL: 'warn' })
const ends = (runs: readonly Ended[]) => runs.map((run) => [run.code, outcomeOf(run)])
const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Readonly<Record<string, unknown>>
const owner = ['--instance-uid', 'a', '--environment', 'Development']

/** In the order of the help. */
const all = [
  'serve',
  'migrate',
  'wipe',
  'seed',
  'backup',
  'restore',
  'verify',
  'rehearse',
  'mask',
  'recover',
  'catalog',
  'prune',
  'smoke',
  'status',
]

describe('--help', () => {
  test('lists the commands that there are, each of which explains itself', async () => {
    const { code, stdout } = await notejam(['--help'])
    const commands = [...stdout.matchAll(/^ {2}(\w+)[ \n]/gm)].map(([, name = '']) => name).filter((name) => name !== 'help')

    const helps = await Promise.all(commands.map((name) => notejam([name, '--help'])))

    expect(code).toBe(0)
    expect(commands).toEqual(all)
    expect(helps.map((help) => help.code)).toEqual(commands.map(() => 0))
    for (const [at, name] of commands.entries()) expect(helps[at]?.stdout).toContain(`Usage: notejam ${name}`)
  })

  test('every command of the reference is there, and no other', async () => {
    const reference = await readFile('docs/reference/image-contract.md', 'utf8')
    const named = [...reference.matchAll(/^\| `(\w+)[^`]*` \|/gm)].map(([, name]) => name).filter((name) => /^[a-z]+$/.test(name ?? ''))
    const { stdout } = await notejam(['--help'])

    for (const name of named) expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
    expect(new Set(named)).toEqual(new Set(all))
  })

  test('--version says the version', async () => {
    const { version } = JSON.parse(await readFile('app/package.json', 'utf8')) as { version: string }

    expect(await notejam(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })
})

describe.each(engines)('exit codes on %s', (engine) => {
  test('migrate, seed, status and wipe, one after the other', async () => {
    await using database = await createTestDatabase(engine)
    const env = environment(database)

    const empty = await notejam(['status'], env)
    const early = await notejam(['seed', '--generate', ...owner], env)
    const dry = await notejam(['migrate', '--dry-run', ...owner], env)
    const untouched = await notejam(['status'], env)
    const migrated = await notejam(['migrate', ...owner], env)
    const again = await notejam(['migrate', ...owner], env)
    const contracted = await notejam(['migrate', '--phase', 'contract', ...owner], env)
    const stranger = await notejam(['migrate', '--instance-uid', 'b', '--environment', 'Development'], env)
    const seeded = await notejam(['seed', '--generate', '--users', '1', '--pads', '1', '--notes', '3', ...owner], env)
    const status = await notejam(['status', '--json'], env)
    const { fingerprint } = reportOf(status)['identity'] as { fingerprint: string }
    const refused = await notejam(['wipe', '--instance-uid', 'a', '--fingerprint', 'f'.repeat(fingerprint.length)], env)
    const wiped = await notejam(['wipe', '--instance-uid', 'a', '--fingerprint', fingerprint, '--wipe-id', 'r1'], env)

    expect(ends([empty, early, dry, untouched])).toEqual([
      [0, 'Ok'],
      [1, 'SchemaMissing'],
      [0, expect.stringMatching(/^\w+$/)],
      [0, 'Ok'],
    ])
    expect(reportOf(untouched)).toEqual(reportOf(empty))
    expect(reportOf(empty)).toMatchObject({ database: 'empty', schemaVersion: 0, rows: {} })
    expect(ends([migrated, again, contracted, stranger, seeded, status, refused, wiped])).toEqual([
      [0, 'Migrated'],
      [0, 'NothingToDo'],
      [0, 'Migrated'],
      [6, 'FenceRefused'],
      [0, 'Seeded'],
      [0, 'Ok'],
      [6, 'FenceRefused'],
      [0, 'Wiped'],
    ])
    expect(reportOf(status)).toMatchObject({
      engine,
      database: 'ours',
      schemaVersion: 3,
      codeLevel: 3,
      oldestCodeServed: 2,
      upgradeFrom: '0.1.0',
      pending: [],
      rows: { users: 1, pads: 1, notes: 3, sessions: 0, api_tokens: 0 },
      identity: { instanceUID: 'a', environment: 'Development' },
    })
  })

  test('a schema that is ahead and still serves this code is 0, and is left alone', async () => {
    await using database = await createTestDatabase(engine)
    const env = environment(database)
    await notejam(['migrate'], env)
    await database.admin(`insert into notejam_migrations values (99, 'future', 'expand', 'x', 1, 1, '')`)

    const ahead = await notejam(['migrate'], env)

    expect(ends([ahead])).toEqual([[0, 'AheadCompatible']])
  })
})

describe('commands that cannot do their work', () => {
  test('end with 3 while another holds the lock: migrate, seed, wipe', async () => {
    await using database = await createTestDatabase('sqlite')
    const env = environment(database)
    await notejam(['migrate', ...owner], env)
    const { fingerprint } = reportOf(await notejam(['status'], env))['identity'] as { fingerprint: string }
    const { DatabaseSync } = await import('node:sqlite')
    const lock = new DatabaseSync(`${database.url.slice('sqlite:'.length)}.lock`)
    lock.exec('begin exclusive')

    const runs = await Promise.all([
      notejam(['migrate', '--wait', '0', ...owner], env),
      notejam(['seed', '--generate', '--wait', '0', ...owner], env),
      notejam(['wipe', '--wait', '0', '--instance-uid', 'a', '--fingerprint', fingerprint], env),
    ])
    lock.close()

    expect(ends(runs)).toEqual(Array.from({ length: 3 }, () => [3, 'Locked']))
  })

  test('end with 1 and one message when the database is not there, and with 6 when it is of somebody else', async () => {
    await using foreign = await createTestDatabase('sqlite')
    await foreign.admin('create table somebodys (id integer)')
    const away = { DATABASE_URL: 'postgres://u:planted@127.0.0.1:1/x', LOG_LEVEL: 'silent' }

    const unreachable = await Promise.all([
      notejam(['status'], away),
      notejam(['migrate'], away),
      notejam(['seed', '--generate'], away),
      notejam(['wipe', '--instance-uid', 'a', '--fingerprint', 'f'], away),
    ])
    const refused = await notejam(['migrate', ...owner], environment(foreign))

    expect(unreachable.map(({ code }) => code)).toEqual([1, 1, 1, 1])
    for (const run of unreachable) {
      expect(run.stdout.trim().split('\n')).toHaveLength(1)
      expect(reportOf(run)['message']).toContain('127.0.0.1:1')
      expect(run.stdout + run.stderr).not.toMatch(/planted|node:internal|\bat \w+ \(/)
    }
    expect(refused.code).toBe(6)
    expect(reportOf(refused)['message']).toContain('somebodys')
  })

  test('every report fits into a termination message', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'notejam-report-'))
    try {
      await using database = await createTestDatabase('sqlite')
      const terminationLog = join(folder, 'log')
      const env = { ...environment(database), TERMINATION_LOG: terminationLog }
      for (const args of [['migrate', '--dry-run', ...owner], ['migrate', ...owner], ['status'], ['seed', '--generate', ...owner]]) {
        await writeFile(terminationLog, 'x'.repeat(9000))

        const { stdout } = await notejam(args, env)

        const message = await readFile(terminationLog, 'utf8')
        expect(Buffer.byteLength(message.trimEnd())).toBeLessThanOrEqual(4096)
        expect(message).toBe(stdout)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

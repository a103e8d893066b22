import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { FolderStore } from '../../app/src/archive/stores/folder-store.ts'
import { backup } from '../../app/src/backup/backup.ts'
import { createScratch } from '../../app/src/backup/scratch.ts'
import { systemClock } from '../../app/src/clock.ts'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import { StoreUnavailableError } from '../../app/src/errors.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { confirmed, contentOf, createArchiveWorld, fill, owner, type ArchiveWorld } from './archive-world.ts'
import { createTestDatabase, openTestDatabase, type TestDatabase } from './databases.ts'

const onDemand = ['backup', '--reason', 'OnDemand'] as const

async function filled(engine: Engine, accounts?: number): Promise<TestDatabase> {
  const database = await createTestDatabase(engine)
  await using opened = await openTestDatabase(database)
  await fill(opened, accounts)
  return database
}

describe.each(engines)('backup on %s', (engine) => {
  test('every table comes back as it was, with the numbers that its rows had', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine)
    const before = await contentOf(database)
    await using target = await createTestDatabase(engine)

    const stored = await world.run(database, onDemand)
    const [manifest] = await world.manifests()
    const restored = await world.run(target, ['restore', '--bootstrap', '--instance-uid', 'uid-2'], {
      NOTEJAM_INSTANCE_UID: owner.instanceUid,
    })
    const again = await world.run(target, [...onDemand, '--instance-uid', 'uid-2'])

    expect(stored.report).toMatchObject({ outcome: 'Succeeded', engine, schemaVersion: 3, copies: [{ state: 'Stored' }] })
    expect(restored.report).toMatchObject({ outcome: 'Restored', schemaVersion: 3, rows: stored.report['rows'] })
    expect(await contentOf(target)).toEqual(before)
    expect(again.code).toBe(0)
    const newest = (await world.manifests()).at(-1)
    expect(newest?.tables).toEqual(manifest?.tables)
    expect(manifest?.tables.find(({ name }) => name === 'notes')?.rows).toBe(48)
    expect(manifest?.tables.map(({ name }) => name)).not.toContain('notejam_identity')
    // A row that comes after a restore takes no number that was given before.
    await using opened = await openTestDatabase(target)
    const { max } = await opened.db
      .selectFrom('users')
      .select((from) => from.fn.max('id').as('max'))
      .executeTakeFirstOrThrow()
    await sql`insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('n@x', 'n@x', 'x', 1, 1)`.execute(
      opened.db,
    )
    const added = await opened.db.selectFrom('users').select('id').where('email', '=', 'n@x').executeTakeFirstOrThrow()
    expect(added.id).toBe(max + 1)
  })

  test('nothing that is secret is among arguments, in logs, reports or manifests', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine)
    const password = `planted-password-${engine}`
    const url = await withPassword(database, password)
    const lines = watchArguments()

    const runs = [
      await world.run(database, onDemand, { DATABASE_URL: url, LOG_LEVEL: 'trace' }),
      await world.run(database, ['restore', ...confirmed], { DATABASE_URL: url, LOG_LEVEL: 'trace' }),
    ]

    const seen = lines.stop()
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    if (engine !== 'sqlite') expect(seen.join('\n')).toMatch(/pg_dump|mariadb-dump/)
    expect(seen.join('\n')).toContain('age')
    const said = runs.flatMap(({ stdout, stderr }) => [stdout, stderr])
    const clear = await Promise.all(
      (await world.files()).filter((file) => file.endsWith('.json')).map((file) => readFile(join(world.folder, file), 'utf8')),
    )
    const data = await Promise.all((await world.files()).map((file) => readFile(join(world.folder, file), 'latin1')))
    for (const text of [...seen, ...said, ...clear, ...data]) {
      for (const secret of [password, world.secretKey, world.keys.identity]) expect(text.includes(secret)).toBe(false)
    }
    for (const text of data) expect(text).not.toContain('drop table notes')
  })

  test('writers go on meanwhile, and what is archived is of one moment', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine, 12)
    await using opened = await openTestDatabase(database)
    const over = new AbortController()
    let writes = 0
    const writing = (async () => {
      while (!over.signal.aborted) {
        await opened.db.transaction().execute(async (transaction) => {
          await sql`insert into pads (user_id, name, name_key, created_at, updated_at) select min(id), 'w', 'w', 1, 1 from users`.execute(
            transaction,
          )
          await sql`update throttle_windows set hits = (select count(*) from pads)`.execute(transaction)
        })
        writes += 1
        await nextTurn()
      }
    })()
    await waitFor(() => Promise.resolve(writes > 5), { what: 'it is written', timeoutMs: 10_000, intervalMs: 5 })

    const stored = await world.run(database, onDemand)
    const during = writes
    over.abort()
    await writing
    await using target = await createTestDatabase(engine)
    const restored = await world.run(target, ['restore', '--bootstrap'])

    expect([stored.code, restored.code]).toEqual([0, 0])
    expect(during).toBeGreaterThan(6)
    await using copy = await openTestDatabase(target)
    const { rows } = await sql<{
      pads: number
      hits: number
    }>`select (select count(*) from pads) as pads, (select hits from throttle_windows) as hits`.execute(copy.db)
    expect(Number(rows[0]?.pads)).toBe(Number(rows[0]?.hits))
  })

  test.runIf(engine !== 'sqlite')('SIGTERM and a deadline end it without a trace in the store', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine)
    await using blocked = await block(database)
    const terminated = startCommand(world, database, [...onDemand])
    await blocked.waiting()
    terminated.child.kill('SIGTERM')

    const [late, ended] = await Promise.all([world.run(database, [...onDemand, '--deadline', '1', '--wait', '20']), terminated.ended])

    expect(ended).toMatchObject({ code: 1, outcome: 'Interrupted' })
    expect(late).toMatchObject({ code: 1, report: { outcome: 'DeadlineExceeded' } })
    expect(await world.files()).toEqual([])
  })

  test.runIf(engine !== 'sqlite')('a server that ends the dump half-way makes the run fail, and leaves nothing', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine)
    await using blocked = await block(database)
    const run = startCommand(world, database, [...onDemand])
    await blocked.waiting()

    await blocked.endDump()

    expect(await run.ended).toMatchObject({
      code: 1,
      outcome: 'ToolFailed',
      message: expect.stringMatching(/^(?:pg_dump|mariadb-dump) ended with \d/),
    })
    expect(await world.files()).toEqual([])
  })

  test('killed at every tenth of its run it leaves nothing that counts, and the next run is whole', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled(engine, 10)
    const started = performance.now()
    await world.run(database, onDemand)
    const whole = performance.now() - started

    for (let tenth = 1; tenth <= 10; tenth += 1) {
      const { child, ended } = startCommand(world, database, [...onDemand])
      const timer = setTimeout(() => child.kill('SIGKILL'), (whole * tenth) / 11)
      await ended
      clearTimeout(timer)
    }
    const next = await world.run(database, [...onDemand, '--wait', '30'])

    expect(next.code).toBe(0)
    const files = await world.files()
    for (const { backupID } of await world.manifests()) {
      expect(files.filter((file) => file.includes(backupID)).map((file) => file.split('/').at(-1))).toEqual(
        expect.arrayContaining(['data.age', 'secret.age', 'manifest.json']),
      )
      const verified = await readData(world, database, backupID)
      expect(verified).toMatchObject({ code: 0 })
    }
  }, 120_000)
})

/** Restores an archive into a database of its own, which checks all of it. */
async function readData(world: ArchiveWorld, { engine }: TestDatabase, backupId: string) {
  await using target = await createTestDatabase(engine)
  return await world.run(target, ['restore', '--bootstrap', '--backup', backupId])
}

describe('content hashes', () => {
  test('are the same on every engine for the same rows', async () => {
    const manifests = []
    for (const engine of engines) {
      await using world = await createArchiveWorld()
      await using database = await filled(engine)
      await world.run(database, onDemand)
      manifests.push(...(await world.manifests()))
    }

    const [first, ...others] = manifests.map(({ tables }) =>
      // The search index and the ledger's times are the engine's own.
      Object.fromEntries(
        tables
          .filter(({ name }) => name !== 'note_search' && name !== 'notejam_migrations')
          .map(({ name, rows, hash }) => [name, [rows, hash]]),
      ),
    )
    expect(others).toEqual([first, first])
    expect(first?.['users']?.[0]).toBe(3)
  })
})

describe('what there is to back up', () => {
  test('an empty database is no failure, one of somebody else is, and of another instance too', async () => {
    await using world = await createArchiveWorld()
    await using empty = await createTestDatabase('sqlite')
    await using foreign = await createTestDatabase('sqlite')
    await foreign.admin('create table somebodys (id integer)')
    await using database = await filled('sqlite')

    const runs = [
      await world.run(empty, onDemand),
      await world.run(foreign, onDemand),
      await world.run(database, onDemand, { NOTEJAM_INSTANCE_UID: 'uid-9' }),
    ]

    expect(runs.map(({ code, report }) => [code, report['outcome']])).toEqual([
      [0, 'NothingToBackUp'],
      [9, 'NotOurSchema'],
      [6, 'FenceRefused'],
    ])
    expect(await world.files()).toEqual([])
  })

  test('tables of somebody else and the identity stay out of the archive', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled('sqlite')
    await database.admin(`create table somebodys (secret text); insert into somebodys values ('planted-foreign-row')`)
    await using opened = await openTestDatabase(database)
    const { fingerprint } = await opened.db.selectFrom('notejam_identity').selectAll().executeTakeFirstOrThrow()

    const plain = await world.run(database, onDemand, { STORE_ENCRYPTION: 'None' })

    expect(plain.code).toBe(0)
    const { zstdDecompressSync } = await import('node:zlib')
    const data = (await world.files()).find((file) => file.endsWith('/data')) ?? ''
    const content = zstdDecompressSync(await readFile(join(world.folder, data))).toString('latin1')
    expect(content).toContain('drop table notes')
    expect(content).not.toContain('planted-foreign-row')
    expect(content).not.toContain(fingerprint)
  })

  test('a NotejamBackup gets one archive, however often it asks', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled('sqlite')

    const runs = [await world.run(database, [...onDemand, '--uid', 'u-1']), await world.run(database, [...onDemand, '--uid', 'u-1'])]

    expect(runs.map(({ report }) => report['outcome'])).toEqual(['Succeeded', 'AlreadyStored'])
    expect(runs[1]?.report['backupID']).toBe(runs[0]?.report['backupID'])
    expect(await world.manifests()).toHaveLength(1)
  })
})

describe('stores that fail', () => {
  test('the second one is reported and fails nothing; the first has the whole archive', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled('sqlite')
    await using other = await createArchiveWorld()

    const both = await world.run(database, onDemand, { SECOND_STORE_PATH: other.folder })
    const without = await world.run(database, onDemand, { SECOND_STORE_PATH: join(other.folder, 'nowhere') })

    expect(both.report['copies']).toEqual([
      { store: 'primary', state: 'Stored' },
      { store: 'second', state: 'Stored' },
    ])
    const [first, second] = [await world.manifests(), await other.manifests()]
    expect(second).toEqual(first.slice(0, 1))
    expect(without).toMatchObject({ code: 0, report: { outcome: 'Succeeded', copies: [{ state: 'Stored' }, { state: 'Failed' }] } })
    expect(first).toHaveLength(2)
  })

  test.each(['first', 'second'] as const)('the %s one fails in the middle', async (which) => {
    await using world = await createArchiveWorld()
    await using other = await createArchiveWorld()
    await using database = await filled('sqlite', 30)
    await using opened = await openTestDatabase(database)
    await using scratch = await createScratch({})
    const stores = {
      first: new FolderStore({ name: 'first', path: world.folder }),
      second: new FolderStore({ name: 'second', path: other.folder }),
    }
    failAfter(stores[which], 20_000)

    const run = opened.db.connection().execute((db) =>
      backup({
        ...{ config: database.config, database: opened, db, clock: systemClock, scratch, signal: new AbortController().signal, owner },
        ...{ claim: undefined, reason: 'OnDemand', store: stores.first, secondStore: stores.second, secretKey: world.secretKey },
        encryption: { mode: 'Age', recipients: [world.keys.recipient], identityFile: undefined },
      }),
    )

    if (which === 'first') {
      await expect(run).rejects.toMatchObject({ code: 'StoreUnavailable', exitCode: 7 })
      expect([await world.files(), await other.files()]).toEqual([[], []])
    } else {
      expect(await run).toMatchObject({
        outcome: 'Succeeded',
        copies: [{ state: 'Stored' }, { state: 'Failed', message: 'the disk is full' }],
      })
      expect(await other.manifests()).toEqual([])
      expect(await readData(world, database, (await world.manifests())[0]?.backupID ?? '')).toMatchObject({ code: 0 })
    }
  })

  test('one that takes the data and nothing after it keeps nothing of it', async () => {
    await using world = await createArchiveWorld()
    await using database = await filled('sqlite')
    await using opened = await openTestDatabase(database)
    await using scratch = await createScratch({})
    const store = new FolderStore({ name: 'first', path: world.folder })
    const write = store.write.bind(store)
    const written: string[] = []
    store.write = async (key, body, options) => {
      if (written.length > 0) throw new StoreUnavailableError('the disk is full', 'Full')
      written.push(key)
      return await write(key, body, options)
    }

    const run = opened.db.connection().execute((db) =>
      backup({
        ...{ config: database.config, database: opened, db, clock: systemClock, scratch, signal: new AbortController().signal, owner },
        ...{ claim: undefined, reason: 'OnDemand', store, secretKey: world.secretKey },
        encryption: { mode: 'Age', recipients: [world.keys.recipient], identityFile: undefined },
      }),
    )

    await expect(run).rejects.toThrow('the disk is full')
    expect(written).toEqual([expect.stringMatching(/data\.age$/)])
    expect(await world.files()).toEqual([])
  })
})

/** Lets a store take so many bytes of an object and no more. */
function failAfter(store: FolderStore, bytes: number): void {
  const write = store.write.bind(store)
  store.write = (key, body, options) =>
    write(
      key,
      (async function* () {
        let taken = 0
        for await (const chunk of body) {
          taken += chunk.byteLength
          if (taken > bytes) throw new StoreUnavailableError('the disk is full', 'Full')
          yield chunk
        }
      })(),
      options,
    )
}

/** A user of this database alone, who has a password. @returns what `DATABASE_URL` gets */
async function withPassword(database: TestDatabase, password: string): Promise<string> {
  const { engine } = database
  if (engine === 'sqlite') return database.url
  const user = `u_${new URL(database.url).pathname.slice(1)}`.slice(0, 30)
  if (engine === 'postgres') {
    await database.admin(`create role ${user} login password '${password}'`)
    await database.admin(`grant all on schema public to ${user}`)
    const tables = (await database.admin(`select tablename from pg_tables where schemaname = 'public'`)) as { tablename: string }[]
    for (const { tablename } of tables) await database.admin(`alter table ${tablename} owner to ${user}`)
  } else {
    await database.admin(`create user ${user}@'%' identified by '${password}'`)
    await database.admin(`grant all on ${new URL(database.url).pathname.slice(1)}.* to ${user}@'%'`)
  }
  const url = new URL(database.url)
  url.username = user
  url.password = password
  return url.href
}

/** Command lines of all processes, looked at again and again. */
function watchArguments(): { stop(): string[] } {
  const seen = new Set<string>()
  const timer = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
      } catch {
        // It has ended.
      }
    }
  }, 3)
  return {
    stop: () => {
      clearInterval(timer)
      return [...seen]
    },
  }
}

/** A command that runs while the test does something. */
function startCommand(world: ArchiveWorld, database: TestDatabase, args: readonly string[]) {
  const child = spawn(process.execPath, ['app/src/main.ts', ...args], {
    env: { PATH: process.env['PATH'], ...world.env(database) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    ...(JSON.parse(stdout === '' ? '{}' : stdout) as object),
  }))
  return { child, ended }
}

interface Blocked extends AsyncDisposable {
  /** Resolves when the dump waits. */
  waiting(): Promise<unknown>
  /** Ends the dump's session, as a server does that restarts. */
  endDump(): Promise<void>
}

/** Locks a table, so that a dump waits in its middle. */
async function block(database: TestDatabase): Promise<Blocked> {
  switch (database.engine) {
    case 'sqlite': {
      throw new Error('nothing makes a read of SQLite wait')
    }
    case 'postgres': {
      const client = new Client({ connectionString: database.url })
      await client.connect()
      await client.query('begin; lock table notes in access exclusive mode')
      const dump = `select pid from pg_stat_activity where application_name = 'notejam-pg-dump' and datname = current_database() and wait_event_type = 'Lock'`
      const pids = async () => (await database.admin(dump)) as { pid: number }[]
      return {
        waiting: () => waitFor(async () => (await pids()).length > 0, { what: 'the dump waits', timeoutMs: 20_000, intervalMs: 20 }),
        endDump: async () => {
          for (const { pid } of await pids()) await database.admin(`select pg_terminate_backend(${pid})`)
        },
        [Symbol.asyncDispose]: () => client.end(),
      }
    }
    case 'mysql': {
      const connection = await createConnection({ uri: database.url })
      await connection.query('lock tables notes write')
      const dump = `select id from information_schema.processlist where db = '${new URL(database.url).pathname.slice(1)}' and state like 'Waiting for table metadata lock'`
      const ids = async () => (await database.admin(dump)) as { id: number }[]
      return {
        waiting: () => waitFor(async () => (await ids()).length > 0, { what: 'the dump waits', timeoutMs: 20_000, intervalMs: 20 }),
        endDump: async () => {
          for (const { id } of await ids()) await database.admin(`kill ${id}`)
        },
        [Symbol.asyncDispose]: () => Promise.resolve(connection.destroy()),
      }
    }
  }
}

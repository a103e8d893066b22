import { sql, type Kysely } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { ServerConfig } from '../../app/src/db/database-config.ts'
import { databaseErrorKind } from '../../app/src/db/database-errors.ts'
import { engines } from '../../app/src/db/engine.ts'
import { openDatabase, type OpenDatabase } from '../../app/src/db/open-database.ts'
import { serveLimits } from '../../app/src/db/pool-limits.ts'
import type { Database } from '../../app/src/db/schema.ts'
import { emailKey, nameKey } from '../../app/src/db/text-keys.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'
import { createTcpProxy } from './tcp-proxy.ts'

const now = 1_800_000_000_123

async function addUser(db: Kysely<Database>, email: string): Promise<number> {
  await db
    .insertInto('users')
    .values({ email, email_key: emailKey(email), password_hash: 'x', created_at: now, password_changed_at: now })
    .execute()
  return (await db.selectFrom('users').select('id').where('email_key', '=', emailKey(email)).executeTakeFirstOrThrow()).id
}

function noteOf(userId: number, change: { readonly name?: string; readonly text?: string; readonly pad_id?: number | null } = {}) {
  const name = change.name ?? 'name'
  return { user_id: userId, pad_id: null, text: 'text', created_at: now, updated_at: now, ...change, name, name_key: nameKey(name) }
}

async function kindOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return 'no error'
  } catch (error) {
    return databaseErrorKind(error)
  }
}

describe.each(engines)('the database on %s', (engine) => {
  test.each([
    ['letters', 'x'],
    ['emoji', '🚲'],
    ['combining marks', '\u0301'],
    ['Han', '漢'],
  ])('limits count code points: %s', async (_what, character) => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    const longest = { email: character.repeat(254), name: character.repeat(100), text: character.repeat(100_000) }

    const userId = await addUser(db, longest.email)
    await db
      .insertInto('notes')
      .values(noteOf(userId, { name: longest.name, text: longest.text }))
      .execute()
    const { name, text } = await db.selectFrom('notes').select(['name', 'text']).executeTakeFirstOrThrow()
    const tooLong = await kindOf(
      db
        .insertInto('notes')
        .values(noteOf(userId, { name: longest.name + character }))
        .execute(),
    )

    expect({ name, text }).toEqual({ name: longest.name, text: longest.text })
    expect(tooLong).toBe('invalid')
  })

  test('an address is one account, whatever its case and composition; names keep their case', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    await addUser(db, 'Zoë@Example.org')

    const again = await kindOf(addUser(db, 'ZOE\u0308@example.ORG'))
    const other = await kindOf(addUser(db, 'zoe@example.org'))

    expect(again).toBe('unique')
    expect(other).toBe('no error')
  })

  test('a note in a foreign pad, or in one that is not there, is refused by the database itself', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    const [mine, theirs] = [await addUser(db, 'a@x.org'), await addUser(db, 'b@x.org')]
    await db.insertInto('pads').values({ user_id: theirs, name: 'p', name_key: 'p', created_at: now, updated_at: now }).execute()
    const { id: padId } = await db.selectFrom('pads').select('id').executeTakeFirstOrThrow()

    const foreign = await kindOf(
      db
        .insertInto('notes')
        .values(noteOf(mine, { pad_id: padId }))
        .execute(),
    )
    const missing = await kindOf(
      db
        .insertInto('notes')
        .values(noteOf(mine, { pad_id: 4711 }))
        .execute(),
    )
    await db
      .insertInto('notes')
      .values(noteOf(theirs, { pad_id: padId }))
      .execute()
    const givenAway = await kindOf(db.updateTable('notes').set({ user_id: mine }).execute())

    expect([foreign, missing, givenAway]).toEqual(['foreignKey', 'foreignKey', 'foreignKey'])
  })

  test('deleting an account takes along all that is its own, the search index too', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    const userId = await addUser(db, 'a@x.org')
    await db.insertInto('pads').values({ user_id: userId, name: 'p', name_key: 'p', created_at: now, updated_at: now }).execute()
    const { id: padId } = await db.selectFrom('pads').select('id').executeTakeFirstOrThrow()
    await db
      .insertInto('notes')
      .values([noteOf(userId, { pad_id: padId }), noteOf(userId)])
      .execute()

    await db.deleteFrom('users').where('id', '=', userId).execute()

    expect(await db.selectFrom('notes').select('id').execute()).toEqual([])
    expect(await db.selectFrom('pads').select('id').execute()).toEqual([])
  })

  test('ids, counters and times are numbers; ids are not used twice', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    const first = await addUser(db, 'a@x.org')
    await db.deleteFrom('users').execute()

    const second = await addUser(db, 'b@x.org')
    const row = await db.selectFrom('users').selectAll().executeTakeFirstOrThrow()

    expect(second).toBeGreaterThan(first)
    expect({ ...row }).toMatchObject({ id: second, note_count: 0, created_at: now })
  })

  test('transactions of many at once lose nothing, and reads go on beside one that is open', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    await addUser(db, 'a@x.org')
    const { promise: hold, resolve: release } = Promise.withResolvers<void>()
    const { promise: open, resolve: opening } = Promise.withResolvers<void>()

    const long = db.transaction().execute(async (transaction) => {
      await transaction.updateTable('users').set({ note_count: 1000 }).execute()
      opening()
      await hold
    })
    await open
    const seen = await db.selectFrom('users').select('note_count').executeTakeFirstOrThrow()
    release()
    await long
    await Promise.all(
      Array.from({ length: 30 }, () =>
        db.transaction().execute(async (transaction) => {
          const lock = transaction.selectFrom('users').select('note_count')
          const row = await (engine === 'sqlite' ? lock : lock.forUpdate()).executeTakeFirstOrThrow()
          await transaction
            .updateTable('users')
            .set({ note_count: row.note_count + 1 })
            .execute()
        }),
      ),
    )
    const end = await db.selectFrom('users').select('note_count').executeTakeFirstOrThrow()

    expect(seen.note_count).toBe(0)
    expect(end.note_count).toBe(1030)
  })

  test('what failed in a transaction leaves nothing, and the connection is good afterwards', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const { db } = opened
    const failing = db.transaction().execute(async (transaction) => {
      await addUser(transaction, 'a@x.org')
      await addUser(transaction, 'a@x.org')
    })

    const kind = await kindOf(failing)
    await addUser(db, 'b@x.org')

    expect(kind).toBe('unique')
    expect(await db.selectFrom('users').select('email').execute()).toHaveLength(1)
  })
})

/** Runs queries until one succeeds, at most ten, and says how many failed. */
async function failuresUntilHealed(db: Kysely<Database>): Promise<readonly (string | undefined)[]> {
  const failures: (string | undefined)[] = []
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const kind = await kindOf(db.updateTable('users').set({ note_count: 1 }).execute())
    if (kind === 'no error') {
      return failures
    }
    failures.push(kind)
  }
  return failures
}

/** Opens several connections of a pool. */
async function warm({ db }: OpenDatabase): Promise<void> {
  await Promise.all(Array.from({ length: 5 }, () => db.transaction().execute((transaction) => sql`select 1`.execute(transaction))))
}

describe('a pool of PostgreSQL', () => {
  test('leaves a server that became read-only after one failed write', async () => {
    await using database = await createTestDatabase('postgres')
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await warm(opened)
    const { database: name } = database.config as ServerConfig
    // New sessions are read-only, as those of a demoted primary; then the address leads to the new primary.
    await using demoted = await openDatabaseReadOnly(database.config as ServerConfig)
    await warm(demoted)
    const refused = await kindOf(demoted.db.updateTable('users').set({ note_count: 1 }).execute())
    await database.admin(`begin read write; alter database ${name} reset default_transaction_read_only; commit`)

    const failures = await failuresUntilHealed(demoted.db)

    expect(refused).toBe('readOnly')
    expect(failures).toEqual([])
  })

  test('loses no more than the statement that ran when its server ended the sessions', async () => {
    await using database = await createTestDatabase('postgres')
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await warm(opened)

    const running = kindOf(sql`select pg_sleep(30)`.execute(opened.db))
    await expect
      .poll(() => database.admin(`select 1 from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()`))
      .toHaveLength(1)
    await database.admin(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    const killed = await running
    const failures = await failuresUntilHealed(opened.db)

    expect(killed).toBe('unavailable')
    expect(failures.length).toBeLessThanOrEqual(1)
  })

  test('prepared statements outlive a change of the table that they read', async () => {
    await using database = await createTestDatabase('postgres')
    await using opened = await openTestDatabase({ ...database, config: { ...(database.config as ServerConfig), poolMax: 1 } })
    await migrateTest(opened)
    const all = () => opened.db.selectFrom('erased_accounts').selectAll().where('erased_at', '>', 0).execute()
    await all()
    const { rows: named } = await sql`select name from pg_prepared_statements where statement like '%erased_accounts%'`.execute(opened.db)
    await database.admin('alter table erased_accounts add column later text')

    const after = await all()

    expect(named).toHaveLength(1)
    expect(after).toEqual([])
  })
})

async function openDatabaseReadOnly(config: ServerConfig): Promise<OpenDatabase & AsyncDisposable> {
  const { Client } = await import('pg')
  const client = new Client({ ...config, ssl: false } as object)
  await client.connect()
  await client.query(`alter database ${config.database} set default_transaction_read_only = on`)
  await client.end()
  const opened = await openDatabase(config)
  return { ...opened, [Symbol.asyncDispose]: () => opened.close() }
}

describe('a pool of MySQL', () => {
  test('loses no more than the statement that ran when its server ended the sessions', async () => {
    await using database = await createTestDatabase('mysql')
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await warm(opened)

    const running = kindOf(sql`select sleep(30)`.execute(opened.db))
    const sessions = async () =>
      (await database.admin(
        'select id, info from information_schema.processlist where db = database() and id <> connection_id()',
      )) as readonly { readonly id: number; readonly info: string | null }[]
    await expect.poll(async () => (await sessions()).filter(({ info }) => info?.includes('sleep(30)'))).toHaveLength(1)
    for (const { id } of await sessions()) {
      await database.admin(`kill ${id}`)
    }
    const killed = await running
    const failures = await failuresUntilHealed(opened.db)

    expect(killed).toBe('unavailable')
    expect(failures.length).toBeLessThanOrEqual(1)
  })

  test('leaves a server that became read-only after one failed write', async () => {
    await using database = await createTestDatabase('mysql')
    const { database: name } = database.config as ServerConfig
    // An administrator may write to a read-only server, so this is somebody else.
    await database.admin(`create user if not exists '${name}'@'%' identified by 'x'; grant all on ${name}.* to '${name}'@'%'`)
    await using opened = await openTestDatabase({
      ...database,
      config: { ...(database.config as ServerConfig), user: name, password: 'x' },
    })
    await migrateTest(opened)
    await warm(opened)
    await database.admin('set global read_only = 1')
    let refused: string | undefined
    try {
      refused = await kindOf(opened.db.updateTable('users').set({ note_count: 1 }).execute())
    } finally {
      await database.admin('set global read_only = 0')
    }

    const failures = await failuresUntilHealed(opened.db)

    expect(refused).toBe('readOnly')
    expect(failures).toEqual([])
    expect(opened.poolState()?.evicted).toBeGreaterThan(0)
    await database.admin(`drop user '${name}'@'%'`)
  })
})

describe.each(['postgres', 'mysql'] as const)('a pool of %s', (engine) => {
  test('heals after its server was away', async () => {
    await using database = await createTestDatabase(engine)
    await using direct = await openTestDatabase(database)
    await migrateTest(direct)
    const { host, port } = database.config as ServerConfig
    await using proxy = await createTcpProxy({ host, port })
    await using opened = await openTestDatabase({
      ...database,
      config: { ...(database.config as ServerConfig), host: '127.0.0.1', port: proxy.port },
    })
    await warm(opened)

    await proxy.cut()
    const during = await Promise.all(Array.from({ length: 3 }, () => kindOf(opened.db.selectFrom('users').select('id').execute())))
    await proxy.heal()
    const after = await failuresUntilHealed(opened.db)

    expect(during).toEqual(['unavailable', 'unavailable', 'unavailable'])
    expect(after).toEqual([])
  })

  test('gives up on a network that swallows packets, and is well when it no longer does', async () => {
    await using database = await createTestDatabase(engine)
    const { host, port } = database.config as ServerConfig
    await using proxy = await createTcpProxy({ host, port })
    const limits = { ...serveLimits, statementMs: 300, connectMs: 500, acquireMs: 500 }
    const config = { ...(database.config as ServerConfig), host: '127.0.0.1', port: proxy.port }
    const opened = await openDatabase(config, { limits })
    await using _closing = { [Symbol.asyncDispose]: () => opened.close() }
    await sql`select 1`.execute(opened.db)

    proxy.freeze()
    const frozen = await kindOf(sql`select 1`.execute(opened.db))
    await proxy.cut()
    await proxy.heal()
    const after = await kindOf(sql`select 1`.execute(opened.db))

    expect([frozen, after]).toEqual(['unavailable', 'no error'])
  })

  test('refuses after a while when all connections are taken', async () => {
    await using database = await createTestDatabase(engine)
    const opened = await openDatabase(
      { ...(database.config as ServerConfig), poolMax: 1 },
      { limits: { ...serveLimits, connectMs: 300, acquireMs: 300 } },
    )
    await using _closing = { [Symbol.asyncDispose]: () => opened.close() }

    const second = await opened.db.connection().execute(async (first) => {
      await sql`select 1`.execute(first)
      return kindOf(sql`select 1`.execute(opened.db))
    })

    expect(second).toBe('unavailable')
    expect(await kindOf(sql`select 1`.execute(opened.db))).toBe('no error')
  })
})

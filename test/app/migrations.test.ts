import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { listTables } from '../../app/src/db/catalog.ts'
import { withDatabaseLock } from '../../app/src/db/database-lock.ts'
import { engines } from '../../app/src/db/engine.ts'
import { readLedger } from '../../app/src/db/ledger.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import type { Migration } from '../../app/src/db/migrations/migration.ts'
import { nameKey } from '../../app/src/db/text-keys.ts'
import { checkReadiness } from '../../app/src/http/readiness.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'

const [first, second] = migrations as [Migration, Migration, Migration]

/** A migration that a later release might bring. */
function later(change: Partial<Migration>): Migration {
  const base: Migration = {
    number: 4,
    name: 'later',
    phase: 'expand',
    transaction: true,
    steps: [{ sql: 'create table later (\n  {id}\n) {table}' }],
  }
  return { ...base, ...change }
}

describe.each(engines)('migrations on %s', (engine) => {
  test('an empty database gets the expand steps, then the contract step, then nothing', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)

    const expand = await migrateTest(opened)
    const contract = await migrateTest(opened, { phase: 'contract' })
    const again = await migrateTest(opened)

    expect(expand).toMatchObject({ outcome: 'Migrated', applied: ['0001-accounts-pads-notes', '0002-name-order-and-search'] })
    expect(contract).toMatchObject({ outcome: 'Migrated', applied: ['0003-require-name-keys'] })
    expect(again).toMatchObject({ outcome: 'NothingToDo', applied: [] })
    expect(await readLedger(opened.db, engine)).toMatchObject({ state: 'ours', oldestCodeServed: 2, foreignTables: [] })
  })

  test('a dry run says what would be done and changes nothing', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)

    const result = await migrateTest(opened, { dryRun: true })

    expect(result.applied).toHaveLength(2)
    expect(result.statements.join('\n')).toContain('create table notes')
    expect(await listTables(opened.db, engine)).toEqual([])
  })

  test('code of the level before goes on through the expand step, and the contract step catches up with what it wrote', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    const { db } = opened
    await migrateTest(opened, { migrations: [first] })
    await writeAsLevelOne(opened.db, 'Ärger')

    await migrateTest(opened, { migrations: [first, second] })
    // Both levels write now; the one that knows no keys also renames what already has one.
    await writeAsLevelOne(db, 'Zorn')
    await sql`update notes set name = 'Über', updated_at = ${Date.now()}, version = version + 1 where name = 'Ärger'`.execute(db)
    const before = await db.selectFrom('notes').select(['name', 'name_key']).orderBy('id').execute()
    await migrateTest(opened, { phase: 'contract' })
    const after = await db.selectFrom('notes').select(['id', 'name', 'name_key']).orderBy('id').execute()

    expect(before.map(({ name_key: key }) => key)).toEqual([nameKey('Ärger'), null])
    expect(after.map(({ name_key: key }) => key)).toEqual(['uber', 'zorn'])
    const found = {
      sqlite: sql`select rowid as id from note_search where note_search match 'kuber'`,
      postgres: sql`select note_id as id from note_search where words @@ 'kuber'::tsquery`,
      mysql: sql`select note_id as id from note_search where match (words) against ('+kuber' in boolean mode)`,
    }[engine]
    expect((await found.execute(db)).rows.map((row) => ({ ...(row as object) }))).toEqual([{ id: after[0]?.id }])
    await expect(writeAsLevelOne(db, 'late')).rejects.toThrow(/name_key/)
  })

  test('readiness: own expand steps are there, and no contract step went past this code', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    const ready = (level: number) => checkReadiness({ database: opened, migrations: migrations.slice(0, level), mustBeWritable: true })

    const empty = await ready(3)
    await migrateTest(opened, { migrations: [first] })
    const [oldOnOld, newOnOld] = [await ready(1), await ready(2)]
    await migrateTest(opened)
    const [oldOnExpanded, newOnExpanded] = [await ready(1), await ready(3)]
    await migrateTest(opened, { phase: 'contract' })
    const [oldOnContracted, secondOnContracted, newOnContracted] = [await ready(1), await ready(2), await ready(3)]

    expect(empty).toMatchObject({ ready: false, reason: 'SchemaMissing' })
    expect([oldOnOld.ready, oldOnExpanded.ready, newOnExpanded.ready, secondOnContracted.ready, newOnContracted.ready]).toEqual(
      Array(5).fill(true),
    )
    expect(newOnOld).toMatchObject({ ready: false, reason: 'SchemaBehind' })
    expect(oldOnContracted).toMatchObject({ ready: false, reason: 'SchemaContractedPast' })
  })

  test('older code leaves a newer schema alone: compatible, or contracted past it', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)

    const ahead = await migrateTest(opened, { migrations: [first] })
    await migrateTest(opened, { phase: 'contract' })

    expect(ahead.outcome).toBe('AheadCompatible')
    await expect(migrateTest(opened, { migrations: [first] })).rejects.toMatchObject({ code: 'ContractedPast', exitCode: 5 })
    expect(await migrateTest(opened, { migrations: [first, second] })).toMatchObject({ outcome: 'AheadCompatible' })
  })

  test('a migration that is not the applied one is drift, also when the schema is ahead', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const changed = { ...first, steps: first.steps.slice(1) }

    await expect(migrateTest(opened, { migrations: [changed, second] })).rejects.toMatchObject({ code: 'Drifted', exitCode: 4 })
    await expect(migrateTest(opened, { migrations: [changed] })).rejects.toMatchObject({ code: 'Drifted', exitCode: 4 })
  })

  test('an expand step behind a missing contract step is refused until that ran', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const next = [...migrations, later({})]

    await expect(migrateTest(opened, { migrations: next })).rejects.toMatchObject({ code: 'ContractFirst', exitCode: 1 })
    await migrateTest(opened, { migrations: next, phase: 'contract' })
    expect(await migrateTest(opened, { migrations: next })).toMatchObject({ applied: ['0004-later'] })
  })

  test('a failing migration leaves the code that runs served, and a corrected image goes on', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await migrateTest(opened, { phase: 'contract' })
    const broken = later({ transaction: false, steps: [...later({}).steps, { sql: 'alter table nowhere add column x {integer}' }] })
    const corrected = later({
      transaction: false,
      steps: [...later({}).steps.map(() => ({ sql: 'create table if not exists later (\n  {id}\n) {table}' }))],
    })

    await expect(migrateTest(opened, { migrations: [...migrations, broken] })).rejects.toMatchObject({
      code: 'MigrationFailed',
      exitCode: 1,
    })
    const served = await checkReadiness({ database: opened, migrations, mustBeWritable: true })
    const result = await migrateTest(opened, { migrations: [...migrations, corrected] })

    expect(served.ready).toBe(true)
    expect(result).toMatchObject({ outcome: 'Migrated', applied: ['0004-later'] })
  })

  test('a migration in a transaction that fails leaves nothing', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await migrateTest(opened, { phase: 'contract' })
    const broken = later({ steps: [...later({}).steps, { sql: 'alter table nowhere add column x {integer}' }] })

    await expect(migrateTest(opened, { migrations: [...migrations, broken] })).rejects.toMatchObject({ code: 'MigrationFailed' })

    const left = await listTables(opened.db, engine)
    // MySQL cannot take a table back; the step is finished by the next run, as the test before shows.
    expect(left.includes('later')).toBe(engine === 'mysql')
  })

  test('only one at a time: the second is told so, and a lock outlives dropped tables', async () => {
    await using database = await createTestDatabase(engine)
    await using one = await openTestDatabase(database)
    await using two = await openTestDatabase(database)
    await migrateTest(one)

    await withDatabaseLock(one, { config: database.config, waitMs: 0 }, async (db) => {
      await sql`drop table notejam_migrations`.execute(db)
      const refused = withDatabaseLock(two, { config: database.config, waitMs: 300 }, () => Promise.resolve())
      await expect(refused).rejects.toMatchObject({ code: 'Locked', exitCode: 3 })
    })

    expect(await withDatabaseLock(two, { config: database.config, waitMs: 0 }, () => Promise.resolve('had'))).toBe('had')
  })

  test('a database that holds something else is refused', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await database.admin('create table users (id integer)')

    await expect(migrateTest(opened)).rejects.toMatchObject({ code: 'ForeignDatabase' })

    expect(await listTables(opened.db, engine)).toEqual(['users'])
  })
})

type AnyDatabase = Awaited<ReturnType<typeof openTestDatabase>>['db']

/** What code of level 1 writes: it knows no `name_key` and no search. */
async function writeAsLevelOne(db: AnyDatabase, name: string): Promise<void> {
  const email = `${name}@example.org`
  const now = Date.now()
  await sql`insert into users (email, email_key, password_hash, created_at, password_changed_at) values (${email}, ${email}, 'x', ${now}, ${now})`.execute(
    db,
  )
  await sql`insert into notes (user_id, name, text, created_at, updated_at) select max(id), ${name}, ${`text of ${name}`}, ${now}, ${now} from users`.execute(
    db,
  )
}

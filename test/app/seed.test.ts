import { describe, expect, test } from 'vitest'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import { seed } from '../../app/src/data/seed.ts'
import type { SeedPlan } from '../../app/src/data/seed-content.ts'
import type { IdentityClaim } from '../../app/src/db/identity.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { allRows } from './all-rows.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'

const plan: SeedPlan = { seed: 7, users: 2, pads: 3, notes: 25 }

const run = (opened: OpenDatabase, wanted: SeedPlan = plan, claim?: IdentityClaim) =>
  opened.db.connection().execute((db) => seed({ db, engine: opened.engine, plan: wanted, claim }))

/** What people see of a database, by names instead of ids: the same on every engine. */
async function content({ db }: OpenDatabase): Promise<unknown> {
  const [users, pads, notes] = await Promise.all([
    db.selectFrom('users').select(['email', 'password_hash', 'note_count', 'created_at']).orderBy('id').execute(),
    db
      .selectFrom('pads')
      .innerJoin('users', 'users.id', 'pads.user_id')
      .select(['users.email', 'pads.name', 'pads.note_count', 'pads.created_at'])
      .orderBy('pads.id')
      .execute(),
    db
      .selectFrom('notes')
      .innerJoin('users', 'users.id', 'notes.user_id')
      .leftJoin('pads', 'pads.id', 'notes.pad_id')
      .select(['users.email', 'pads.name as pad', 'notes.name', 'notes.text', 'notes.created_at', 'notes.updated_at', 'notes.version'])
      .orderBy('notes.id')
      .execute(),
  ])
  return { users, pads, notes }
}

async function seeded(engine: Engine, wanted: SeedPlan = plan): Promise<unknown> {
  await using database = await createTestDatabase(engine)
  await using opened = await openTestDatabase(database)
  await migrateTest(opened)
  await run(opened, wanted)
  // Awaited here: the database goes when this ends.
  return await content(opened)
}

describe.each(engines)('seed on %s', (engine) => {
  test('the same numbers give the same data, on every engine; another number gives other data', async () => {
    const first = await seeded(engine)

    expect(await seeded(engine)).toEqual(first)
    expect(await seeded('sqlite')).toEqual(first)
    expect(await seeded(engine, { ...plan, seed: 8 })).not.toEqual(first)
  })

  test('a second run changes nothing; a run that was cut off is made whole', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    const first = await run(opened)
    const whole = await allRows(opened)
    const wanted = await content(opened)

    const again = await run(opened)
    const after = await allRows(opened)
    const victim = await opened.db.selectFrom('users').select('id').orderBy('id', 'desc').executeTakeFirstOrThrow()
    await opened.db.updateTable('users').set({ note_count: 0 }).where('id', '=', victim.id).execute()
    const mended = await run(opened)

    expect([first.outcome, again.outcome, mended.outcome]).toEqual(['Seeded', 'AlreadySeeded', 'Seeded'])
    expect(after).toEqual(whole)
    expect(await content(opened)).toEqual(wanted)
    expect(mended).toMatchObject({ users: 1, notes: 25 })
  })

  test('counters are those of the rows, and notes are found', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened)
    await run(opened)

    const users = await opened.db.selectFrom('users').select(['id', 'note_count']).execute()
    for (const user of users) {
      const notes = await opened.db.selectFrom('notes').select(['id', 'pad_id']).where('user_id', '=', user.id).execute()
      const pads = await opened.db.selectFrom('pads').select(['id', 'note_count']).where('user_id', '=', user.id).execute()
      expect(user.note_count).toBe(notes.length)
      for (const pad of pads) expect(pad.note_count).toBe(notes.filter((note) => note.pad_id === pad.id).length)
    }
    expect(users).toHaveLength(2)
  })
})

describe('seed keeps out of', () => {
  const claim: IdentityClaim = { instanceUid: 'a', environment: 'Production', fingerprint: undefined, adopt: undefined }

  test.each([
    ['Production', { ...claim }, { ...claim }, 'FenceRefused', 6],
    ['the database of another instance', { ...claim, environment: 'Development' }, { ...claim, instanceUid: 'b' }, 'FenceRefused', 6],
    ['a database with a mark, where no instance is named', { ...claim, environment: 'Development' }, undefined, 'FenceRefused', 6],
    ['a database without a schema', undefined, undefined, 'SchemaMissing', 1],
  ] as const)('%s', async (_what, owner, claimed, code, exitCode) => {
    await using database = await createTestDatabase('sqlite')
    await using opened = await openTestDatabase(database)
    if (owner !== undefined) await migrateTest(opened, { claim: owner })
    const before = await allRows(opened)

    await expect(run(opened, plan, claimed)).rejects.toMatchObject({ code, exitCode })

    expect(await allRows(opened)).toEqual(before)
  })
})

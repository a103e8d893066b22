import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createPasswords } from '../../app/src/accounts/passwords.ts'
import { seedPassword } from '../../app/src/data/seed-content.ts'
import { engines } from '../../app/src/db/engine.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { checkClassification, columnsOf } from '../../app/src/mask/check-classification.ts'
import { classification, type Classification } from '../../app/src/mask/classification.ts'
import { listColumns } from '../../app/src/mask/live-columns.ts'
import { maskDatabase } from '../../app/src/mask/mask-database.ts'
import { createPseudonyms } from '../../app/src/mask/pseudonyms.ts'
import { createSearch } from '../../app/src/search/service.ts'
import { allRows } from './all-rows.ts'
import { createTestDatabase, migrateTest, openTestDatabase, type TestDatabase } from './databases.ts'
import { findNeedles, indexNeedlesOf, needlesOf, plantData } from './planted-data.ts'

const secretKey = 'secret-key-of-tests-'.repeat(3)

const mask = (opened: OpenDatabase, rules?: Classification) =>
  opened.db
    .connection()
    .execute((db) => maskDatabase({ db, engine: opened.engine, secretKey, ...(rules === undefined ? {} : { classification: rules }) }))

/** Migrated to the newest schema, contract steps included. */
async function migrateWholly(opened: OpenDatabase): Promise<void> {
  await migrateTest(opened)
  await migrateTest(opened, { phase: 'contract' })
}

/** All that the database would hand to a dump, and for SQLite the very file. */
async function contentOf(database: TestDatabase, opened: OpenDatabase): Promise<Buffer> {
  const rows = Buffer.from(JSON.stringify(await allRows(opened)))
  return database.config.engine === 'sqlite' ? Buffer.concat([rows, await readFile(database.config.path)]) : rows
}

/** What stays of a text: the places of letters, marks, digits and signs, and everything between them. */
const shapeOf = (text: string) =>
  [...text].map((each) => [/\p{L}/u, /\p{M}/u, /\p{N}/u, /[\p{S}--\p{ASCII}]/v].findIndex((kind) => kind.test(each)) + 1 || each).join('')

describe.each(engines)('masking on %s', (engine) => {
  test('leaves nothing that was planted in twelve scripts, and the shape of all of it', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    const planted = await plantData(opened)
    const needles = needlesOf(planted)
    const select = () =>
      opened.db.selectFrom('notes').select(['id', 'user_id', 'pad_id', 'name', 'text', 'created_at', 'version']).orderBy('id').execute()
    const before = await select()
    const content = await contentOf(database, opened)
    const foundBefore = findNeedles(content, planted.tokens)
    const indexedBefore = findNeedles(content, indexNeedlesOf(planted))

    const result = await mask(opened)

    const after = await select()
    expect(foundBefore).toHaveLength(planted.tokens.length)
    // MariaDB keeps words in the table, PostgreSQL in a vector, SQLite in pages of its own.
    expect(indexedBefore.length).toBeGreaterThan(planted.rows.notes)
    expect(findNeedles(await contentOf(database, opened), needles)).toEqual([])
    expect(result.masked).toEqual(planted.rows)
    expect(after.map(({ name, text, ...rest }) => ({ ...rest, name: shapeOf(name), text: shapeOf(text) }))).toEqual(
      before.map(({ name, text, ...rest }) => ({ ...rest, name: shapeOf(name), text: shapeOf(text) })),
    )
    expect(after.map(({ text }) => Buffer.byteLength(text))).toEqual(before.map(({ text }) => Buffer.byteLength(text)))
  })

  test('empties what signs somebody in or is waiting to be mailed; accounts keep the password of masked ones', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    await plantData(opened)

    await mask(opened)

    const rows = await allRows(opened)
    const left = ['sessions', 'password_resets', 'api_tokens', 'mail_outbox', 'erased_accounts', 'throttle_windows', 'notejam_identity']
    const user = await opened.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
    expect(left.map((table) => rows[table]?.length ?? 0)).toEqual(left.map(() => 0))
    expect(user.email).toMatch(/^[a-z2-7]{28}@masked\.invalid$/)
    expect(user.email_key).toBe(user.email)
    expect(await createPasswords().verify(seedPassword, user.password_hash)).toBe(true)
  })

  test('masked notes are found by their masked words, and by no word that they had', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    const { tokens } = await plantData(opened)
    const search = createSearch(opened)
    const find = async (userId: number, question: string) =>
      (await search.find(userId, question, { page: 1, perPage: 10 })).items.map(({ id }) => id)

    await mask(opened)

    const notes = await opened.db.selectFrom('notes').select(['id', 'user_id', 'name', 'text']).where('deleted_at', 'is', null).execute()
    for (const { id, user_id, name, text } of notes) {
      expect(await find(user_id, name.split(',')[0] ?? '')).toContain(id)
      expect(await find(user_id, text.split(/\s+/).at(-2) ?? '')).toContain(id)
    }
    const owner = notes[0]?.user_id ?? 0
    for (const token of tokens.slice(0, 10)) expect(await find(owner, token)).toEqual([])
  })

  test('masks a masked database to itself, and the same address the same way in another', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    await plantData(opened)
    await using second = await createTestDatabase('sqlite')
    await using elsewhere = await openTestDatabase(second)
    await migrateWholly(elsewhere)
    await plantData(elsewhere)
    const emails = async ({ db }: OpenDatabase) => await db.selectFrom('users').select('email').orderBy('created_at').execute()

    await mask(opened)
    await mask(elsewhere)
    const once = await allRows(opened)
    await mask(opened)

    expect(await allRows(opened)).toEqual(once)
    expect(await emails(elsewhere)).toEqual(await emails(opened))
  })

  test('who signs up with a pseudonym that they have seen gets another, and its owner keeps it', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    await plantData(opened, 1)
    const emailsOf = async () => (await opened.db.selectFrom('users').select('email').orderBy('id').execute()).map(({ email }) => email)
    const [victim = ''] = await emailsOf()
    const seen = createPseudonyms({ secretKey, keepOwn: false }).address(victim)
    await opened.db.updateTable('users').set({ email: seen, email_key: seen }).where('id', '=', 2).execute()

    await mask(opened)

    const [first, second] = await emailsOf()
    expect(first).toBe(seen)
    expect(second).not.toBe(seen)
  })

  test('the house rules name each column of the newest schema and no other', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)

    const live = await listColumns(opened.db, engine)

    const named = Object.entries(classification).flatMap(([table, rule]) => columnsOf(rule).map((column) => `${table}.${column}`))
    // A full-text table of SQLite knows a note by its row's number.
    const found = [...live.map(({ table, column }) => `${table}.${column}`), ...(engine === 'sqlite' ? ['note_search.note_id'] : [])]
    expect(found.toSorted()).toEqual(named.toSorted())
  })

  test.each([
    ['a column', 'alter table notes add column secret text', 'notes.secret'],
    ['a column of a table that is emptied', 'alter table sessions add column country text', 'sessions.country'],
    ['a table', 'create table shares (id integer primary key, email text)', 'shares.email'],
    ['a view', 'create view shared as select text as told from notes', 'shared.told'],
  ])('%s that nobody classified fails, by name, before anything is changed', async (_what, statement, name) => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    await plantData(opened, 1)
    await database.admin(statement)
    const before = await allRows(opened)

    await expect(mask(opened)).rejects.toMatchObject({ code: 'Unclassified', message: expect.stringContaining(name) })

    expect(await allRows(opened)).toEqual(before)
  })

  test.each([
    ['users', 'email'],
    ['pads', 'name'],
    ['notes', 'text'],
    ['notes', 'deletion_id'],
  ] as const)('counter-test: %s.%s switched to Keep is seen by the search for what was planted', async (table, column) => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateWholly(opened)
    const planted = await plantData(opened, 1)
    const rule = classification[table]
    const leaky = { ...classification, [table]: { columns: { ...rule.columns, [column]: 'Keep' } } }

    await mask(opened, leaky)

    expect(findNeedles(await contentOf(database, opened), needlesOf(planted))).not.toEqual([])
  })

  test('the database of an instance is not masked', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened, { claim: { instanceUid: 'a', environment: 'Production', fingerprint: undefined, adopt: undefined } })
    await plantData(opened, 1)
    const before = await allRows(opened)

    await expect(mask(opened)).rejects.toMatchObject({ code: 'FenceRefused', exitCode: 6 })

    expect(await allRows(opened)).toEqual(before)
  })
})

test('an older schema is to be migrated first', () => {
  const rule = { columns: { id: 'Keep', name: 'Text', name_key: { key: 'NameKey', of: 'name' } } } as const
  const live = ['id', 'name'].map((column) => ({ table: 'pads', column }))

  expect(() => checkClassification(live, { pads: rule })).toThrow('the database lacks pads.name_key: run migrate first')
})

test('texts of the greatest length are masked a few at a time', async () => {
  await using database = await createTestDatabase('sqlite')
  await using opened = await openTestDatabase(database)
  await migrateWholly(opened)
  await plantData(opened, 1)
  await sql`update notes set text = ${'漢字'.repeat(50_000)}`.execute(opened.db)
  const done: number[] = []

  await opened.db.connection().execute((db) =>
    maskDatabase({
      db,
      engine: 'sqlite',
      secretKey,
      onProgress: (progress) => {
        if (progress.table === 'notes') done.push(progress.done)
      },
    }),
  )

  const steps = done.map((each, at) => each - (done[at - 1] ?? 0))
  expect(steps.length).toBeGreaterThan(4)
  expect(Math.max(...steps)).toBeLessThanOrEqual(5)
})

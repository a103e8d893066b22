import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { engines } from '../../app/src/db/engine.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { nameKey } from '../../app/src/db/text-keys.ts'
import { insertWithId } from '../../app/src/db/transact.ts'
import { exportSelection } from '../../app/src/recover/export-selection.ts'
import { reinsert } from '../../app/src/recover/reinsert.ts'
import { select, type Selection } from '../../app/src/recover/selection.ts'
import { createSearch } from '../../app/src/search/service.ts'
import { allRows } from './all-rows.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'

const at = 1_767_225_600_000
const day = '2026-11-20'

/** Two accounts; the first has a pad, a note in it, a note without one, and one that was deleted. */
async function fill({ db, engine }: OpenDatabase): Promise<void> {
  for (const [index, email] of ['anna@example.org', 'bert@example.org'].entries()) {
    const row = { email, email_key: email, password_hash: 'x', created_at: at + index, password_changed_at: at, note_count: 2 }
    const user = await insertWithId(db, engine, 'users', row)
    const pad = { user_id: user, name: 'Home', name_key: 'home', created_at: at, updated_at: at, note_count: 1 }
    const padId = await insertWithId(db, engine, 'pads', pad)
    const notes = [
      ['Garden', 'plant the tulips', padId, null],
      ['Loose', 'no pad', null, null],
      ['Old', 'deleted', null, at + 1],
    ] as const
    for (const [name, text, pad_id, deleted] of notes) {
      const times = { created_at: at + 5, updated_at: at + 6, deleted_at: deleted, deletion_id: deleted === null ? null : 'd' }
      await insertWithId(db, engine, 'notes', { user_id: user, pad_id, name, name_key: nameKey(name), text, ...times })
    }
  }
}

const put = async (live: OpenDatabase, archive: OpenDatabase, selection: Selection) => {
  const selected = await select(archive.db, selection)
  return live.db.connection().execute((db) => reinsert({ db, engine: live.engine, selected, day }))
}

const notesOf = ({ db }: OpenDatabase, user = 1) =>
  db
    .selectFrom('notes')
    .leftJoin('pads', 'pads.id', 'notes.pad_id')
    .select(['notes.id', 'notes.name', 'notes.text', 'pads.name as pad', 'notes.created_at', 'notes.updated_at'])
    .where('notes.user_id', '=', user)
    .where('notes.deleted_at', 'is', null)
    .orderBy('notes.id')
    .execute()

const counters = async ({ db }: OpenDatabase) => ({
  users: (await db.selectFrom('users').select('note_count').orderBy('id').execute()).map((row) => row.note_count),
  pads: await db
    .selectFrom('pads')
    .select(['name', 'note_count'])
    .where('user_id', '=', 1)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute(),
})

describe.each(engines)('recovering on %s', (engine) => {
  /** A served database and a copy of it that is read into scratch. */
  async function both() {
    const stack = new AsyncDisposableStack()
    const open = async () => {
      const opened = stack.use(await openTestDatabase(stack.use(await createTestDatabase(engine))))
      await migrateTest(opened)
      await fill(opened)
      return opened
    }
    return { live: await open(), archive: await open(), [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }

  test('notes that are gone come back with their pad, their times, the counters and the search', async () => {
    await using pair = await both()
    const { live, archive } = pair
    await live.db.deleteFrom('notes').where('user_id', '=', 1).execute()
    await live.db.deleteFrom('pads').where('user_id', '=', 1).execute()
    await live.db.updateTable('users').set({ note_count: 0 }).where('id', '=', 1).execute()

    const result = await put(live, archive, { user: 'Anna@Example.org' })

    expect(result).toEqual({ inserted: 2, copies: 0, unchanged: 0, padsCreated: 1 })
    const times = { created_at: at + 5, updated_at: at + 6 }
    expect(await notesOf(live)).toMatchObject([
      { name: 'Garden', text: 'plant the tulips', pad: 'Home', ...times },
      { name: 'Loose', text: 'no pad', pad: null, ...times },
    ])
    expect(await counters(live)).toEqual({ users: [2, 2], pads: [{ name: 'Home', note_count: 1 }] })
    expect((await createSearch(live).find(1, 'tulips', { page: 1, perPage: 5 })).total).toBe(1)
  })

  test('what is there unchanged is passed over, what differs gets a copy beside it, and a second run adds nothing', async () => {
    await using pair = await both()
    const { live, archive } = pair
    await live.db.updateTable('notes').set({ text: 'plant roses' }).where('id', '=', 1).execute()

    const first = await put(live, archive, { user: 'anna@example.org' })
    const rows = await allRows(live)
    const second = await put(live, archive, { user: 'anna@example.org' })

    expect(first).toEqual({ inserted: 0, copies: 1, unchanged: 1, padsCreated: 0 })
    expect(second).toEqual({ inserted: 0, copies: 0, unchanged: 2, padsCreated: 0 })
    expect(await allRows(live)).toEqual(rows)
    expect((await notesOf(live)).map(({ name, text, pad }) => [name, text, pad])).toEqual([
      ['Garden', 'plant roses', 'Home'],
      ['Loose', 'no pad', null],
      ['Garden (recovered 2026-11-20)', 'plant the tulips', 'Home'],
    ])
    expect(await counters(live)).toEqual({ users: [3, 2], pads: [{ name: 'Home', note_count: 2 }] })
  })

  test('one note comes back alone, also one that its owner had deleted when the archive was made', async () => {
    await using pair = await both()
    const { live, archive } = pair
    await live.db.deleteFrom('notes').where('id', '=', 3).execute()

    const result = await put(live, archive, { noteIds: [3] })

    expect(result).toMatchObject({ inserted: 1, copies: 0 })
    expect((await notesOf(live)).map(({ name }) => name)).toEqual(['Garden', 'Loose', 'Old'])
  })

  test('nobody else is touched, and an address that was taken by another gets nothing', async () => {
    await using pair = await both()
    const { live, archive } = pair
    const bert = await notesOf(live, 2)
    await live.db
      .updateTable('users')
      .set({ created_at: at + 99 })
      .where('id', '=', 1)
      .execute()
    const before = await allRows(live)

    await expect(put(live, archive, { user: 'anna@example.org' })).rejects.toMatchObject({ code: 'AccountGone' })

    expect(await allRows(live)).toEqual(before)
    expect(await notesOf(live, 2)).toEqual(bert)
  })
})

describe('a selection', () => {
  test.each([
    ['an address that the archive does not know', { user: 'nobody@example.org' }, 'NotFound'],
    ['a note that the archive does not hold', { noteIds: [1, 99] }, 'NotFound'],
    ['notes of two accounts', { noteIds: [1, 4] }, 'InvalidArguments'],
  ])('refuses %s', async (_what, selection, code) => {
    await using archive = await openTestDatabase(await createTestDatabase('sqlite'))
    await migrateTest(archive)
    await fill(archive)

    await expect(select(archive.db, selection)).rejects.toMatchObject({ code })
  })

  test('is written as the app would, once, for its owner alone', async () => {
    await using stack = new AsyncDisposableStack()
    const archive = stack.use(await openTestDatabase(stack.use(await createTestDatabase('sqlite'))))
    const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'notejam-recover-')), (path) => rm(path, { recursive: true }))
    await migrateTest(archive)
    await fill(archive)
    const [zip, json] = [join(folder, 'a.zip'), join(folder, 'a.json')]

    const written = await exportSelection({ data: await select(archive.db, { user: 'anna@example.org' }), file: zip, now: at })
    await exportSelection({ data: await select(archive.db, { noteIds: [1] }), file: json, now: at })

    expect(written).toBe(2)
    expect(Object.keys(unzipSync(await readFile(zip)))).toEqual(['Home/Garden.md', 'Loose.md'])
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ notes: [{ name: 'Garden' }], pads: [{ name: 'Home' }] })
    expect((await stat(zip)).mode & 0o777).toBe(0o600)
    await writeFile(zip, 'mine')
    const again = exportSelection({ data: await select(archive.db, { noteIds: [1] }), file: zip, now: at })
    await expect(again).rejects.toMatchObject({ code: 'InvalidArguments', exitCode: 2 })
    expect(await readFile(zip, 'utf8')).toBe('mine')
    const odd = exportSelection({ data: await select(archive.db, { noteIds: [1] }), file: join(folder, 'a.txt'), now: at })
    await expect(odd).rejects.toMatchObject({ code: 'InvalidArguments', exitCode: 2 })
  })
})

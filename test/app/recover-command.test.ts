import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import { createArchiveWorld, owner } from './archive-world.ts'
import { createTestDatabase, migrateTest, openTestDatabase, type TestDatabase } from './databases.ts'
import { notejam, outcomeOf } from './notejam.ts'
import { plantData } from './planted-data.ts'

/** An instance with notes, its backup, and a throw-away database to read it into. */
async function createWorld(engine: Engine) {
  const stack = new AsyncDisposableStack()
  const archives = stack.use(await createArchiveWorld())
  const database = stack.use(await createTestDatabase(engine))
  const scratch = stack.use(await createTestDatabase(engine))
  const claim = { instanceUid: owner.instanceUid, environment: 'Production', fingerprint: undefined, adopt: undefined }
  {
    await using opened = await openTestDatabase(database)
    await migrateTest(opened, { claim })
    await plantData(opened)
  }
  const more: Record<string, string> = engine === 'sqlite' ? {} : { SCRATCH_DATABASE_URL: scratch.url }
  const run = (...args: readonly string[]) => archives.run(database, args, more)
  const backup = await run('backup', '--reason', 'OnDemand')
  if (backup.code !== 0) throw new Error(backup.stdout + backup.stderr)
  return { archives, database, run, env: archives.env(database, more), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function notesOf(database: TestDatabase, user = 1) {
  await using opened = await openTestDatabase(database)
  const notes = opened.db.selectFrom('notes').selectAll().where('user_id', '=', user).where('deleted_at', 'is', null)
  return await notes.orderBy('name').orderBy('id').execute()
}

async function change(database: TestDatabase, statement: string): Promise<void> {
  await database.admin(statement)
}

const withoutIds = (notes: Awaited<ReturnType<typeof notesOf>>) =>
  notes.map(({ id: _id, version: _version, pad_id: _pad, ...rest }) => rest)

describe.each(engines)('recover on %s', (engine) => {
  test('puts back what one account lost, beside what it has now, and says nothing of it', async () => {
    await using world = await createWorld(engine)
    const before = await notesOf(world.database)
    const others = await notesOf(world.database, 2)
    const [gone, changed] = before
    await change(world.database, `delete from notes where id = ${gone?.id}`)
    await change(world.database, `update notes set text = 'other' where id = ${changed?.id}`)
    await using opened = await openTestDatabase(world.database)
    const { email } = await opened.db.selectFrom('users').select('email').where('id', '=', 1).executeTakeFirstOrThrow()
    await opened.close()

    const recovered = await world.run('recover', '--user', email, '--reinsert')
    const again = await world.run('recover', '--user', email, '--reinsert')

    expect(recovered.report).toMatchObject({ outcome: 'Recovered', inserted: 1, copies: 1, unchanged: 1, padsCreated: 0 })
    expect(again.report).toMatchObject({ inserted: 0, copies: 0, unchanged: 3 })
    const after = await notesOf(world.database)
    expect(withoutIds(after.filter(({ name }) => name === gone?.name))).toEqual(withoutIds(before.filter(({ id }) => id === gone?.id)))
    expect(after.filter(({ name }) => /\(recovered \d{4}-\d\d-\d\d\)$/.test(name)).map(({ text }) => text)).toEqual([changed?.text])
    expect(await notesOf(world.database, 2)).toEqual(others)
    for (const secret of [email, gone?.name ?? '', gone?.text ?? '']) expect(recovered.stdout + recovered.stderr).not.toContain(secret)
  })
})

describe('recover', () => {
  test('writes a file without any database of an instance', async () => {
    await using stack = new AsyncDisposableStack()
    const world = stack.use(await createWorld('sqlite'))
    const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'notejam-recover-')), (path) => rm(path, { recursive: true }))
    const { DATABASE_URL: _none, ...env } = world.env
    const file = join(folder, 'notes.json')

    const ended = await notejam(['recover', '--note', '1', '--note', '2', '--export', file], env)
    const again = await notejam(['recover', '--note', '1', '--export', file], env)

    expect([ended.code, outcomeOf(ended)]).toEqual([0, 'Recovered'])
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ notes: [{ id: 1 }, { id: 2 }] })
    expect(again.code).toBe(2)
    expect(await readdir(join(world.archives.folder, '..', 'scratch'))).toEqual([])
  })

  test('finds nobody whom the archive does not know', async () => {
    await using world = await createWorld('sqlite')

    const ended = await world.run('recover', '--user', 'nobody@example.org', '--export', '/nonexistent/a.zip')

    expect([ended.code, ended.report['outcome']]).toEqual([1, 'NotFound'])
  })

  test('keeps out of the database of another instance', async () => {
    await using world = await createWorld('sqlite')
    const before = await notesOf(world.database)
    await change(world.database, `update notejam_identity set instance_uid = 'other'`)

    const ended = await world.run('recover', '--note', '1', '--reinsert')

    expect([ended.code, ended.report['outcome']]).toEqual([6, 'FenceRefused'])
    expect(await notesOf(world.database)).toEqual(before)
  })

  test.each([
    ['nothing that is wanted', ['--reinsert']],
    ['an account and a note', ['--user', 'a@example.org', '--note', '1', '--reinsert']],
    ['no way back', ['--note', '1']],
    ['two ways back', ['--note', '1', '--reinsert', '--export', 'a.zip']],
    ['a file of another kind', ['--note', '1', '--export', 'a.txt']],
    ['a note that is no number', ['--note', 'x', '--reinsert']],
  ])('ends with 2 for %s', async (_what, args) => {
    const ended = await notejam(['recover', ...args])

    expect(ended.code).toBe(2)
  })
})

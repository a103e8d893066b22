import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { unzipSync } from 'fflate'
import { expect, test } from 'vitest'
import { insertWithId } from '../../app/src/db/transact.ts'
import { runCommand } from '../cluster/command.ts'
import { createArchiveWorld, owner } from './archive-world.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'

const page = 'docs/how-to/restore-a-note.md'
const at = 1_767_225_600_000

/** The blocks of commands of the page, in order. */
async function blocksOf(path: string): Promise<string[]> {
  return [...(await readFile(path, 'utf8')).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
}

test('docs/how-to/restore-a-note.md, step by step', async () => {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createArchiveWorld())
  const database = stack.use(await createTestDatabase('sqlite'))
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'notejam-page-')), (path) => rm(path, { recursive: true }))
  const opened = stack.use(await openTestDatabase(database))
  await migrateTest(opened, {
    claim: { instanceUid: owner.instanceUid, environment: 'Production', fingerprint: undefined, adopt: undefined },
  })
  const { db, engine } = opened
  const times = { created_at: at, updated_at: at }
  const anna = { email: 'anna@example.org', email_key: 'anna@example.org', password_hash: 'x', created_at: at, password_changed_at: at }
  const user_id = await insertWithId(db, engine, 'users', { ...anna, note_count: 1 })
  const pad_id = await insertWithId(db, engine, 'pads', { user_id, name: 'Home', name_key: 'home', note_count: 1, ...times })
  const note = { user_id, pad_id, name: 'Garden', name_key: 'garden', text: 'plant the tulips', ...times }
  expect(await insertWithId(db, engine, 'notes', note)).toBe(1)
  expect((await world.run(database, ['backup', '--reason', 'Scheduled'])).code).toBe(0)
  await db.updateTable('notes').set({ text: 'oops' }).execute()

  // The values are those of the instance; what is done with them is what the page says.
  const env: Readonly<Record<string, string>> = { ...world.env(database), SECRET_KEY_FILE: join(folder, 'secret-key') }
  await writeFile(join(folder, 'secret-key'), world.secretKey)
  // The first block is done on a cluster, by `test/e2e/backup.test.ts`.
  const [, variables = '', ...steps] = await blocksOf(page)
  const named = variables
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^export (\w+)=.*$/, (_line, name: string) => `export ${name}='${env[name]}'`))
  await writeFile(join(folder, 'recover.env'), `${named.join('\n')}\n`, { mode: 0o600 })
  const entry = `notejam() { '${process.execPath}' '${resolve('app/src/main.ts')}' "$@"; }`
  const later = new Date(Date.now() + 1000).toISOString()
  const run = async (block: string) => {
    const script = [entry, '. ./recover.env', block.replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, later)].join('\n')
    const environment = { PATH: process.env['PATH'], SCRATCH_DIR: env['SCRATCH_DIR'], LOG_LEVEL: 'warn' }
    return await runCommand('sh', ['-eu', '-c', script], { cwd: folder, env: environment })
  }
  const [source = '', list = '', look = '', all = '', putBack = ''] = steps

  expect(steps).toHaveLength(5)
  expect(named.join('\n')).not.toContain('undefined')
  expect(await run(source)).toBe('')
  expect(JSON.parse(await run(list))).toMatchObject({ backups: [{ reason: 'Scheduled' }] })
  await run(look)
  await run(all)
  const content = (file: string) => readFile(join(folder, file)).then((bytes) => unzipSync(bytes))
  for (const file of ['note.zip', 'all.zip'])
    expect(Buffer.from((await content(file))['Home/Garden.md'] ?? []).toString()).toContain('plant the tulips')
  expect(JSON.parse(await run(putBack))).toMatchObject({ outcome: 'Recovered', copies: 1, inserted: 0 })
  await db.deleteFrom('notes').execute()
  expect(JSON.parse(await run(putBack))).toMatchObject({ outcome: 'Recovered', copies: 0, inserted: 1 })
  expect(JSON.parse(await run(putBack))).toMatchObject({ outcome: 'Recovered', unchanged: 1 })
  const back = await db.selectFrom('notes').select(['name', 'text', 'pad_id', 'created_at', 'updated_at']).execute()
  expect(back).toEqual([{ name: 'Garden', text: 'plant the tulips', pad_id, ...times }])
})

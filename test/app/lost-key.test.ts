import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAgeKeys } from './age-keys.ts'
import { confirmed, contentOf, createArchiveWorld, fill } from './archive-world.ts'
import { createTestDatabase, openTestDatabase } from './databases.ts'

// The steps of docs/how-to/lost-key.md, as the store's Secrets become the environment of a Job.
test('with one identity lost, the other opens what there is, and a new one what comes', async () => {
  await using world = await createArchiveWorld()
  await using database = await createTestDatabase('sqlite')
  {
    await using opened = await openTestDatabase(database)
    await fill(opened)
  }
  const before = await contentOf(database)
  const [lost, kept, fresh] = [createAgeKeys(), createAgeKeys(), createAgeKeys()]
  const identity = join(world.folder, '..', 'identities')
  const both = { STORE_RECIPIENTS: `${lost.recipient},${kept.recipient}`, STORE_IDENTITY_FILE: identity }
  const renewed = { STORE_RECIPIENTS: `${kept.recipient},${fresh.recipient}`, STORE_IDENTITY_FILE: identity }
  const archiveOf = async (store: typeof both): Promise<string> => {
    const { report } = await world.run(database, ['backup', '--reason', 'OnDemand'], store)
    return String(report['backupID'])
  }
  const old = await archiveOf(both)

  await writeFile(identity, `${fresh.identity}\n`)
  const closed = await world.run(database, ['verify', '--backup', old], both)
  await writeFile(identity, `${kept.identity}\n${fresh.identity}\n`)
  const opened = await world.run(database, ['verify', '--backup', old], renewed)
  const next = await archiveOf(renewed)
  await writeFile(identity, `${fresh.identity}\n`)
  const fromNow = await world.run(database, ['verify', '--backup', next], renewed)
  await writeFile(identity, `${kept.identity}\n${fresh.identity}\n`)
  const restored = await world.run(database, ['restore', ...confirmed, '--backup', old], renewed)

  expect(closed.code).not.toBe(0)
  expect(closed.stdout + closed.stderr).not.toContain(fresh.identity)
  expect([opened.code, opened.report['outcome']]).toEqual([0, 'Verified'])
  expect([fromNow.code, fromNow.report['outcome']]).toEqual([0, 'Verified'])
  expect([restored.code, restored.report['outcome']]).toEqual([0, 'Restored'])
  expect(await contentOf(database)).toEqual(before)
})

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { formatManifest } from '../../app/src/archive/manifest.ts'
import { engines } from '../../app/src/db/engine.ts'
import { contentOf, createArchiveWorld, fill, fillFirstSchema, scratchOf, type ArchiveWorld } from './archive-world.ts'
import { createTestDatabase, openTestDatabase } from './databases.ts'

const onDemand = ['backup', '--reason', 'OnDemand'] as const

async function recordOf(world: ArchiveWorld): Promise<unknown> {
  const file = (await world.files()).find((name) => name.endsWith('/verification.json'))
  return file === undefined ? undefined : JSON.parse(await readFile(join(world.folder, file), 'utf8'))
}

describe.each(engines)('verify on %s', (engine) => {
  test('restores, compares, migrates, signs in, says so beside the archive, and leaves nothing', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase(engine)
    await using scratch = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await fill(opened)
    await world.run(database, onDemand)
    const before = await contentOf(database)

    const first = await world.run(database, ['verify'], scratchOf(scratch))
    const again = await world.run(database, ['verify', '--backup', 'Latest'], scratchOf(scratch))

    const [manifest] = await world.manifests()
    expect(first).toMatchObject({ code: 0, report: { outcome: 'Verified', backupID: manifest?.backupID, schemaVersion: 3 } })
    expect(again.code).toBe(0)
    expect(await recordOf(world)).toMatchObject({ outcome: 'Verified', backupID: manifest?.backupID, rows: first.report['rows'] })
    expect(await contentOf(database)).toEqual(before)
    if (engine !== 'sqlite') expect(await contentOf(scratch)).toEqual({})
  })

  test('an archive of an older schema is migrated; accounts that nobody can sign in to make it fail', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase(engine)
    await using scratch = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await fillFirstSchema(opened)
    await world.run(database, onDemand)

    const older = await world.run(database, ['verify'], scratchOf(scratch))
    await sql`update users set password_hash = 'plain'`.execute(opened.db)
    await using worse = await createArchiveWorld()
    await worse.run(database, onDemand)
    const unusable = await worse.run(database, ['verify'], scratchOf(scratch))

    expect(older).toMatchObject({ code: 0, report: { outcome: 'Verified', schemaVersion: 1 } })
    expect(unusable).toMatchObject({ code: 1, report: { outcome: 'VerificationFailed' } })
    expect(await recordOf(worse)).toMatchObject({ outcome: 'Failed', message: expect.stringContaining('password') as string })
  })
})

describe('verify', () => {
  test('a scratch database that holds anything is left alone, and a missing one is said', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase('postgres')
    await using opened = await openTestDatabase(database)
    await fill(opened)
    await world.run(database, onDemand)
    const before = await contentOf(database)

    const own = await world.run(database, ['verify'], scratchOf(database))
    const none = await world.run(database, ['verify'], { DATABASE_URL: '', SCRATCH_DATABASE_URL: '' })

    expect([own, none].map(({ code, report }) => [code, report['outcome']])).toEqual([
      [6, 'FenceRefused'],
      [2, 'InvalidConfig'],
    ])
    expect(await contentOf(database)).toEqual(before)
    expect(await recordOf(world)).toBeUndefined()
  })

  test('an archive without a table of ours is a failure', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase('sqlite')
    await using opened = await openTestDatabase(database)
    await fill(opened)
    await world.run(database, onDemand)
    const [manifest] = await world.manifests()
    if (manifest === undefined) throw new Error('there is no archive')
    const file = (await world.files()).find((name) => name.endsWith('/manifest.json')) ?? ''
    await writeFile(join(world.folder, file), formatManifest({ ...manifest, tables: [] }))

    expect(await world.run(database, ['verify'])).toMatchObject({ code: 9, report: { outcome: 'NotOurSchema' } })
    expect(await recordOf(world)).toMatchObject({ outcome: 'Failed' })
  })
})

import { describe, expect, test } from 'vitest'
import { rehearse } from '../../app/src/backup/rehearse.ts'
import { systemClock } from '../../app/src/clock.ts'
import { firstStoreConfig, withStore } from '../../app/src/commands/archive-job.ts'
import { engines } from '../../app/src/db/engine.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import type { Migration } from '../../app/src/db/migrations/migration.ts'
import { contentOf, createArchiveWorld, fill, fillFirstSchema, owner, scratchOf, type ArchiveWorld } from './archive-world.ts'
import { createTestDatabase, openTestDatabase, type TestDatabase } from './databases.ts'

const onDemand = ['backup', '--reason', 'OnDemand'] as const

/** A step after those that there are. */
function step(text: string, rewrites?: readonly string[]): readonly Migration[] {
  const number = migrations.length + 1
  const base = { number, name: 'tried', phase: 'expand', transaction: false, steps: [{ sql: text }] } as const
  return [...migrations, rewrites === undefined ? base : { ...base, rewrites }]
}

/** Rehearses steps that no image has. */
async function rehearseSteps(world: ArchiveWorld, scratch: TestDatabase, steps: readonly Migration[]) {
  const environment = world.env(scratch, scratchOf(scratch))
  const config = firstStoreConfig(environment, ['STORE_'])
  return await withStore(
    config,
    () => undefined,
    (store) =>
      rehearse({
        ...{ environment, store, encryption: config.encryption, clock: systemClock, signal: new AbortController().signal },
        ...{ source: owner, choice: { kind: 'latest' }, steps },
      }),
  )
}

describe.each(engines)('rehearse on %s', (engine) => {
  test('takes the steps of the image on a copy, finds every row again, and leaves nothing anywhere', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase(engine)
    await using scratch = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await fillFirstSchema(opened)
    await world.run(database, onDemand)
    const before = await contentOf(database)

    const ended = await world.run(database, ['rehearse', '--backup', 'Latest'], scratchOf(scratch))

    const [manifest] = await world.manifests()
    expect(ended).toMatchObject({
      code: 0,
      report: { outcome: 'Rehearsed', backupID: manifest?.backupID, schemaVersion: 1, rows: 2 },
    })
    expect(await contentOf(database)).toEqual(before)
    expect((await world.files()).filter((name) => name.endsWith('verification.json'))).toEqual([])
    if (engine !== 'sqlite') expect(await contentOf(scratch)).toEqual({})
  })

  test.each<readonly [string, readonly Migration[], RegExp | undefined]>([
    [
      'a row is lost',
      step('delete from notes where id = (select low from (select min(id) as low from notes) lowest)'),
      /notes has \d+ rows, it had/,
    ],
    ['a text is changed', step("update notes set text = 'gone'"), /rows of notes do not hold what they held/],
    ['a column goes', step('alter table pads drop column version'), /pads has lost version/],
    ['it is declared', step("update notes set text = 'gone'", ['notes.text']), undefined],
  ])('tells when %s', async (_what, steps, message) => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase(engine)
    await using scratch = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await fill(opened)
    await world.run(database, onDemand)

    const outcome = await rehearseSteps(world, scratch, steps).then(
      ({ rows }) => ({ rows }),
      (error: unknown) => error,
    )

    if (message === undefined) expect(outcome).toEqual({ rows: expect.any(Number) as number })
    else expect(outcome).toMatchObject({ code: 'RowsChanged', message: expect.stringMatching(message) as string })
    expect((await world.files()).filter((name) => name.endsWith('verification.json'))).toEqual([])
  })
})

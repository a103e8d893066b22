import { describe, expect, test } from 'vitest'
import { FolderStore } from '../../app/src/archive/stores/folder-store.ts'
import { systemClock } from '../../app/src/clock.ts'
import { engines } from '../../app/src/db/engine.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { jobLimits } from '../../app/src/db/pool-limits.ts'
import { classification, type Classification } from '../../app/src/mask/classification.ts'
import { maskArchive } from '../../app/src/mask/mask-archive.ts'
import { owner } from './archive-world.ts'
import { migrateTest } from './databases.ts'
import { createMaskWorld, openCopies, startTarget, testClaim, type MaskWorld, type TargetServer } from './mask-world.ts'
import { notejam, type Ended } from './notejam.ts'
import { findNeedles, needlesOf } from './planted-data.ts'

const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Readonly<Record<string, unknown>>

/** Fills the database of Test from the store of masked copies, as its Job does. */
async function seed(world: MaskWorld, target: TargetServer): Promise<Ended> {
  const opened = await openDatabase(target.config, { limits: jobLimits })
  try {
    await migrateTest(opened, { claim: testClaim })
  } finally {
    await opened.close()
  }
  return await notejam(['seed', '--from', world.from], world.testEnv(target))
}

/** The masked copy by the same code as the command's, with other rules. */
async function maskWith(world: MaskWorld, rules: Classification): Promise<void> {
  const { STORE_IDENTITY_FILE: identityFile = '' } = world.maskEnv()
  const encryption = { mode: 'Age', recipients: [] } as const
  await maskArchive({
    environment: world.maskEnv(),
    owner,
    source: {
      store: new FolderStore({ name: 'own', path: world.archives.folder, prefix: '' }),
      encryption: { ...encryption, identityFile },
    },
    target: {
      store: new FolderStore({ name: 'masked', path: world.target.folder, prefix: '' }),
      encryption: { ...encryption, recipients: [world.target.keys.recipient], identityFile: undefined },
    },
    choice: { kind: 'latest' },
    secretKey: world.archives.secretKey,
    uid: undefined,
    clock: systemClock,
    signal: new AbortController().signal,
    classification: rules,
    onStep: () => undefined,
    onProgress: () => undefined,
  })
}

describe.each(engines)('a masked copy on %s', (engine) => {
  test('brings nothing that was planted into the archive, the dump, the log of changes, or what anybody says', async () => {
    await using world = await createMaskWorld(engine)
    await using target = await startTarget(engine)
    const needles = [...needlesOf(world.planted), world.archives.secretKey, world.archives.keys.identity]

    const masked = await notejam(['mask'], world.maskEnv())
    const seeded = await seed(world, target)

    expect([masked.code, seeded.code], `${masked.stdout}${seeded.stdout}`).toEqual([0, 0])
    const { users, pads, notes } = world.planted.rows
    const rows = Number(reportOf(seeded)['rows'])
    expect(rows).toBeGreaterThan(users + pads + notes)
    const { files, log } = await target.written()
    const [dump, archive] = [await target.dump(), await openCopies(world)]
    const saying = (places: Readonly<Record<string, Buffer>>) =>
      Object.entries(places).flatMap(([place, bytes]) => findNeedles(bytes, needles).map((needle) => `${place}: ${needle}`))
    const said = { mask: Buffer.from(masked.stdout + masked.stderr), seed: Buffer.from(seeded.stdout + seeded.stderr) }
    expect(saying({ dump, archive, files, log, ...said })).toEqual([])
    // All of these were really looked at: what the copy does hold is found in each.
    const { email } = reportOf(seeded)['signIn'] as { email: string }
    expect(Object.entries({ dump, archive, files }).filter(([, bytes]) => !bytes.includes(email))).toEqual([])
  })

  test('counter-test: with one column switched to Keep, the same search finds what was planted', async () => {
    await using world = await createMaskWorld(engine)
    await using target = await startTarget(engine)
    const { columns } = classification.notes

    await maskWith(world, { ...classification, notes: { columns: { ...columns, name: 'Keep' } } })
    const seeded = await seed(world, target)

    expect(seeded.code, seeded.stdout).toBe(0)
    const needles = needlesOf(world.planted)
    for (const bytes of [await target.dump(), await openCopies(world), (await target.written()).files]) {
      expect(findNeedles(bytes, needles).length).toBeGreaterThan(10)
    }
  })
})

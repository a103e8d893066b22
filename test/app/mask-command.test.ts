import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { engines } from '../../app/src/db/engine.ts'
import { createMaskWorld, openCopies, type MaskWorld } from './mask-world.ts'
import { notejam, outcomeOf, type Ended } from './notejam.ts'
import { findNeedles, needlesOf } from './planted-data.ts'

const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Readonly<Record<string, unknown>>
const stored = async ({ target }: MaskWorld) =>
  (await readdir(target.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name)

describe('mask', () => {
  test('asked twice by one run makes one copy; another run makes another', async () => {
    await using world = await createMaskWorld('sqlite')

    const first = await notejam(['mask', '--uid', 'run-1'], world.maskEnv())
    const again = await notejam(['mask', '--uid', 'run-1'], world.maskEnv())
    const other = await notejam(['mask', '--backup', String(reportOf(first)['sourceBackupID'])], world.maskEnv())

    expect([first, again, other].map(outcomeOf)).toEqual(['Masked', 'AlreadyStored', 'Masked'])
    expect(reportOf(again)['backupID']).toBe(reportOf(first)['backupID'])
    expect((await stored(world)).toSorted()).toEqual(['data.age', 'data.age', 'manifest.json', 'manifest.json'])
  })

  test('gives neither the key of the app nor the declaration of the instance away', async () => {
    await using world = await createMaskWorld('sqlite')

    await notejam(['mask'], { ...world.maskEnv(), NOTEJAM_INSTANCE_SPEC: '{"http":{"hosts":["planted.example.org"]}}' })

    expect(await stored(world)).not.toContain('secret.age')
    const copies = (await openCopies(world)).toString('latin1')
    expect(copies).toContain('Masked')
    expect(['planted.example.org', world.archives.secretKey].filter((text) => copies.includes(text))).toEqual([])
  })

  test('Test has no key that opens an archive of Production', async () => {
    await using world = await createMaskWorld('sqlite')
    const env = { ...world.maskEnv(), STORE_IDENTITY_FILE: world.target.identityFile, SECRET_KEY: 'x'.repeat(40) }

    const tried = await notejam(['verify'], env)

    expect([tried.code, outcomeOf(tried)]).toEqual([1, 'WrongIdentity'])
  })

  test('refuses the store of the instance itself as its target', async () => {
    await using world = await createMaskWorld('sqlite')

    const refused = await notejam(['mask'], { ...world.maskEnv(), TARGET_STORE_PATH: world.archives.folder })

    expect([refused.code, outcomeOf(refused)]).toEqual([2, 'InvalidArguments'])
  })

  test.each(engines)('on %s a column that nobody classified ends it, and nothing is stored', async (engine) => {
    await using world = await createMaskWorld(engine)
    await world.production.admin('alter table notes add column secret text')
    const backup = await world.archives.run(world.production, ['backup', '--reason', 'OnDemand'])

    const ended = await notejam(['mask', '--backup', String(backup.report['backupID'])], world.maskEnv())

    expect(backup.code).toBe(0)
    expect([ended.code, outcomeOf(ended)]).toEqual([1, 'Unclassified'])
    expect(reportOf(ended)['message']).toContain('notes.secret')
    expect(await stored(world)).toEqual([])
  })

  test('killed at any point it has stored nothing, or a whole masked copy', async () => {
    await using world = await createMaskWorld('sqlite')
    const needles = needlesOf(world.planted)
    const whole = await notejam(['mask'], world.maskEnv())
    const lines = whole.stderr.trim().split('\n').length

    for (let line = 1; line <= lines; line += 1) await killedAfterLine(world, line)

    const files = await stored(world)
    const copies = files.filter((name) => name === 'manifest.json').length
    expect(lines).toBeGreaterThan(5)
    expect(copies).toBeLessThan(lines)
    expect(files.filter((name) => name === 'data.age').length).toBeGreaterThanOrEqual(copies)
    expect(findNeedles(await openCopies(world), needles)).toEqual([])
  })

  test.each(['postgres', 'mysql'] as const)('on %s what a killed run left is thrown away by the next', async (engine) => {
    await using world = await createMaskWorld(engine)
    // Found and loaded: all of it is there, and nothing masked yet.
    await killedAfterLine(world, 2)
    const left = await stored(world)

    const next = await notejam(['mask'], world.maskEnv())

    expect(left).toEqual([])
    expect([next.code, outcomeOf(next)], next.stdout).toEqual([0, 'Masked'])
    expect(findNeedles(await openCopies(world), needlesOf(world.planted))).toEqual([])
  })
})

/** Runs `mask` and kills it when it has said so many lines. */
async function killedAfterLine(world: MaskWorld, count: number): Promise<void> {
  const child = spawn(process.execPath, ['app/src/main.ts', 'mask'], {
    env: { PATH: process.env['PATH'], ...world.maskEnv() },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let seen = 0
  createInterface({ input: child.stderr }).on('line', () => {
    seen += 1
    if (seen === count) child.kill('SIGKILL')
  })
  await once(child, 'close')
}

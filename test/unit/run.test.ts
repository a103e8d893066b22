import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const top = join(import.meta.dirname, '../..')
const scratches: string[] = []

interface Run {
  readonly code: number | null
  /** The closing line. */
  readonly last: string
  readonly failures: readonly string[]
  readonly unsteady: readonly string[]
}

/** Runs one tier over these files. */
function runTier(files: Readonly<Record<string, string>>, tier: 'unit' | 'app' = 'unit'): Run {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-run-'))
  scratches.push(folder)
  symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'))
  const config = { test: { projects: [{ test: { name: tier, include: ['*.test.ts'] } }], passWithNoTests: true } }
  writeFileSync(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify(config)}`)
  for (const [name, body] of Object.entries(files)) writeFileSync(join(folder, name), `import { expect, it } from 'vitest'\n${body}`)
  const { status, stdout } = spawnSync(process.execPath, [join(top, 'test/run.ts'), tier], { cwd: folder, encoding: 'utf8' })
  const lines = stdout.trim().split('\n')
  const startingWith = (word: string): readonly string[] => lines.filter((line) => line.startsWith(`${word}: `))
  return { code: status, last: lines.at(-1) ?? '', failures: startingWith('failed'), unsteady: startingWith('unsteady') }
}

const passing = "it('passes', () => { expect(1).toBe(1) })"

describe('the run of all tiers', () => {
  afterAll(() => {
    for (const scratch of scratches) rmSync(scratch, { recursive: true })
  })

  it.each([
    ['what passes', { 'a.test.ts': passing }, 0, '1 passed, 0 failed, 0 skipped'],
    [
      'what fails, and what is skipped',
      { 'a.test.ts': passing, 'b.test.ts': "it('fails', () => { expect(1).toBe(2) })\nit.skip('is skipped', () => {})" },
      1,
      '1 passed, 1 failed, 1 skipped',
    ],
    ['a file that cannot be loaded', { 'a.test.ts': passing, 'b.test.ts': "import './absent.ts'" }, 1, '1 passed, 1 failed, 0 skipped'],
    [
      'a failure outside of every test',
      { 'a.test.ts': `${passing}\nvoid Promise.reject(new Error('late'))` },
      1,
      '1 passed, 1 failed, 0 skipped',
    ],
    ['a tier that runs nothing', {}, 1, '0 passed, 1 failed, 0 skipped'],
  ])('counts %s', (_what, files, code, last) => {
    expect(runTier(files)).toMatchObject({ code, last })
  })

  it('says at the end what failed and why', () => {
    const { failures } = runTier({ 'a.test.ts': "it('counts notes', () => { expect(1).toBe(2) })", 'b.test.ts': "import './absent.ts'" })

    expect(failures.toSorted()).toEqual([
      expect.stringMatching(/b\.test\.ts: .*absent\.ts/),
      'failed: counts notes: AssertionError: expected 1 to be 2 // Object.is equality',
    ])
  })

  const once = `import { existsSync, writeFileSync } from 'node:fs'
it('is late at first', () => {
  const late = !existsSync('seen')
  writeFileSync('seen', '')
  expect(late).toBe(false)
})`

  it('runs files of a tier with servers again, and names what passed only then', () => {
    const run = runTier({ 'a.test.ts': `${passing}\n${once}`, 'b.test.ts': passing }, 'app')

    expect(run).toMatchObject({ code: 0, last: '3 passed, 0 failed, 0 skipped', failures: [] })
    expect(run.unsteady).toEqual(['unsteady: is late at first: AssertionError: expected true to be false // Object.is equality'])
  })

  it.each([
    ['fails twice', { 'a.test.ts': "it('fails', () => { expect(1).toBe(2) })", 'b.test.ts': passing }, '1 passed, 1 failed, 0 skipped'],
    [
      'fails in more than three files',
      Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.test.ts`, once.replaceAll('seen', `seen-${name}`)])),
      '0 passed, 4 failed, 0 skipped',
    ],
  ])('fails for a tier with servers that %s', (_what, files, last) => {
    expect(runTier(files, 'app')).toMatchObject({ code: 1, last, unsteady: [] })
  })

  it('gives unit tests no second run', () => {
    expect(runTier({ 'a.test.ts': once })).toMatchObject({ code: 1, last: '0 passed, 1 failed, 0 skipped', unsteady: [] })
  })
})

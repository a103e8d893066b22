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
}

/** Runs the tier `unit` over these files. */
function runTier(files: Readonly<Record<string, string>>): Run {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-run-'))
  scratches.push(folder)
  symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'))
  const config = { test: { projects: [{ test: { name: 'unit', include: ['*.test.ts'] } }], passWithNoTests: true } }
  writeFileSync(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify(config)}`)
  for (const [name, body] of Object.entries(files)) writeFileSync(join(folder, name), `import { expect, it } from 'vitest'\n${body}`)
  const { status, stdout } = spawnSync(process.execPath, [join(top, 'test/run.ts'), 'unit'], { cwd: folder, encoding: 'utf8' })
  const lines = stdout.trim().split('\n')
  return { code: status, last: lines.at(-1) ?? '', failures: lines.filter((line) => line.startsWith('failed: ')) }
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

    expect(failures).toEqual([
      expect.stringMatching(/b\.test\.ts: .*absent\.ts/),
      'failed: counts notes: AssertionError: expected 1 to be 2 // Object.is equality',
    ])
  })
})

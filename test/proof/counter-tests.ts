import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProofResult } from './proof.ts'

/** A safety, how it is taken out, and the test that has to notice. */
export interface Safety {
  readonly name: string
  /** From the root of the tree. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** File of the test, from the root of the tree. */
  readonly test: string
  /** Part of the test's name. */
  readonly title: string
}

const projects: readonly (readonly [folder: string, project: string])[] = [
  ['test/control-plane/', 'control-plane'],
  ['test/app/', 'app'],
  ['test/e2e/', 'cluster'],
]

/** A copy of what Git tracks, as it is in the working tree, with the installed packages of this one. */
function copyOfTheTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-safeties-'))
  const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0')
  for (const path of tracked) if (path !== '' && existsSync(path)) cpSync(path, join(folder, path))
  for (const modules of ['node_modules', 'app/node_modules', 'operator/node_modules']) {
    if (existsSync(modules)) symlinkSync(join(process.cwd(), modules), join(folder, modules))
  }
  return folder
}

/** Runs one test in the copy; true when it passes, and only if it ran. */
function passes(folder: string, { test, title }: Safety): boolean {
  const project = projects.find(([start]) => test.startsWith(start))?.[1] ?? 'unit'
  const name = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const report = join(folder, 'report.json')
  rmSync(report, { force: true })
  const { stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', project, test, '-t', name, '--reporter=json', `--outputFile=${report}`],
    { cwd: folder, timeout: 600_000, encoding: 'utf8' },
  )
  if (!existsSync(report)) throw new Error(`${test} did not come to a report: ${stderr.slice(-2_000)}`)
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number }
  if (numPassedTests + numFailedTests === 0) throw new Error(`no test of ${test} is named "${title}"`)
  return numFailedTests === 0
}

/**
 * A safety that nobody notices the absence of counts as untested: takes out each, one by one, in a copy of the tree, and looks whether
 * the test that is named for it fails; with the safety in place it has to pass.
 *
 * @throws {Error} when a safety no longer stands where it was, or its test has another name now.
 */
export async function takeOutEach(safeties: readonly Safety[], report: (line: string) => void): Promise<ProofResult> {
  const folder = copyOfTheTree()
  const unnoticed: string[] = []
  try {
    for (const safety of safeties) {
      const path = join(folder, safety.file)
      const source = readFileSync(path, 'utf8')
      if (source.split(safety.from).length !== 2) throw new Error(`${safety.file} does not have "${safety.from}" exactly once`)
      // A busy machine may make a test miss its time once; with the safety in place it does not twice.
      const withIt = passes(folder, safety) || passes(folder, safety)
      writeFileSync(
        path,
        source.replace(safety.from, () => safety.to),
      )
      const without = passes(folder, safety)
      writeFileSync(path, source)
      const verdict = withIt && !without ? 'noticed' : withIt ? 'NOT NOTICED' : 'FAILS WITH IT'
      report(`${safety.name}: ${verdict} (${safety.title})`)
      if (verdict !== 'noticed') unnoticed.push(safety.name)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    passed: unnoticed.length === 0,
    figures: { safeties: safeties.length, noticed: safeties.length - unnoticed.length, unnoticed: unnoticed.join(', ') || 'none' },
    counterTest: 'each test also ran with its safety in place, and passed',
  }
}

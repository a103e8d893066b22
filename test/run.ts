import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { addCounts, formatCounts, noCounts } from './counts.ts'
import { runChecks } from './lint/checks.ts'
import { failedFiles, resultOf, type RunResult, type VitestReport } from './vitest-report.ts'

/** The tiers in the order in which they run: what fails quickest comes first. `lint` is not a vitest project but counts like one. */
const tiers = ['lint', 'unit', 'control-plane', 'app', 'cluster'] as const
type Tier = (typeof tiers)[number]

/** Tiers whose tests share two busy cores with servers and pods: their failures are looked at twice (docs/adr/0046). */
const secondRuns: ReadonlySet<Tier> = new Set(['control-plane', 'app', 'cluster'])
/** More files than these have failed for a reason that another run does not take away. */
const mostFilesAgain = 3

/** Runs one vitest project, or some of its files. */
async function runVitest(
  tier: Tier,
  files: readonly string[] = [],
): Promise<{ readonly exitCode: number; readonly report?: VitestReport }> {
  const path = `test-results/${tier}${files.length === 0 ? '' : '-again'}.json`
  rmSync(path, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`]
  const exitCode = await new Promise<number>((resolve) => {
    const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', tier, ...reporters, ...files], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('exit', (code) => resolve(code ?? 1))
  })
  try {
    return { exitCode, report: JSON.parse(readFileSync(path, 'utf8')) as VitestReport }
  } catch {
    console.error(`tier ${tier}: vitest ended with code ${exitCode} and left no report`)
    return { exitCode }
  }
}

/** A run without a report counts as one failed test, and so does an error outside of every test. */
async function runProject(tier: Tier): Promise<RunResult> {
  const nothing = { passed: 0, failed: 1, skipped: 0, failures: [`${tier} left no report`], unsteady: [] }
  const { exitCode, report } = await runVitest(tier)
  if (report === undefined) return nothing
  const files = failedFiles(report)
  if (files.length === 0) {
    const result = resultOf(report)
    return exitCode === 0 ? result : { ...result, failed: 1, failures: [`${tier}: an error outside of every test`] }
  }
  if (!secondRuns.has(tier) || files.length > mostFilesAgain) return resultOf(report)
  console.log(`\n== ${tier}, again: ${files.length} file(s) that failed ==`)
  const again = await runVitest(tier, files)
  const result = resultOf(report, again.report)
  return again.exitCode === 0 || result.failed > 0
    ? result
    : { ...result, failed: 1, failures: [`${tier}: an error outside of every test`] }
}

async function runTier(tier: Tier): Promise<RunResult> {
  return tier === 'lint' ? { ...runChecks(), failures: [], unsteady: [] } : await runProject(tier)
}

function selectTiers(names: readonly string[]): readonly Tier[] {
  const unknown = names.filter((name) => !(tiers as readonly string[]).includes(name))
  if (unknown.length > 0) {
    console.error(`unknown tier ${unknown.join(', ')}: there are ${tiers.join(', ')}`)
    process.exit(2)
  }
  return names.length === 0 ? tiers : tiers.filter((tier) => names.includes(tier))
}

const selected = selectTiers(process.argv.slice(2))
mkdirSync('test-results', { recursive: true })
let total = noCounts
let healthy = true
const lines: string[] = []
const failures: string[] = []
const unsteady: string[] = []
for (const tier of selected) {
  const started = performance.now()
  console.log(`\n== ${tier} ==`)
  const counts = await runTier(tier)
  const ranNothing = counts.passed + counts.failed === 0
  if (ranNothing) console.error(`tier ${tier} ran nothing: that is a failure`)
  healthy &&= counts.failed === 0 && !ranNothing
  total = addCounts(total, ranNothing ? { ...counts, failed: 1 } : counts)
  failures.push(...counts.failures)
  unsteady.push(...counts.unsteady)
  lines.push(`${tier.padEnd(14)} ${formatCounts(counts)}, ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
// Again at the end, where a reader of the log looks first.
for (const failure of unsteady) console.log(`unsteady: ${failure}`)
for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`\n${lines.join('\n')}\n${formatCounts(total)}`)
process.exit(healthy ? 0 : 1)

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { addCounts, formatCounts, noCounts, type Counts } from './counts.ts'
import { runChecks } from './lint/checks.ts'

/** The tiers in the order in which they run: what fails quickest comes first. `lint` is not a vitest project but counts like one. */
const tiers = ['lint', 'unit', 'control-plane', 'app', 'cluster'] as const
type Tier = (typeof tiers)[number]

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly numFailedTestSuites: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

interface TierResult extends Counts {
  /** What failed and the first line of why. */
  readonly failures: readonly string[]
}

/** Runs one vitest project. A file that fails to load counts as one failed test, a run without a report too. */
async function runVitest(tier: Tier): Promise<TierResult> {
  const report = `test-results/${tier}.json`
  rmSync(report, { force: true })
  const exitCode = await new Promise<number>((resolve) => {
    const child = spawn(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--project', tier, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    child.on('exit', (code) => resolve(code ?? 1))
  })
  let parsed: VitestReport
  try {
    parsed = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
  } catch {
    console.error(`tier ${tier}: vitest ended with code ${exitCode} and left no report`)
    return { passed: 0, failed: 1, skipped: 0, failures: [`${tier} left no report`] }
  }
  const brokenFiles = parsed.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  const failed = parsed.numFailedTests + brokenFiles.length
  return {
    passed: parsed.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
    failures: [...brokenFiles.map(({ name, message }) => `${name}: ${firstLine(message)}`), ...parsed.testResults.flatMap(failuresOf)],
  }
}

function failuresOf({ assertionResults }: VitestReport['testResults'][number]): readonly string[] {
  const failed = assertionResults.filter(({ status }) => status === 'failed')
  return failed.map(({ fullName, failureMessages: [message = ''] }) => `${fullName}: ${firstLine(message)}`)
}

function firstLine(message: string): string {
  return stripVTControlCharacters(message).split('\n', 1)[0] ?? ''
}

async function runTier(tier: Tier): Promise<TierResult> {
  return tier === 'lint' ? { ...runChecks(), failures: [] } : await runVitest(tier)
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
for (const tier of selected) {
  const started = performance.now()
  console.log(`\n== ${tier} ==`)
  const counts = await runTier(tier)
  const ranNothing = counts.passed + counts.failed === 0
  if (ranNothing) console.error(`tier ${tier} ran nothing: that is a failure`)
  healthy &&= counts.failed === 0 && !ranNothing
  total = addCounts(total, ranNothing ? { ...counts, failed: 1 } : counts)
  failures.push(...counts.failures)
  lines.push(`${tier.padEnd(14)} ${formatCounts(counts)}, ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
// Again at the end, where a reader of the log looks first.
for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`\n${lines.join('\n')}\n${formatCounts(total)}`)
process.exit(healthy ? 0 : 1)

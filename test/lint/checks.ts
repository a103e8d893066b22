import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { Counts } from '../counts.ts'
import { findBrokenLinks } from './links.ts'
import { findLayerViolations } from './layers.ts'
import { findStaleReference } from './reference.ts'
import { listTrackedFiles } from './tracked-files.ts'

/** One check of the tree: its findings, one line each; none means that it holds. */
interface Check {
  readonly name: string
  readonly run: () => readonly string[]
}

function tool(script: string, args: readonly string[]): readonly string[] {
  const result = spawnSync(process.execPath, [`node_modules/${script}`, ...args], { encoding: 'utf8' })
  if (result.error) return [`${script} could not be started: ${result.error.message}`]
  return result.status === 0 ? [] : [`${result.stdout}${result.stderr}`.trim()]
}

function lockFileFindings(): readonly string[] {
  return readFileSync('package-lock.json', 'utf8').includes('"resolved": "http')
    ? ['package-lock.json names a registry host: set omit-lockfile-registry-resolved=true in .npmrc and write it anew']
    : []
}

/** One version everywhere: the workspaces, the chart and what it installs (a release is one thing). */
function versionFindings(): readonly string[] {
  const version = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  const wanted = version('package.json')
  const findings = ['operator/package.json', 'app/package.json']
    .filter((file) => version(file) !== wanted)
    .map((file) => `${file} says version ${version(file)}, package.json says ${wanted}`)
  const chart = 'charts/notejam-operator/Chart.yaml'
  if (!existsSync(chart)) return [...findings, `${chart} is missing`]
  const text = readFileSync(chart, 'utf8')
  for (const key of ['version', 'appVersion']) {
    const found = new RegExp(`^${key}: "?([^"\\n]+)"?$`, 'm').exec(text)?.[1]
    if (found !== wanted) findings.push(`${chart} says ${key} ${found ?? 'nothing'}, package.json says ${wanted}`)
  }
  return findings
}

/** The example that the README shows is the one that `make up` applies and the tests try. */
function exampleFindings(): readonly string[] {
  const shown = readFileSync('README.md', 'utf8').includes(`\`\`\`yaml\n${readFileSync('examples/quickstart.yaml', 'utf8')}\`\`\``)
  return shown ? [] : ['README.md does not show examples/quickstart.yaml as it is']
}

const privatePath = /\/(?:work|root|home\/[a-z]+)\/[\w.]/

/** A path of one machine in the tree works nowhere else. */
function machinePathFindings(): readonly string[] {
  return listTrackedFiles()
    .filter(
      (file) =>
        /\.(ts|js|json|ya?ml|md|sh|toml|tpl)$|Makefile$|Dockerfile/.test(file) &&
        file !== 'package-lock.json' &&
        file !== 'test/lint/checks.ts',
    )
    .filter((file) => privatePath.test(readFileSync(file, 'utf8')))
    .map((file) => `${file} names a path of one machine`)
}

const checks: readonly Check[] = [
  { name: 'types (tsc)', run: () => tool('typescript/bin/tsc', ['--noEmit']) },
  { name: 'lint (oxlint with type information)', run: () => tool('oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']) },
  { name: 'format (oxfmt)', run: () => tool('oxfmt/bin/oxfmt', ['--check', '.']) },
  { name: 'dead code and dependencies (knip)', run: () => tool('knip/bin/knip.js', ['--no-progress']) },
  { name: 'layers', run: () => findLayerViolations(listTrackedFiles()) },
  { name: 'reference pages', run: findStaleReference },
  { name: 'links in docs', run: () => findBrokenLinks(listTrackedFiles()) },
  { name: 'example of the README', run: exampleFindings },
  { name: 'lock file without registry hosts', run: lockFileFindings },
  { name: 'one version', run: versionFindings },
  { name: 'no paths of one machine', run: machinePathFindings },
]

/** Runs every check of the tree, prints what each found, and counts them like tests. */
export function runChecks(): Counts {
  let failed = 0
  for (const check of checks) {
    const started = performance.now()
    const findings = check.run()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${findings.length === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`)
    for (const finding of findings) console.log(finding.replaceAll(/^/gm, '     '))
    if (findings.length > 0) failed += 1
  }
  return { passed: checks.length - failed, failed, skipped: 0 }
}

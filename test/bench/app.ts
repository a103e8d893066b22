import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { benchEngines, benchParts, type Figure, holds, measurePart } from './app-figures.ts'

/** `make bench-app`: measures all parts, or those that are named (`node test/bench/app.ts list deep sqlite`), and keeps the figures in docs/bench. */
const wanted = process.argv.slice(2)
const unknown = wanted.filter((word) => ![...benchParts, ...benchEngines].some((name) => name === word))
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; parts are ${benchParts.join(', ')}, engines ${benchEngines.join(', ')}; none means all`)
  process.exit(2)
}
const named = <T extends string>(all: readonly T[]): readonly T[] => {
  const some = all.filter((name) => wanted.includes(name))
  return some.length === 0 ? all : some
}

/** The figures of one part, and where and when they are from. */
interface PartRecord {
  readonly date: string
  readonly commit: string
  readonly node: string
  readonly machine: string
  /** Of the system when the part began, one minute; a quiet machine has less than its cores. */
  readonly loadAverage: number
  readonly figures: readonly (Figure & { readonly holds: boolean })[]
}
type Records = Readonly<Record<string, PartRecord>>

const file = 'docs/bench/app.json'

for (const part of named(benchParts)) {
  const [loadAverage = 0] = loadavg()
  const figures = await measurePart(part, named(benchEngines))
  for (const figure of figures) console.log(lineOf(figure))
  keep(part, figures, loadAverage)
}

function barOf({ bar }: Figure): string {
  if (bar === undefined) return ''
  return 'atLeast' in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`
}

function verdictOf(figure: Figure): string {
  if (figure.bar === undefined) return ''
  return holds(figure) ? 'holds' : '**missed**'
}

function lineOf(figure: Figure): string {
  return `${holds(figure) ? '    ' : 'MISS'} ${figure.what.padEnd(64)} ${format(figure.value).padStart(10)}${figure.unit}  ${barOf(figure)}`
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** Replaces the figures of a part; what only another engine was measured for stays. */
function keep(part: string, figures: readonly Figure[], loadAverage: number): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Records) : {}
  const dirty = execFileSync('git', ['status', '--porcelain', '--', 'app', 'test/bench'], { encoding: 'utf8' }) !== ''
  const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim()
  const record: PartRecord = {
    date: new Date().toISOString(),
    commit: dirty ? `${commit} with changes` : commit,
    node: process.version,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    loadAverage: Math.round(loadAverage * 10) / 10,
    figures: figures.map((figure) => ({ ...figure, holds: holds(figure) })),
  }
  const key = named(benchEngines).length === benchEngines.length ? part : `${part} (${named(benchEngines).join(', ')})`
  const records = { ...before, [key]: record }
  mkdirSync('docs/bench', { recursive: true })
  writeFileSync(file, `${JSON.stringify(records, undefined, 2)}\n`)
  writeFileSync('docs/bench/app.md', tableOf(records))
}

function tableOf(records: Records): string {
  const sections = Object.entries(records).map(([part, { date, commit, node, machine, loadAverage, figures }]) => {
    const rows = figures.map(
      (figure) => `| ${figure.what} | ${format(figure.value)}${figure.unit} | ${barOf(figure)} | ${verdictOf(figure)} |`,
    )
    return `## ${part}\n\n${date.slice(0, 10)}, commit ${commit}, Node ${node}, ${machine}, load average ${loadAverage} at the beginning.\n\n| What | Figure | Bar | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return `# Speed of the app\n\nWritten by \`make bench-app\` from [app.json](app.json). Client, app and database server share the machine; ratios are of interleaved rounds in one run.\n\n${sections.join('\n')}`
}

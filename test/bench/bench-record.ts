import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { type Figure, holds } from './app-figures.ts'

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

/** What {@link keepFigures} keeps. */
export interface KeptFigures {
  /** The pair of files in `docs/bench`, without an ending. */
  readonly name: string
  readonly title: string
  /** A line above the tables. */
  readonly introduction: string
  readonly part: string
  readonly figures: readonly Figure[]
  readonly loadAverage: number
}

/** Replaces the figures of a part in `docs/bench/<name>.json` and `.md`; what other parts had stays. */
export function keepFigures({ name, title, introduction, part, figures, loadAverage }: KeptFigures): void {
  const file = `docs/bench/${name}.json`
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
  const records = { ...before, [part]: record }
  mkdirSync('docs/bench', { recursive: true })
  writeFileSync(file, `${JSON.stringify(records, undefined, 2)}\n`)
  writeFileSync(`docs/bench/${name}.md`, `# ${title}\n\n${introduction}\n\n${sectionsOf(records)}`)
}

/** A figure as it is printed. */
export function lineOf(figure: Figure): string {
  return `${holds(figure) ? '    ' : 'MISS'} ${figure.what.padEnd(64)} ${format(figure.value).padStart(10)}${figure.unit}  ${barOf(figure)}`
}

function sectionsOf(records: Records): string {
  const sections = Object.entries(records).map(([part, { date, commit, node, machine, loadAverage, figures }]) => {
    const rows = figures.map(
      (figure) => `| ${figure.what} | ${format(figure.value)}${figure.unit} | ${barOf(figure)} | ${verdictOf(figure)} |`,
    )
    return `## ${part}\n\n${date.slice(0, 10)}, commit ${commit}, Node ${node}, ${machine}, load average ${loadAverage} at the beginning.\n\n| What | Figure | Bar | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return sections.join('\n')
}

function barOf({ bar }: Figure): string {
  if (bar === undefined) return ''
  return 'atLeast' in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`
}

function verdictOf(figure: Figure): string {
  if (figure.bar === undefined) return ''
  return holds(figure) ? 'holds' : '**missed**'
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { measureDeepPages } from './deep-pages.ts'
import { measureListPage } from './list-page.ts'
import { measureMemory, measureSignInImpact, measureStart } from './load-and-memory.ts'
import { findPostgres, startLocalPostgres } from './local-postgres.ts'
import { bundleApp } from './processes.ts'
import { createMember, prepareDatabase } from './world.ts'

/** One line of the table: what was measured, and what is wanted of it. */
interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number }
}

const parts = ['list', 'deep', 'signin', 'memory', 'start'] as const
type Part = (typeof parts)[number]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(parts as readonly string[]).includes(name))
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}: there are ${parts.join(', ')}; none means all`)
  process.exit(2)
}
const selected: readonly Part[] = wanted.length === 0 ? parts : parts.filter((part) => wanted.includes(part))

const folder = mkdtempSync(join(tmpdir(), 'notejam-bench-'))
const entry = bundleApp(folder)
await using postgres = findPostgres() === undefined ? undefined : await startLocalPostgres()
if (postgres === undefined) console.log('PostgreSQL is not installed (apt-get install postgresql): its figures are left out')

const engines = [
  { engine: 'sqlite', databaseUrl: `sqlite:${join(folder, 'bench.db')}`, listBar: 0.35 },
  ...(postgres === undefined ? [] : [{ engine: 'postgres', databaseUrl: postgres.url, listBar: 0.6 } as const]),
] as const

const figures: Figure[] = []
const add = (...more: readonly Figure[]): void => {
  for (const figure of more) console.log(lineOf(figure))
  figures.push(...more)
}

try {
  for (const { engine, databaseUrl, listBar } of engines) {
    await prepareDatabase(databaseUrl)
    const member = await createMember(databaseUrl, { email: 'bench@bench.example', pads: 5, notes: 100 })
    if (selected.includes('list')) {
      const list = await measureListPage({ engine, databaseUrl, member, entry, pairs: 9, secondsPerRound: 2 })
      add(
        { what: `${engine}: list of 20 notes, 10 connections`, value: list.appRequestsPerSecond, unit: '/s' },
        {
          what: `${engine}: bare server, same ${list.queries} queries, ${list.bytes} bytes`,
          value: list.bareRequestsPerSecond,
          unit: '/s',
        },
        { what: `${engine}: list ÷ bare`, value: list.ratio, unit: '', bar: { atLeast: listBar } },
        { what: `${engine}: list ÷ bare, by processor time`, value: list.cpuRatio, unit: '' },
        { what: `${engine}: list p50`, value: list.p50Ms, unit: ' ms' },
        { what: `${engine}: list p99`, value: list.p99Ms, unit: ' ms' },
        { what: `${engine}: list p99 ÷ p50`, value: list.p99ToP50, unit: '', bar: { atMost: 5 } },
        { what: `${engine}: failed requests`, value: list.failures, unit: '', bar: { atMost: 0 } },
      )
    }
    if (selected.includes('deep')) {
      const small = await createMember(databaseUrl, { email: 'small@bench.example', pads: 3, notes: 1000, shortTexts: true })
      const large = await createMember(databaseUrl, { email: 'large@bench.example', pads: 3, notes: 1_000_000, shortTexts: true })
      for (const { page, smallP99Ms, largeP99Ms, ratio } of await measureDeepPages({ databaseUrl, small, large, entry })) {
        add(
          { what: `${engine}: ${page}, p99 of 1,000 notes`, value: smallP99Ms, unit: ' ms' },
          { what: `${engine}: ${page}, p99 of 1,000,000 notes`, value: largeP99Ms, unit: ' ms' },
          { what: `${engine}: ${page}, large ÷ small`, value: ratio, unit: '', bar: { atMost: 3 } },
        )
      }
    }
  }
  const databaseUrl = `sqlite:${join(folder, 'memory.db')}`
  await prepareDatabase(databaseUrl)
  const member = await createMember(databaseUrl, { email: 'bench@bench.example', pads: 5, notes: 100 })
  if (selected.includes('start'))
    add({
      what: 'start to first answer, median of ten',
      value: await measureStart({ databaseUrl, entry, starts: 10 }),
      unit: ' ms',
      bar: { atMost: 600 },
    })
  if (selected.includes('memory')) {
    const memory = await measureMemory({ databaseUrl, member, entry, requests: 100_000, signInSeconds: 40 })
    add(
      { what: `memory after ${memory.requests} requests`, value: memory.rssAtEndMiB, unit: ' MiB', bar: { atMost: 130 } },
      { what: 'memory, slope over the second half', value: memory.slopeMiBPer10000, unit: ' MiB per 10,000', bar: { atMost: 1 } },
      {
        what: `memory above idle after ${memory.signIns} sign-ins`,
        value: memory.rssAfterSignInsMiB - memory.idleRssMiB,
        unit: ' MiB',
        bar: { atMost: 20 },
      },
      { what: 'memory: failed requests', value: memory.failures, unit: '', bar: { atMost: 0 } },
    )
  }
  if (selected.includes('signin')) {
    const fresh = `sqlite:${join(folder, 'signin.db')}`
    await prepareDatabase(fresh)
    const other = await createMember(fresh, { email: 'bench@bench.example', pads: 5, notes: 100 })
    const impact = await measureSignInImpact({ databaseUrl: fresh, member: other, entry, rounds: 5, seconds: 4 })
    add(
      { what: 'list p99 alone, 1 connection', value: impact.p99AloneMs, unit: ' ms' },
      { what: `list p99 beside ${impact.signInsPerSecond.toFixed(1)} sign-ins a second`, value: impact.p99WithSignInsMs, unit: ' ms' },
      { what: 'list p99, with ÷ without sign-ins', value: impact.ratio, unit: '', bar: { atMost: 2 } },
      { what: 'failed sign-ins', value: impact.failedSignIns, unit: '', bar: { atMost: 0 } },
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

writeReport()

function holds({ value, bar }: Figure): boolean {
  if (bar === undefined) return true
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost
}

function barOf({ bar }: Figure): string {
  if (bar === undefined) return ''
  return 'atLeast' in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`
}

function lineOf(figure: Figure): string {
  return `${holds(figure) ? '    ' : 'MISS'} ${figure.what.padEnd(64)} ${format(figure.value).padStart(10)}${figure.unit}  ${barOf(figure)}`
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** Only a whole run replaces the record. */
function writeReport(): void {
  if (selected.length < parts.length) return
  const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim()
  const record = {
    date: new Date().toISOString(),
    commit,
    node: process.version,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    postgres: postgres?.version ?? null,
    figures: figures.map((figure) => ({ ...figure, holds: holds(figure) })),
  }
  mkdirSync('docs/bench', { recursive: true })
  writeFileSync('docs/bench/app.json', `${JSON.stringify(record, undefined, 2)}\n`)
  const rows = figures.map(
    (figure) => `| ${figure.what} | ${format(figure.value)}${figure.unit} | ${barOf(figure)} | ${holds(figure) ? 'holds' : '**missed**'} |`,
  )
  const head = `# Speed of the app\n\nWritten by \`make bench-app\` on ${record.date.slice(0, 10)}: commit ${commit}, Node ${record.node}, ${record.machine}${postgres === undefined ? '' : `, ${postgres.version}`}. Client, app and database server share the machine; ratios are of interleaved rounds in one run.\n\n| What | Figure | Bar | |\n|---|---|---|---|\n`
  writeFileSync('docs/bench/app.md', `${head}${rows.join('\n')}\n`)
}

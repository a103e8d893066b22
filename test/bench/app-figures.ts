import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measureDeepPages } from './deep-pages.ts'
import { measureListPage } from './list-page.ts'
import { measureMemory, measureSignInImpact, measureStart } from './load-and-memory.ts'
import { hasMariadb, startLocalMariadb } from './local-mariadb.ts'
import { findPostgres, startLocalPostgres } from './local-postgres.ts'
import { bundleApp } from './processes.ts'
import { createMember, prepareDatabase } from './world.ts'

/** One line of the table: what was measured, and what is wanted of it (issue "The Notejam app, whole", Bars). */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number }
}

/** What can be measured, in the order in which it is. */
export const benchParts = ['list', 'start', 'signin', 'memory', 'deep'] as const
/** One of {@link benchParts}. */
export type BenchPart = (typeof benchParts)[number]

/** Engines that parts with several of them are measured on. */
export const benchEngines = ['sqlite', 'postgres', 'mysql'] as const
/** One of {@link benchEngines}. */
export type BenchEngine = (typeof benchEngines)[number]

/** Whether a figure is as good as wanted; one without a bar always is. */
export function holds({ value, bar }: Figure): boolean {
  if (bar === undefined) return true
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost
}

interface Server extends AsyncDisposable {
  readonly url: string
}

/** An empty, migrated database of an engine; undefined when its server is not installed. */
async function startDatabase(engine: BenchEngine): Promise<Server | undefined> {
  switch (engine) {
    case 'sqlite': {
      const folder = mkdtempSync(join(tmpdir(), 'notejam-bench-'))
      const remove = async (): Promise<void> => Promise.resolve(rmSync(folder, { recursive: true, force: true }))
      return { url: `sqlite:${join(folder, 'bench.db')}`, [Symbol.asyncDispose]: remove }
    }
    case 'postgres': {
      return findPostgres() === undefined ? undefined : await startLocalPostgres()
    }
    case 'mysql': {
      return hasMariadb() ? await startLocalMariadb() : undefined
    }
  }
}

/** Measures one part; engines whose server is not installed are left out. */
export async function measurePart(part: BenchPart, engines: readonly BenchEngine[]): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-bench-'))
  try {
    const entry = bundleApp(folder)
    switch (part) {
      case 'list': {
        return await onEach(engines, async (engine, url) => listFigures(engine, url, entry))
      }
      case 'deep': {
        return await onEach(engines, async (engine, url) => deepFigures(engine, url, entry))
      }
      case 'start': {
        return await onEach(['sqlite'], async (_, url) => startFigures(url, entry))
      }
      case 'signin': {
        return await onEach(['sqlite'], async (_, url) => signInFigures(url, entry))
      }
      case 'memory': {
        return await onEach(['sqlite'], async (_, url) => memoryFigures(url, entry))
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type MeasureOn = (engine: BenchEngine, url: string) => Promise<readonly Figure[]>

async function onEach(engines: readonly BenchEngine[], measure: MeasureOn): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const engine of engines) {
    await using server = await startDatabase(engine)
    if (server === undefined) continue
    await prepareDatabase(server.url)
    figures.push(...(await measure(engine, server.url)))
  }
  return figures
}

/** Of the driver that the bare server has; MariaDB's figures have no bar. */
const listBars = { sqlite: 0.35, postgres: 0.6 } as const

async function listFigures(engine: BenchEngine, databaseUrl: string, entry: string): Promise<readonly Figure[]> {
  if (engine === 'mysql') return []
  const member = await createMember(databaseUrl, listMember)
  const list = await measureListPage({ engine, databaseUrl, member, entry, pairs: 9, secondsPerRound: 2 })
  return [
    { what: `${engine}: list of 20 notes, 10 connections`, value: list.appRequestsPerSecond, unit: '/s' },
    { what: `${engine}: bare server, same ${list.queries} queries, ${list.bytes} bytes`, value: list.bareRequestsPerSecond, unit: '/s' },
    { what: `${engine}: list ÷ bare`, value: list.ratio, unit: '', bar: { atLeast: listBars[engine] } },
    { what: `${engine}: list ÷ bare, by processor time`, value: list.cpuRatio, unit: '' },
    { what: `${engine}: list p50`, value: list.p50Ms, unit: ' ms' },
    { what: `${engine}: list p99`, value: list.p99Ms, unit: ' ms' },
    { what: `${engine}: list p99 ÷ p50`, value: list.p99ToP50, unit: '', bar: { atMost: 5 } },
    { what: `${engine}: bare server p99 ÷ p50`, value: list.bareP99ToP50, unit: '' },
    { what: `${engine}: failed requests`, value: list.failures, unit: '', bar: { atMost: 0 } },
  ]
}

async function deepFigures(engine: BenchEngine, databaseUrl: string, entry: string): Promise<readonly Figure[]> {
  const small = await createMember(databaseUrl, { email: 'small@bench.example', pads: 3, notes: 1000, shortTexts: true })
  const large = await createMember(databaseUrl, { email: 'large@bench.example', pads: 3, notes: 1_000_000, shortTexts: true })
  const pages = await measureDeepPages({ databaseUrl, small, large, entry })
  return pages.flatMap(({ page, smallP99Ms, largeP99Ms, ratio }) => [
    { what: `${engine}: ${page}, p99 of 1,000 notes`, value: smallP99Ms, unit: ' ms' },
    { what: `${engine}: ${page}, p99 of 1,000,000 notes`, value: largeP99Ms, unit: ' ms' },
    { what: `${engine}: ${page}, large ÷ small`, value: ratio, unit: '', bar: { atMost: 3 } },
  ])
}

const listMember = { email: 'bench@bench.example', pads: 5, notes: 100 }

async function startFigures(databaseUrl: string, entry: string): Promise<readonly Figure[]> {
  const { startMs, cpuMs } = await measureStart({ databaseUrl, entry, starts: 10 })
  return [
    { what: 'start to first answer, median of ten', value: startMs, unit: ' ms', bar: { atMost: 600 } },
    { what: 'start, processor time', value: cpuMs, unit: ' ms' },
  ]
}

async function signInFigures(databaseUrl: string, entry: string): Promise<readonly Figure[]> {
  const member = await createMember(databaseUrl, listMember)
  const impact = await measureSignInImpact({ databaseUrl, member, entry, rounds: 5, seconds: 4 })
  return [
    { what: 'list p99 alone, 1 connection', value: impact.p99AloneMs, unit: ' ms' },
    { what: `list p99 beside ${impact.signInsPerSecond.toFixed(1)} sign-ins a second`, value: impact.p99WithSignInsMs, unit: ' ms' },
    { what: 'list p99, with ÷ without sign-ins', value: impact.ratio, unit: '', bar: { atMost: 2 } },
    { what: 'failed sign-ins', value: impact.failedSignIns, unit: '', bar: { atMost: 0 } },
  ]
}

async function memoryFigures(databaseUrl: string, entry: string): Promise<readonly Figure[]> {
  const member = await createMember(databaseUrl, listMember)
  const memory = await measureMemory({ databaseUrl, member, entry, requests: 100_000, signInSeconds: 40 })
  return [
    { what: `memory after ${memory.requests} requests`, value: memory.rssAtEndMiB, unit: ' MiB', bar: { atMost: 130 } },
    { what: 'memory, slope over the second half', value: memory.slopeMiBPer10000, unit: ' MiB per 10,000', bar: { atMost: 1 } },
    {
      what: `memory above idle after ${memory.signIns} sign-ins`,
      value: memory.rssAfterSignInsMiB - memory.idleRssMiB,
      unit: ' MiB',
      bar: { atMost: 20 },
    },
    { what: 'memory: failed requests', value: memory.failures, unit: '', bar: { atMost: 0 } },
  ]
}

import { imageEnvironment, startApp } from '../app/app-process.ts'
import { runLoad, type LoadResult } from './closed-loop.ts'
import { queriesOf } from './list-queries.ts'
import { cpuSeconds, startBareServer } from './processes.ts'
import { benchSecret, type Member } from './world.ts'

/** What the list of 20 notes reached beside a bare server, in one run. */
export interface ListPageResult {
  readonly engine: 'sqlite' | 'postgres'
  readonly appRequestsPerSecond: number
  readonly bareRequestsPerSecond: number
  /** Median over the pairs of rounds. */
  readonly ratio: number
  /** The same by processor time of the two server processes per request, which other work on the machine cannot change much. */
  readonly cpuRatio: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Median over the rounds of p99 ÷ p50. */
  readonly p99ToP50: number
  /** The same of the bare server: well above 3 the machine has other work, and percentiles say little. */
  readonly bareP99ToP50: number
  readonly failures: number
  readonly bytes: number
  readonly queries: number
}

/** How long and how often. */
export interface ListPageOptions {
  readonly engine: 'sqlite' | 'postgres'
  readonly databaseUrl: string
  readonly member: Member
  readonly entry: string
  readonly pairs: number
  readonly secondsPerRound: number
  readonly nodeArgs?: readonly string[]
}

const connections = 10
const poolMax = 10

interface Round extends LoadResult {
  readonly cpuMsPerRequest: number
}

/** Measures the list page and a bare server in turns, so that what else the machine does meets both. */
export async function measureListPage(options: ListPageOptions): Promise<ListPageResult> {
  const { engine, databaseUrl, member, pairs, secondsPerRound } = options
  const queries = await queriesOf(databaseUrl, '/', member.cookie)
  await using app = await startApp({
    databaseUrl,
    entry: options.entry,
    env: { SECRET_KEY: benchSecret, ...imageEnvironment },
    ...(options.nodeArgs === undefined ? {} : { nodeArgs: options.nodeArgs }),
  })
  const round = async (server: { readonly port: number; readonly pid: number }, seconds: number): Promise<Round> => {
    const before = cpuSeconds(server.pid)
    const result = await runLoad({ port: server.port, connections, seconds, path: '/', headers: { cookie: member.cookie } })
    return { ...result, cpuMsPerRequest: ((cpuSeconds(server.pid) - before) * 1000) / result.requests }
  }
  const { bytes } = await round(app, 0.2)
  const database =
    engine === 'sqlite'
      ? ({ engine, path: databaseUrl.slice('sqlite:'.length) } as const)
      : ({ engine, url: databaseUrl, poolMax } as const)
  await using bare = await startBareServer({ database, queries, bytes })
  await round(app, 2)
  await round(bare, 2)
  const rounds: (readonly [app: Round, bare: Round])[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    // Turning the order around evens out what the first of a pair pays for.
    if (pair % 2 === 0) {
      const first = await round(app, secondsPerRound)
      rounds.push([first, await round(bare, secondsPerRound)])
    } else {
      const first = await round(bare, secondsPerRound)
      rounds.push([await round(app, secondsPerRound), first])
    }
  }
  return {
    engine,
    appRequestsPerSecond: median(rounds.map(([mine]) => mine.requestsPerSecond)),
    bareRequestsPerSecond: median(rounds.map(([, other]) => other.requestsPerSecond)),
    ratio: median(rounds.map(([mine, other]) => mine.requestsPerSecond / other.requestsPerSecond)),
    cpuRatio: median(rounds.map(([mine, other]) => other.cpuMsPerRequest / mine.cpuMsPerRequest)),
    p50Ms: median(rounds.map(([mine]) => mine.p50Ms)),
    p99Ms: median(rounds.map(([mine]) => mine.p99Ms)),
    p99ToP50: median(rounds.map(([mine]) => mine.p99Ms / mine.p50Ms)),
    bareP99ToP50: median(rounds.map(([, other]) => other.p99Ms / other.p50Ms)),
    failures: rounds.reduce((sum, [mine, other]) => sum + mine.failures + other.failures, 0),
    bytes,
    queries: queries.length,
  }
}

/** Middle of some values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

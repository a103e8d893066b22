import { setTimeout as delay } from 'node:timers/promises'
import { imageEnvironment, startApp } from '../app/app-process.ts'
import { runLoad } from './closed-loop.ts'
import { median } from './list-page.ts'
import { cpuSeconds, rssMiB } from './processes.ts'
import { createAccounts, signInAtRate } from './sign-in-load.ts'
import { benchSecret, type Member } from './world.ts'

const bareEnvironment = { SECRET_KEY: benchSecret, LOG_LEVEL: 'info', TRUSTED_PROXIES: 'loopback' }
const environment = { ...bareEnvironment, ...imageEnvironment }

/** What sign-ins do to others. */
export interface SignInImpact {
  readonly p99AloneMs: number
  readonly p99WithSignInsMs: number
  readonly ratio: number
  readonly signInsPerSecond: number
  readonly failedSignIns: number
}

/** Measures the list page with and without ten sign-ins a second, in turns. */
export async function measureSignInImpact(options: {
  readonly databaseUrl: string
  readonly member: Member
  readonly entry: string
  readonly rounds: number
  readonly seconds: number
}): Promise<SignInImpact> {
  const { databaseUrl, member, entry, rounds, seconds } = options
  const emails = await createAccounts(databaseUrl, 200)
  await using app = await startApp({ databaseUrl, entry, env: environment })
  // One connection: what is asked is how long a page waits, not how many fit beside two hashes on two cores.
  const list = async (): Promise<number> =>
    (await runLoad({ port: app.port, connections: 1, seconds, path: '/', headers: { cookie: member.cookie } })).p99Ms
  await list()
  const alone: number[] = []
  const beside: number[] = []
  let done = 0
  let failed = 0
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await list())
    const stop = new AbortController()
    const signIns = signInAtRate({ url: app.url, emails, perSecond: 10, signal: stop.signal })
    beside.push(await list())
    stop.abort()
    const result = await signIns
    done += result.done
    failed += result.failed
  }
  const p99AloneMs = median(alone)
  const p99WithSignInsMs = median(beside)
  return {
    p99AloneMs,
    p99WithSignInsMs,
    ratio: p99WithSignInsMs / p99AloneMs,
    signInsPerSecond: done / (rounds * seconds),
    failedSignIns: failed,
  }
}

const samplesTaken = 40

/** Memory over many requests. */
export interface MemoryResult {
  readonly requests: number
  /** Median of the last eighth of the samples, as garbage comes and goes between them. */
  readonly rssAtEndMiB: number
  readonly highestRssMiB: number
  /** Over the second half. */
  readonly slopeMiBPer10000: number
  readonly idleRssMiB: number
  readonly rssAfterSignInsMiB: number
  readonly signIns: number
  readonly failures: number
}

/** Asks for pages `requests` times, then signs in 400 times in 40 seconds (in the same proportion for fewer), and watches the resident memory. */
export async function measureMemory(options: {
  readonly databaseUrl: string
  readonly member: Member
  readonly entry: string
  readonly requests: number
  readonly signInSeconds: number
  /** Without the settings of the image. */
  readonly bare?: boolean
}): Promise<MemoryResult> {
  const { databaseUrl, member, entry, requests, signInSeconds } = options
  const emails = await createAccounts(databaseUrl, 400)
  await using app = await startApp({ databaseUrl, entry, env: options.bare === true ? bareEnvironment : environment })
  const paths = ['/', `/pads/${member.padIds[0]}/`, '/search/?q=river', '/notes/create/', '/settings/']
  const samples: (readonly [requests: number, rss: number])[] = []
  const step = requests / samplesTaken
  let failures = 0
  for (let done = 0; done < requests; done += step) {
    const result = await runLoad({
      port: app.port,
      connections: 10,
      seconds: 600,
      maxRequests: step,
      path: (index) => paths[index % paths.length] ?? '/',
      headers: { cookie: member.cookie },
    })
    failures += result.failures
    samples.push([done + step, rssMiB(app.pid)])
  }
  const second = samples.slice(samples.length / 2)
  await delay(2000)
  const idleRssMiB = rssMiB(app.pid)
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), signInSeconds * 1000)
  const signIns = await signInAtRate({ url: app.url, emails, perSecond: 10, signal: stop.signal })
  clearTimeout(timer)
  await delay(1000)
  return {
    requests,
    rssAtEndMiB: median(samples.slice(-samplesTaken / 8).map(([, rss]) => rss)),
    highestRssMiB: Math.max(...samples.map(([, rss]) => rss)),
    slopeMiBPer10000: slope(second) * 10_000,
    idleRssMiB,
    rssAfterSignInsMiB: rssMiB(app.pid),
    signIns: signIns.done - signIns.failed,
    failures,
  }
}

/** Median of the slopes between all pairs (Theil and Sen): one sample that has garbage in it does not turn it. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const between = points.flatMap(([x, y], index) => points.slice(index + 1).map(([laterX, laterY]) => (laterY - y) / (laterX - x)))
  return median(between)
}

/** From the start of the process to its first answer, median of some starts; the processor time is what other work on the machine cannot change much. */
export async function measureStart(options: {
  readonly databaseUrl: string
  readonly entry: string
  readonly starts: number
}): Promise<{ readonly startMs: number; readonly cpuMs: number }> {
  const times: number[] = []
  const cpu: number[] = []
  for (let index = 0; index < options.starts; index += 1) {
    await using app = await startApp({ databaseUrl: options.databaseUrl, entry: options.entry, env: environment })
    times.push(app.startMs)
    cpu.push(cpuSeconds(app.pid) * 1000)
  }
  return { startMs: median(times), cpuMs: median(cpu) }
}

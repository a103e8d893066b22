import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cached } from '../../cluster/cache.ts'
import { freePorts } from '../../cluster/free-ports.ts'
import { goBuild } from '../../cluster/go-build.ts'
import { ensureGo } from '../../cluster/go-toolchain.ts'
import { createProgress } from '../../cluster/progress.ts'
import { waitFor } from '../../cluster/wait-for.ts'
import { rssMiB } from '../processes.ts'

/** Passes, or calls, that each contender has in flight. */
export const inFlight = 16

/** A process that is measured. */
export interface Contender extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** Milliseconds of `performance.now()` at which the process was started. */
  readonly startedAt: number
  /** Milliseconds from the start to the first 200 of `/readyz`. */
  readonly readyMs: number
  readonly rssMiB: () => number
  /** Sum of all samples of a metric whose labels hold `label`; zero where there is none. */
  readonly metric: (name: string, label?: string) => Promise<number>
  readonly sockets: () => number
  /** Heap in use after forced collections, in MiB; of an operator that was started with a probe. */
  readonly heapMiB: () => Promise<number>
  readonly alive: () => boolean
  /** Path of what it said. */
  readonly log: string
}

/** What {@link startOperator} needs. */
export interface OperatorOptions {
  /** Folder of the bundle. */
  readonly bundle: string
  readonly kubeconfig: string
  /** Default: all namespaces. */
  readonly namespace?: string
  readonly logFolder: string
  /** Makes {@link Contender.heapMiB} work. */
  readonly probe?: boolean
  /** What the container may use, in MiB: Node sizes its heap by it. Default: the limit of the chart. */
  readonly memoryLimitMiB?: number
}

/** The chart's limit (`resources.limits.memory`), in MiB. */
const chartLimitMiB = 256

/** Bundles the operator as its image does. */
export function bundleOperator(folder: string): string {
  const bundle = join(folder, 'operator')
  execFileSync(
    process.execPath,
    ['../node_modules/rolldown/bin/cli.mjs', '-c', 'rolldown.config.ts', '-d', bundle, '--log-level', 'warn'],
    {
      cwd: 'operator',
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  return bundle
}

/** The environment that the image gives: read from its Dockerfile, so that what is measured is what is shipped. */
export function imageEnvironment(dockerfile = readFileSync('Dockerfile.operator', 'utf8')): Readonly<Record<string, string>> {
  const names = ['NODE_ENV', 'NODE_OPTIONS', 'MALLOC_ARENA_MAX', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_']
  return Object.fromEntries(
    names.flatMap((name) => {
      const [, quoted, plain] = new RegExp(`\\b${name}=(?:"([^"]*)"|(\\S+))`).exec(dockerfile) ?? []
      const value = quoted ?? plain
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** The image's environment as it acts in a container with a limit: there is none around a bench, so the share of it is said in MiB. */
export function withinLimit(environment: Readonly<Record<string, string>>, limitMiB: number): Readonly<Record<string, string>> {
  const options = (environment['NODE_OPTIONS'] ?? '').replace(
    /--max-old-space-size-percentage=(\d+)/,
    (_all, share: string) => `--max-old-space-size=${Math.floor((limitMiB * Number(share)) / 100)}`,
  )
  return { ...environment, NODE_OPTIONS: options }
}

/** Starts the bundled operator with the lease, as in a cluster, and waits for `/readyz`. */
export async function startOperator({
  bundle,
  kubeconfig,
  namespace,
  logFolder,
  probe = false,
  memoryLimitMiB = chartLimitMiB,
}: OperatorOptions): Promise<Contender> {
  const [port = 0] = await freePorts(1)
  const nodeOptions = probe ? ['--expose-gc', '--import', join(import.meta.dirname, 'probe.ts')] : []
  return await launch({
    name: 'operator',
    command: [
      process.execPath,
      ...nodeOptions,
      join(bundle, 'main.js'),
      'run',
      '--kubeconfig',
      kubeconfig,
      '--listen',
      `127.0.0.1:${port}`,
      '--lease-namespace',
      'default',
      '--max-concurrent',
      String(inFlight),
      ...(namespace === undefined ? [] : ['--namespace', namespace]),
    ],
    env: withinLimit(imageEnvironment(), memoryLimitMiB),
    logFolder,
    probe,
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
  })
}

/** Builds the Go controller, once for each content of its folder. */
export async function buildBaseline(): Promise<string> {
  const module = join(import.meta.dirname, '../baseline-go')
  const hash = createHash('sha256')
  for (const file of readdirSync(module).toSorted()) hash.update(file).update(readFileSync(join(module, file)))
  const progress = createProgress()
  const folder = await cached({
    name: 'bench-baseline',
    version: hash.digest('hex').slice(0, 16),
    build: async (partial) =>
      await progress.step('Go controller: build from its modules', async (step) => {
        const go = await ensureGo({ progress })
        await goBuild(go, { module, package: '.', output: join(partial, 'baseline'), note: (detail) => step.note(detail) })
      }),
  })
  return join(folder, 'baseline')
}

/** What floor and Go controller are started with. */
export interface RivalOptions {
  readonly kubeconfig: string
  readonly namespace: string
  /** Path of the children's template. */
  readonly template: string
  readonly logFolder: string
}

/** Starts the Go controller and waits for `/readyz`. */
export async function startBaseline(binary: string, { kubeconfig, namespace, template, logFolder }: RivalOptions): Promise<Contender> {
  const [port = 0, probes = 0] = await freePorts(2)
  const flags = { namespace, template, listen: `127.0.0.1:${port}`, probes: `127.0.0.1:${probes}`, 'max-concurrent': inFlight, kubeconfig }
  return await launch({
    name: 'Go controller',
    command: [binary, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)],
    env: {},
    logFolder,
    probe: false,
    readyUrl: `http://127.0.0.1:${probes}/readyz`,
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
  })
}

/** Starts the floor (`floor.ts`) and waits until it watches. */
export async function startFloor({ kubeconfig, namespace, template, logFolder }: RivalOptions): Promise<Contender> {
  return await launch({
    name: 'floor',
    command: [process.execPath, join(import.meta.dirname, 'floor.ts'), kubeconfig, namespace, template, String(inFlight)],
    env: imageEnvironment(),
    logFolder,
    probe: false,
    readyUrl: undefined,
    metricsUrl: undefined,
  })
}

interface Launch {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly logFolder: string
  readonly probe: boolean
  /** Undefined: the process says `ready` on standard output. */
  readonly readyUrl: string | undefined
  readonly metricsUrl: string | undefined
}

let launched = 0

async function launch({ name, command, env, logFolder, probe, readyUrl, metricsUrl }: Launch): Promise<Contender> {
  launched += 1
  const log = join(logFolder, `${name.replaceAll(' ', '-')}-${launched}.log`)
  const file = openSync(log, 'a')
  const [program = '', ...args] = command
  const startedAt = performance.now()
  const child = spawn(program, args, {
    stdio: ['ignore', readyUrl === undefined ? 'pipe' : file, file, ...(probe ? (['ipc'] as const) : [])],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  })
  const alive = (): boolean => child.exitCode === null && child.signalCode === null
  const pid = child.pid ?? 0
  // Whoever measures may be ended in the middle.
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  const contender = {
    name,
    pid,
    startedAt,
    log,
    alive,
    rssMiB: () => rssMiB(pid),
    sockets: () => countSockets(pid),
    heapMiB: async () => await askHeap(child),
    metric: async (metric: string, label = '') => (metricsUrl === undefined ? 0 : sumOf(await textOf(metricsUrl), metric, label)),
    [Symbol.asyncDispose]: async () => {
      process.removeListener('exit', end)
      if (!alive()) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(end, 10_000)
      await ended
      clearTimeout(timer)
    },
  }
  try {
    if (readyUrl === undefined) await once(createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }), 'line')
    else await untilReady(readyUrl, alive, `${name} (log: ${log})`)
  } catch (error) {
    end()
    throw error
  }
  return { ...contender, readyMs: performance.now() - startedAt }
}

async function untilReady(url: string, alive: () => boolean, what: string): Promise<void> {
  await waitFor(
    async () => {
      if (!alive()) return true
      const response = await fetch(url)
      await response.arrayBuffer()
      return response.status === 200
    },
    { what: `${what} being ready`, timeoutMs: 120_000, intervalMs: 5 },
  )
  if (!alive()) throw new Error(`${what} has ended`)
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text()
}

/** Sum of a metric's samples in the text format of Prometheus. */
export function sumOf(text: string, metric: string, label = ''): number {
  const samples = text
    .split('\n')
    .filter((line) => (line.startsWith(`${metric}{`) || line.startsWith(`${metric} `)) && line.includes(label))
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

function countSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(join(folder, fd)).startsWith('socket:')
    } catch {
      // Closed meanwhile.
      return false
    }
  }).length
}

async function askHeap(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(30_000) })
  child.send('collect')
  const [memory] = (await answer) as [NodeJS.MemoryUsage]
  return memory.heapUsed / 2 ** 20
}

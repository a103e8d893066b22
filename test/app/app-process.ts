import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ClusterError } from '../cluster/errors.ts'
import { freePorts } from '../cluster/free-ports.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** The app as a process of its own, the way it runs in its image. */
export interface AppProcess extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string
  readonly opsUrl: string
  readonly port: number
  readonly pid: number
  /** Milliseconds from the start of the process to the first answer of a page. */
  readonly startMs: number
  /** Lines that it wrote, newest last; at most 5,000 are kept. */
  readonly lines: readonly string[]
  /** Undefined while it runs. */
  exitCode(): number | undefined
  /** SIGTERM, then its exit code. */
  stop(): Promise<number>
}

/** How the app is started. */
export interface AppProcessOptions {
  readonly databaseUrl: string
  /** What is run; default the sources, `app/dist/main.js` for what the image holds. */
  readonly entry?: string
  readonly nodeArgs?: readonly string[]
  /** Beside a secret key, ports and the database. */
  readonly env?: Readonly<Record<string, string>>
}

/** What `Dockerfile.app` sets for memory's sake. */
export const imageEnvironment = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size-percentage=50',
} as const

const maxLines = 5000
/** Of tests only. */
const secretKey = 'secret-key-of-tests-'.repeat(3)

function environmentOf(options: AppProcessOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    DATABASE_URL: options.databaseUrl,
    SECRET_KEY: secretKey,
    TERMINATION_LOG: '/dev/null',
    DRAIN_SECONDS: '0',
    ...options.env,
  }
}

/** Runs a command of the app to its end, e.g. `migrate --phase expand`. @throws Error with its output when it fails */
export async function runAppCommand(options: AppProcessOptions, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), options.entry ?? 'app/src/main.ts', ...args], {
    env: environmentOf(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}

/** Starts `serve` and returns when the sign-in page answers. */
export async function startApp(options: AppProcessOptions): Promise<AppProcess> {
  const [port = 0, opsPort = 0] = await freePorts(2)
  const url = `http://127.0.0.1:${port}`
  const started = performance.now()
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), options.entry ?? 'app/src/main.ts', 'serve'], {
    env: { ...environmentOf(options), PORT: String(port), OPS_PORT: String(opsPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > maxLines) lines.shift()
    })
  }
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new ClusterError('ComponentFailed', `serve ended with ${child.exitCode}`)
        const answer = await fetch(`${url}/signin/`)
        await answer.text()
        return answer.ok
      },
      { what: 'the app answers', timeoutMs: 30_000, intervalMs: 10 },
    )
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`the app did not start:\n${lines.slice(-30).join('\n')}`, { cause: error })
  }
  return {
    url,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    port,
    pid: child.pid ?? 0,
    startMs: performance.now() - started,
    lines,
    exitCode: () => child.exitCode ?? undefined,
    stop: async () => stop(child),
    [Symbol.asyncDispose]: async () => {
      await stop(child)
    },
  }
}

async function stop(child: ChildProcess): Promise<number> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await once(child, 'exit')
    clearTimeout(late)
  }
  return child.exitCode ?? -1
}

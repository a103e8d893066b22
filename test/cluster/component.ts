import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterError } from './errors.ts'
import { isRunning, type ProcessRecord, recordOf, signalProcess } from './process-record.ts'
import { waitFor } from './wait-for.ts'

/** How one long-running program is started. */
export interface ComponentSpec {
  readonly name: string
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  /** Network namespace to enter (a path under `/run/netns`); `nsenter`, since `ip netns exec` hides the cgroups behind a new `/sys`. */
  readonly networkNamespace?: string
  /** `cgroup.procs` file that the process is put into before it runs, so that it and all its descendants can be found again. */
  readonly cgroupProcs?: string
}

/** Whether a program ends with the harness, even when that is killed, or goes on after it. */
export type Lifetime = 'tied' | 'detached'

/** Gentle time in milliseconds between SIGTERM and SIGKILL. */
const STOP_MS = 8000

/** Lines of a log that an error shows. */
const TAIL_LINES = 15

function wrap(spec: ComponentSpec, lifetime: Lifetime): readonly string[] {
  let command: readonly string[] = spec.command
  if (spec.networkNamespace !== undefined) command = ['nsenter', `--net=${spec.networkNamespace}`, '--', ...command]
  // The kernel sends the signal when the parent ends, however it ends (prctl(2), PR_SET_PDEATHSIG); it survives exec.
  if (lifetime === 'tied') command = ['setpriv', '--pdeathsig', 'KILL', '--', ...command]
  if (spec.cgroupProcs !== undefined) command = ['sh', '-c', 'echo $$ > "$0" && exec "$@"', spec.cgroupProcs, ...command]
  return command
}

/**
 * One long-running program with a record in the state folder: who comes later, also after a crash of the harness, finds it by that record,
 * sees whether it still runs and ends it, and never anything else.
 */
export class Component {
  readonly spec: ComponentSpec
  readonly logPath: string
  readonly #recordPath: string
  readonly #lifetime: Lifetime
  #record: ProcessRecord | undefined

  constructor(folder: string, spec: ComponentSpec, lifetime: Lifetime) {
    mkdirSync(join(folder, 'processes'), { recursive: true })
    mkdirSync(join(folder, 'logs'), { recursive: true })
    this.spec = spec
    this.logPath = join(folder, 'logs', `${spec.name}.log`)
    this.#recordPath = join(folder, 'processes', `${spec.name}.json`)
    this.#lifetime = lifetime
    this.#record = readRecord(this.#recordPath)
  }

  get name(): string {
    return this.spec.name
  }

  get running(): boolean {
    return this.#record !== undefined && isRunning(this.#record)
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.running ? this.#record?.pid : undefined
  }

  /** Starts the program unless it runs; tells whether it did. */
  start(): boolean {
    if (this.running) return false
    const [file = '', ...args] = wrap(this.spec, this.#lifetime)
    const log = openSync(this.logPath, 'a')
    try {
      const child = spawn(file, args, {
        stdio: ['ignore', log, log],
        detached: true,
        // Little of the caller's environment: a proxy for the internet is not the way to a node.
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.spec.env },
      })
      // A program that cannot be started has no process id; `checkAlive` reports it with the text from here.
      child.once('error', (error) => writeFileSync(this.logPath, `${error.message}\n`, { flag: 'a' }))
      this.#record = child.pid === undefined ? undefined : recordOf(child.pid)
      if (this.#record !== undefined) writeFileSync(this.#recordPath, JSON.stringify(this.#record))
      if (this.#lifetime === 'detached') child.unref()
    } finally {
      closeSync(log)
    }
    return true
  }

  /** @throws ClusterError `ComponentFailed` with the end of the log if the program has ended */
  checkAlive(): void {
    if (this.running) return
    const tail = this.logTail()
    const last = tail.findLast((line) => line.trim() !== '') ?? 'its log is empty'
    throw new ClusterError('ComponentFailed', `${this.name} ended: ${last.trim().slice(0, 300)} (log: ${this.logPath})`, {
      details: tail.join('\n'),
    })
  }

  /** Waits until `probe` is content, and gives up at once when the program ends. */
  async ready(probe: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
    await waitFor(
      async () => {
        this.checkAlive()
        return await probe()
      },
      { what: `${this.name} becoming ready (log: ${this.logPath})`, timeoutMs, intervalMs: 50 },
    )
  }

  /** The last lines of the log. */
  logTail(lines = TAIL_LINES): readonly string[] {
    try {
      return readFileSync(this.logPath, 'utf8').trimEnd().split('\n').slice(-lines)
    } catch {
      return []
    }
  }

  /** Sends a signal; `false` if the program does not run. SIGSTOP and SIGCONT freeze and thaw it. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#record !== undefined && signalProcess(this.#record, signal)
  }

  /** SIGTERM, after `graceMs` SIGKILL; returns when the process is gone. */
  async stop(graceMs = STOP_MS): Promise<void> {
    if (graceMs > 0 && this.signal('SIGTERM')) {
      await this.#gone(graceMs).catch(() => undefined)
    }
    await this.kill()
  }

  /** SIGKILL; returns when the process is gone. */
  async kill(): Promise<void> {
    if (this.signal('SIGKILL')) await this.#gone(STOP_MS)
    rmSync(this.#recordPath, { force: true })
    this.#record = undefined
  }

  async #gone(timeoutMs: number): Promise<void> {
    await waitFor(() => !this.running, { what: `the end of ${this.name}`, timeoutMs, intervalMs: 20 })
  }
}

function readRecord(path: string): ProcessRecord | undefined {
  try {
    // Written by `start` of this class alone; a half-written one does not parse, and names nothing.
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessRecord
  } catch {
    return undefined
  }
}

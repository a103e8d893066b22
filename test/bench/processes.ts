import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { imageEnvironment } from '../app/app-process.ts'
import type { BareOptions } from './bare-server.ts'

/** Bundles the app into a folder, as its image holds it, and returns what is run. */
export function bundleApp(folder: string): string {
  const target = join(folder, 'dist')
  execFileSync(
    process.execPath,
    ['../node_modules/rolldown/bin/cli.mjs', '-c', 'rolldown.config.ts', '-d', target, '--log-level', 'silent'],
    { cwd: 'app', stdio: ['ignore', 'ignore', 'inherit'] },
  )
  return join(target, 'main.js')
}

/** A server process that is measured. */
export interface Measured extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

/** Starts a {@link BareOptions bare server}, with the settings that the app's image makes. */
export async function startBareServer(options: BareOptions): Promise<Measured> {
  const child = spawn(process.execPath, ['test/bench/bare-server.ts'], {
    env: { PATH: process.env['PATH'], ...imageEnvironment, BARE_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    port: Number(line),
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Clock ticks of `/proc` in a second (USER_HZ; 100 on every Linux of today). */
const ticksPerSecond = 100

/** Seconds of processor time that a process has used; NaN where there is no `/proc`. */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return Number.NaN
  }
}

/** Resident memory of a process in MiB; NaN where there is no `/proc`. */
export function rssMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return Number.NaN
  }
}

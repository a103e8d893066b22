import { readFileSync } from 'node:fs'

/**
 * Names one process for good. A process id alone does not: ids come round again, and a record may outlive a boot. The start time in
 * clock ticks since boot (proc(5), `/proc/PID/stat` field 22) and the boot's own id make it unique.
 */
export interface ProcessRecord {
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
}

let cachedBootId: string | undefined

function bootId(): string {
  cachedBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return cachedBootId
}

interface ProcessStat {
  readonly state: string
  readonly startTicks: string
  readonly threads: number
}

function statOf(pid: number): ProcessStat | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The command name, in parentheses, may hold blanks and parentheses itself; what follows the last one is regular.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, threads, startTicks] = [fields[0], Number(fields[17]), fields[19]]
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks, threads }
}

/** The record of a process that runs now, or `undefined` if there is none of that id. */
export function recordOf(pid: number): ProcessRecord | undefined {
  const stat = statOf(pid)
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: bootId() }
}

/**
 * Whether exactly this process still runs; one that has ended and waits to be collected by its parent does not. Of a killed process the first thread
 * may have ended while others have not: until they do, its sockets are open and its ports taken.
 */
export function isRunning(record: ProcessRecord): boolean {
  if (record.bootId !== bootId()) return false
  const stat = statOf(record.pid)
  if (stat === undefined || stat.startTicks !== record.startTicks) return false
  return stat.threads > 1 || (stat.state !== 'Z' && stat.state !== 'X')
}

/** Sends a signal to exactly this process; `false` if it has ended already. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isRunning(record)) return false
  try {
    return process.kill(record.pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

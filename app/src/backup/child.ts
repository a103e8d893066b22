import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { AppError } from '../errors.ts'

/** What a tool is started with. */
export interface ToolOptions {
  /** A program on PATH, such as `pg_dump`. */
  readonly command: string
  /** Never holds a password or a key: every process of the machine can read it. */
  readonly args: readonly string[]
  /** All of its environment beside PATH. */
  readonly env?: Readonly<Record<string, string>>
  /** Ends it: SIGTERM, and SIGKILL for one that does not hear. */
  readonly signal: AbortSignal
}

/** A tool that runs: one of an engine, `zstd`, `age`, or several in a line. */
export interface Tool {
  readonly command: string
  readonly stdin: Writable
  readonly stdout: Readable
  /**
   * Resolves when it ended well.
   *
   * Rejects with {@link AppError} `ToolFailed` that holds what it said last, or `ToolMissing`. Never left unhandled: whoever starts a tool need not
   * wait for it before anything else.
   */
  readonly done: Promise<void>
}

/** A tool says why it failed in its last lines. */
const keptOfStderr = 4000
const shownOfStderr = 600
/** How long a tool may take to end after SIGTERM. */
const patienceMs = 5000

/**
 * Starts a tool with pipes to both sides. It sees nothing of our environment but PATH, so no secret of ours and no setting of a person's own.
 *
 * When this process is killed its pipes break, and the tool ends by itself.
 */
export function startTool(options: ToolOptions): Tool {
  return startPipe([options])
}

/**
 * Starts tools each of which reads what the one before it writes, as in a pipe of a shell: what passes between them costs this process nothing.
 *
 * Its `done` rejects with the failure of the first one that did more than lose its reader.
 */
export function startPipe([first, ...rest]: readonly [ToolOptions, ...ToolOptions[]]): Tool {
  const [next, ...further] = rest
  if (next === undefined) {
    const { stdin, stdout, done } = start(first, 'pipe')
    if (stdout === null) throw new Error(`${first.command} has no pipe to write to`)
    return { command: first.command, stdin, stdout, done }
  }
  const reader = startPipe([next, ...further])
  const { stdin, done: ended } = start(first, reader.stdin)
  // While this process held it too, the reader would never see its end.
  reader.stdin.destroy()
  const done = firstCause([ended, reader.done])
  done.catch(() => undefined)
  return { command: first.command, stdin, stdout: reader.stdout, done }
}

async function firstCause(ends: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(ends)).flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
  const cause = failures.find((failure) => !(failure instanceof Error && lostReader.has(failure))) ?? failures[0]
  if (cause !== undefined) throw cause
}

/** Failures of tools that wrote to somebody who had gone. */
const lostReader = new WeakSet<Error>()

function start({ command, args, env = {}, signal }: ToolOptions, output: 'pipe' | Writable) {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: '/nonexistent', ...env },
    stdio: ['pipe', output, 'pipe'],
  })
  const { stdin, stdout, stderr } = child
  if (stdin === null || stderr === null) throw new Error(`${command} has no pipes`)
  let said = ''
  stderr.setEncoding('utf8')
  stderr.on('data', (text: string) => {
    said = (said + text).slice(-keptOfStderr)
  })
  // What a broken pipe means is told by how the tool ended.
  for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => undefined)
  let killer: NodeJS.Timeout | undefined
  const end = () => {
    child.kill('SIGTERM')
    killer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    killer.unref()
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  const done = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT'
      reject(
        missing
          ? new AppError(`${command} is not installed where this runs; the image of Notejam has it`, { code: 'ToolMissing', cause: error })
          : new AppError(`${command} could not be started: ${error.message}`, { code: 'ToolFailed', cause: error }),
      )
    })
    child.once('close', (code, endedBy) => {
      signal.removeEventListener('abort', end)
      clearTimeout(killer)
      if (code === 0) {
        resolve()
        return
      }
      const failure = new AppError(`${command} ended with ${code ?? endedBy}: ${lastWords(said)}`, { code: 'ToolFailed' })
      if (endedBy === 'SIGPIPE') lostReader.add(failure)
      reject(failure)
    })
  })
  done.catch(() => undefined)
  return { stdin, stdout, done }
}

/** The end of what was said, on one line. */
function lastWords(said: string): string {
  const line = said
    .trim()
    .split(/\s*\n\s*/)
    .filter((part) => part !== '')
    .join(' · ')
  return line === '' ? 'it said nothing' : line.length > shownOfStderr ? `…${line.slice(-shownOfStderr)}` : line
}

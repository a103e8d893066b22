import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

import { ClusterError } from './errors.ts'

/** How one command is run; everything is optional. */
export interface CommandOptions {
  readonly cwd?: string
  /** The whole environment of the child; default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string | Uint8Array
  readonly signal?: AbortSignal | undefined
  /** Sent on abort; default SIGTERM. */
  readonly killSignal?: NodeJS.Signals
  /** Gets every line of standard error as it comes. */
  readonly onLine?: (line: string) => void
}

const keptLines = 40

/**
 * Runs a command to its end and returns its standard output.
 *
 * @throws {ClusterError} `MissingPrerequisite` when there is no such command, `CommandFailed` (with the last lines of standard error as
 * details) when it ends with another code than 0. An abort passes through as the signal's reason.
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  options.signal?.throwIfAborted()
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env === undefined ? process.env : { ...options.env },
  })
  const ended = new Promise<{ readonly code: number | null; readonly killedBy: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, killedBy) => resolve({ code, killedBy }))
  })
  const abort = (): void => void child.kill(options.killSignal ?? 'SIGTERM')
  options.signal?.addEventListener('abort', abort, { once: true })

  const tail: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line)
    if (tail.length > keptLines) tail.shift()
    options.onLine?.(line)
  })
  // A child that ends without reading its input is no error of ours: its exit code says what happened.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input)

  try {
    const [output, { code, killedBy }] = await Promise.all([text(child.stdout), ended])
    options.signal?.throwIfAborted()
    if (code === 0) return output
    const outcome = killedBy === null ? `exit code ${code}` : `signal ${killedBy}`
    const last = tail.findLast((line) => line.trim() !== '')
    throw new ClusterError(
      'CommandFailed',
      `${file} ${args[0] ?? ''} ended with ${outcome}${last === undefined ? '' : `: ${last.trim()}`}`,
      {
        details: tail.join('\n'),
      },
    )
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ClusterError('MissingPrerequisite', `the command ${file} was not found: install it, or put it on PATH`, { cause: error })
    }
    throw error
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}

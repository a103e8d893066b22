import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync } from 'node:fs'
import { waitFor } from '../cluster/wait-for.ts'

/** A database server of our own on loopback, which can be stopped and started again. */
export interface LocalDatabase extends AsyncDisposable {
  readonly url: string
  readonly version: string
  /** Ends the server: `fast` lets it close what is open, `crash` ends it where it stands. Resolves when it is gone. */
  stop(mode: 'fast' | 'crash'): Promise<void>
  /** Starts it again on the same port, and returns when it accepts connections. */
  start(): Promise<void>
}

/** The user that a server runs as; nothing when that is who runs this. */
export interface ServerUser {
  readonly uid?: number
  readonly gid?: number
}

/** Database servers refuse to run as root, so root runs them as the user of their package, who must own their folder. */
export function ownerOf(folder: string, user: string): ServerUser {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout)
  const ids = { uid: id('-u'), gid: id('-g') }
  chownSync(folder, ids.uid, ids.gid)
  return ids
}

/** Runs a command to its end. @throws Error with what it said when it fails */
export function runTool(command: string, args: readonly string[], user: ServerUser): string {
  const { status, stdout, stderr } = spawnSync(command, args, { ...user, encoding: 'utf8', cwd: '/' })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
  return stdout.trim()
}

/** What is run, and how it is told to end. */
export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly user: ServerUser
  readonly signals: { readonly fast: NodeJS.Signals; readonly crash: NodeJS.Signals }
  /** Resolves when a connection was made, rejects when none could be. */
  readonly connect: () => Promise<void>
}

/** A server process that can be ended and started again. */
export function serverProcess(server: ServerCommand): Pick<LocalDatabase, 'start' | 'stop'> {
  let child: ChildProcess | undefined
  return {
    start: async () => {
      child = spawn(server.command, server.args, { ...server.user, stdio: 'ignore', cwd: '/' })
      const accepts = async (): Promise<boolean> => {
        await server.connect()
        return true
      }
      await waitFor(accepts, { what: `${server.command} accepts connections`, timeoutMs: 60_000, intervalMs: 20 })
    },
    stop: async (mode) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(server.signals[mode])
      await ended
    },
  }
}

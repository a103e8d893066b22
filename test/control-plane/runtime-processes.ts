import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { resources } from '../../operator/src/kube/resource.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { widget, widgets, widgetType } from './runtime-fixture.ts'
import type { OperatorProcessOptions } from './runtime-operator.ts'

/** A line of an operator's log, and when it came. */
interface Line {
  readonly msg: string
  readonly code?: string
  readonly at: number
}

/** An operator that runs as a process. */
export interface OperatorProcess extends AsyncDisposable {
  readonly identity: string
  readonly child: ChildProcess
  readonly lines: readonly Line[]
  /** Monotonic milliseconds of the line with this message. */
  said(message: string, timeoutMs?: number): Promise<number>
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>
}

/** Starts an operator process; disposing kills it. */
export function startOperator(options: OperatorProcessOptions): OperatorProcess {
  const file = join(import.meta.dirname, 'runtime-operator.ts')
  const child = spawn(process.execPath, [file, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: Line[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push({ ...(JSON.parse(line) as Line), at: performance.now() }))
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  return {
    identity: options.identity,
    child,
    lines,
    exit,
    said: (message, timeoutMs = 30_000) =>
      waitFor(() => lines.find(({ msg }) => msg === message)?.at, {
        what: `${options.identity} saying "${message}"`,
        timeoutMs,
        intervalMs: 5,
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Who wrote what, seen by a watch of its own. */
export interface Auditor extends AsyncDisposable {
  /** Writers of the versions of all ConfigMaps and widgets, in the order of the server. */
  readonly writes: readonly { readonly writer: string; readonly at: number }[]
}

/** Watches everything that the operators write in a namespace. */
export async function audit(client: Client, namespace: string): Promise<Auditor> {
  const stop = new AbortController()
  const writes: { writer: string; at: number }[] = []
  const follow = async (resource: typeof widgets, writerOf: (object: object) => string | undefined) => {
    const { resourceVersion } = await client.list(resource, { namespace })
    const before = new Map<string, string>()
    const watching = (async () => {
      for await (const event of client.watch(resource, { namespace, resourceVersion, signal: stop.signal })) {
        if (event.type === 'BOOKMARK') continue
        const writer = writerOf(event.object)
        const state = JSON.stringify([event.object['data'], event.object['status']])
        // The editor's own changes of the spec carry the last writer along; only what a writer writes counts.
        if (writer !== undefined && before.get(event.object.metadata.name) !== state) writes.push({ writer, at: performance.now() })
        before.set(event.object.metadata.name, state)
      }
    })().catch(() => {})
    return watching
  }
  const followers = [
    follow(resources.configMaps, (object) => (object as { data?: { writer?: string } }).data?.writer),
    follow(widgets, (object) => (object as { status?: { writer?: string } }).status?.writer),
  ]
  await Promise.resolve()
  return {
    writes,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('The test ends.'))
      await Promise.all(followers)
    },
  }
}

/** Edits widgets without pause, so that whoever leads has to write all the time. */
export async function churn(api: ApiClient, namespace: string, intervalMs = 50): Promise<AsyncDisposable> {
  const names = ['a', 'b', 'c']
  for (const name of names) await api.create(widget(namespace, name, { copies: 2 }))
  const stop = new AbortController()
  const editing = (async () => {
    for (let round = 0; !stop.signal.aborted; round++) {
      await api.patch(widgetType, names[round % names.length] ?? 'a', namespace, { spec: { text: `round ${round}` } }).catch(() => {})
      await new Promise((resolve) => {
        setTimeout(resolve, intervalMs)
      })
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await editing
    },
  }
}

/** Times scaled down to a fifth: 3 / 2 / 0.4 s. */
export const shortTimes = { leaseDuration: 3, renewDeadline: 2, retryPeriod: 0.4 }

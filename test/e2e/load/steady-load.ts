import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ApiClient } from '../../cluster/api-client.ts'
import { freePorts } from '../../cluster/free-ports.ts'
import { waitFor } from '../../cluster/wait-for.ts'
import { restrictedPod } from '../../support/pods.ts'

const program = fileURLToPath(new URL('steady-load.mjs', import.meta.url))
const podPort = 8081

/** What a load reached so far. */
export interface LoadState {
  readonly phase: 'starting' | 'running' | 'stopping'
  readonly sent: number
  readonly answered: number
  readonly failed: number
  /** Notes whose creation was answered with the redirect that says so. */
  readonly acknowledged: number
  /** The first five thousand. */
  readonly failures: readonly { readonly sentAt: string; readonly at: string; readonly error: string; readonly code?: string }[]
}

/** What a load found at its end. */
export interface LoadResult extends LoadState {
  /** Acknowledged notes that are not there. */
  readonly missing: readonly string[]
}

/** Failures by what they were, with their number and the first and the last moment at which such a request was sent. */
export function describeFailures(loads: readonly LoadState[]): string {
  const kinds = Map.groupBy(
    loads.flatMap(({ failures }) => failures),
    ({ error }) => error.replaceAll(/\d{2,}\//g, 'N/'),
  )
  const lines = [...kinds].map(([error, all]) => {
    const moments = all.map(({ sentAt }) => sentAt.slice(11, 23)).toSorted()
    return `${all.length} × ${error} (${moments[0]} to ${moments.at(-1)})`
  })
  return lines.join('; ').slice(0, 1_500)
}

/** Requests that go on until `stop`: four reads to one write, in open loop, on keep-alive connections, without a repetition. */
export interface SteadyLoad {
  state(): Promise<LoadState>
  stop(): Promise<LoadResult>
}

/** Where a load goes, and how fast. */
export interface LoadTarget {
  readonly base: string
  readonly host: string
  readonly origin: string
  /** Requests a second. */
  readonly rate: number
  readonly email: string
  /** Most connections; default 32. Where answers fail to come, more are needed lest requests wait for each other. */
  readonly sockets?: number
  /** Which idle connection is used first; default `lifo`. With `fifo` all of them are used in turn, so that none grows old unseen. */
  readonly scheduling?: 'lifo' | 'fifo'
}

const password = 'correct horse battery'

/** A load from this machine; it has signed in when this returns. */
export async function loadFromHere(target: LoadTarget): Promise<SteadyLoad> {
  const [port = 0] = await freePorts(1)
  const child = spawn(process.execPath, [program], {
    env: { LOAD: JSON.stringify({ ...target, password, port }), LOAD_ENDS_WITH_STDIN: 'true' },
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  const ask = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const load = loadOver(ask, async () => {
    if (child.exitCode === null) await once(child, 'exit')
  })
  await running(load, 'the load through the Ingress')
  return load
}

/** A load from a pod of the cluster, which is how a Service is reached. */
export async function loadFromPod(
  api: ApiClient,
  pod: { readonly namespace: string; readonly name: string; readonly image: string; readonly node?: string },
  target: LoadTarget,
): Promise<SteadyLoad> {
  const { namespace, name } = pod
  await api.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: { 'steady-load.mjs': readFileSync(program, 'utf8') },
  })
  const object = restrictedPod({ ...pod, command: ['/usr/local/bin/node', '/load/steady-load.mjs'] })
  const spec = object['spec'] as { readonly containers: readonly object[] }
  await api.create({
    ...object,
    spec: {
      ...spec,
      restartPolicy: 'Never',
      containers: spec.containers.map((container) => ({
        ...container,
        env: [{ name: 'LOAD', value: JSON.stringify({ ...target, password, port: podPort }) }],
        volumeMounts: [{ name: 'load', mountPath: '/load' }],
      })),
      volumes: [{ name: 'load', configMap: { name } }],
    },
  })
  const proxy = `/api/v1/namespaces/${namespace}/pods/${name}:${podPort}/proxy`
  const load = loadOver(
    async (path) => await api.raw(`${proxy}${path}`),
    async () => {
      await api.delete({ apiVersion: 'v1', kind: 'Pod' }, name, namespace)
      await api.delete({ apiVersion: 'v1', kind: 'ConfigMap' }, name, namespace)
    },
  )
  await running(load, 'the load through the Service')
  return load
}

function loadOver(ask: (path: string) => Promise<string>, end: () => Promise<void>): SteadyLoad {
  return {
    state: async () => JSON.parse(await ask('/state')) as LoadState,
    stop: async () => {
      const result = JSON.parse(await ask('/stop')) as LoadResult
      await end()
      return result
    },
  }
}

async function running(load: SteadyLoad, what: string): Promise<void> {
  await waitFor(async () => (await load.state().catch(() => undefined))?.phase === 'running', { what, timeoutMs: 60_000, intervalMs: 200 })
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { silentProgress } from '../cluster/progress.ts'
import type { Pod } from './zone-loss-cluster.ts'

/** One state of a Deployment; `at` by the monotonic clock, in milliseconds. */
export interface ReplicasState {
  readonly at: number
  readonly wanted: number
  readonly ready: number
}

/** Every state that a Deployment passes through, by a watch: one that lasts a millisecond is seen as well. */
export class DeploymentWatch implements AsyncDisposable {
  readonly states: ReplicasState[] = []
  readonly #child: ReturnType<typeof spawn>

  private constructor(kubectl: string, kubeconfig: string, namespace: string, name: string) {
    const form = '{.spec.replicas} {.status.readyReplicas}{"\\n"}'
    const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'get', 'deployment', name, '--watch', '-o', `jsonpath=${form}`]
    this.#child = spawn(kubectl, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#child.stdout === null) throw new Error('kubectl has no output')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [wanted = '', ready = ''] = line.split(' ')
      // A Deployment without replicas would be shown as an empty word; it means one.
      this.states.push({ at: performance.now(), wanted: wanted === '' ? 1 : Number(wanted), ready: Number(ready) })
    })
  }

  static async start(kubeconfig: string, namespace: string, name: string): Promise<DeploymentWatch> {
    const { kubectl } = await ensureBinaries(['kubectl'], { progress: silentProgress })
    return new DeploymentWatch(kubectl, kubeconfig, namespace, name)
  }

  /** States since a moment, with the one that was in force then. */
  since(moment: number): readonly ReplicasState[] {
    const first = this.states.findLastIndex(({ at }) => at <= moment)
    return this.states.slice(Math.max(0, first))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
  }
}

/** Counts the sessions of a PostgreSQL of `startPostgres` twice a second. */
export class ConnectionsWatch implements AsyncDisposable {
  readonly #client: Client
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #most = 0
  #looks = 0

  private constructor(client: Client) {
    this.#client = client
    this.#done = this.#follow()
  }

  static async start(api: ApiClient, namespace: string): Promise<ConnectionsWatch> {
    const [pod] = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector: 'app=postgres' })
    const secret = await api.get<KubeObject & { data: Readonly<Record<string, string>> }>(
      { apiVersion: 'v1', kind: 'Secret' },
      'database',
      namespace,
    )
    const value = (key: string): string => Buffer.from(secret?.data[key] ?? '', 'base64').toString()
    const client = new Client({
      host: pod?.status?.podIP ?? '',
      port: Number(value('port')),
      user: value('user'),
      password: value('password'),
      database: value('database'),
    })
    await client.connect()
    return new ConnectionsWatch(client)
  }

  get most(): number {
    if (this.#looks === 0) throw new Error('nobody has counted yet')
    return this.#most
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
    await this.#client.end()
  }

  async #follow(): Promise<void> {
    const text = 'select count(*)::int as sessions from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()'
    while (!this.#stop.signal.aborted) {
      const { rows } = await this.#client.query<{ sessions: number }>(text)
      this.#most = Math.max(this.#most, rows[0]?.sessions ?? 0)
      this.#looks += 1
      await sleep(500)
    }
  }
}

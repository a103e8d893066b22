import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createBackupStore, type StoreAccess } from './backup-store.ts'
import { startPostgres } from './database-servers.ts'
import { hostOf, instanceReady } from './instance.ts'
import { describeFailures, type LoadResult, loadFromHere, loadFromPod, type SteadyLoad } from './load/steady-load.ts'
import { changedMarks, operatorsMarks, operatorWrites, scaleOperator } from './operator-away-operator.ts'
import { createCertificate, productionInstance } from './production.ts'
import { smallPods } from './scaling.ts'
import { appPods, serves } from './zone-loss-cluster.ts'

/** What {@link operatorAway} needs. */
export interface OperatorAway {
  readonly api: ApiClient
  readonly ingressUrl: string
  readonly namespace: string
  readonly image: string
  readonly postgres: string
  readonly store: StoreAccess
  /** How long the operator is away. */
  readonly minutes: number
  /** Requests a second through the Ingress; three times as many more come through the Service for half of the time. */
  readonly rate: number
  /** With an autoscaler, which needs the metrics of the cluster; else with two replicas. */
  readonly autoscaled: boolean
  /** How long the operator is watched when it has seen all that happened. */
  readonly restSeconds: number
  /** Whether a readiness gate is tried as well, which takes two minutes. */
  readonly counterTest: boolean
  readonly report: (line: string) => void
}

/** What came of it. */
export interface OperatorAwayResult {
  readonly minutes: number
  readonly autoscaled: boolean
  readonly leastReplicas: number
  readonly mostReplicas: number
  /** Until the autoscaler had added a pod to those that were there when the load rose. */
  readonly scaledUpSeconds: number | undefined
  /** Of each pod that was deleted: until as many as before were ready, and it was gone. */
  readonly comeBackSeconds: readonly number[]
  readonly backups: { readonly succeeded: number; readonly failed: number }
  readonly loads: readonly LoadResult[]
  /** Objects in which the operator changed anything when it was back. */
  readonly changed: readonly string[]
  /** Sent by the operator from its start until it had seen all, and in `restSeconds` after that. */
  readonly writesAtReturn: number
  readonly writesAtRest: number
  /** What a pod with a readiness gate, which nobody sets while the operator is away, came to; undefined where that was not tried. */
  readonly counterTest: string | undefined
}

interface Job extends KubeObject {
  readonly status?: {
    readonly succeeded?: number
    readonly failed?: number
    readonly conditions?: readonly { type: string; status: string }[]
  }
}

interface CronJob extends KubeObject {
  readonly spec: { readonly jobTemplate: { readonly metadata: object; readonly spec: object } }
}

const name = 'notes'
const least = 2
const deployments = { apiVersion: 'apps/v1', kind: 'Deployment' } as const
/** Runs begin up to five minutes after their time: a shorter absence starts one by hand from the same template. */
const shortestForSchedule = 12

/** Takes the operator away from a Production instance that people write to, and brings it back. */
export async function operatorAway(options: OperatorAway): Promise<OperatorAwayResult> {
  const { api, namespace, ingressUrl, image, rate, minutes, autoscaled, report } = options
  const { secret } = await startPostgres(api, namespace, options.postgres)
  await createCertificate(api, namespace, name)
  await createBackupStore(api, namespace, options.store)
  await api.create(awayInstance(options, secret))
  await instanceReady(api, namespace, name, 180_000)
  report('the instance is ready')
  const host = hostOf(namespace, name)
  const target = { host, origin: `https://${host}` }
  const loads: SteadyLoad[] = []
  const results: LoadResult[] = []
  try {
    loads.push(await loadFromHere({ ...target, base: ingressUrl, rate, email: 'ingress@example.org' }))
    await atRest(api)
    const before = await operatorsMarks(api, namespace, name)
    await scaleOperator(api, 0)
    const awayAt = performance.now()
    const left = (): number => minutes * 60_000 - (performance.now() - awayAt)
    report('the operator is away')
    const replicas = new ReplicasWatch(api, namespace)
    if (minutes < shortestForSchedule) await runBackupNow(api, namespace)
    const peak = { ...target, base: `http://${name}.${namespace}.svc`, rate: rate * 3, email: 'service@example.org' }
    const replicasBefore = await wantedReplicas(api, namespace)
    const peakLoad = await loadFromPod(api, { namespace, name: 'load', image }, peak)
    loads.push(peakLoad)
    const roseAt = performance.now()
    const scaledUpSeconds = autoscaled ? await scaledUp(api, namespace, { replicas: replicasBefore, since: roseAt }) : undefined
    if (autoscaled) report(`a pod more after ${scaledUpSeconds} s`)
    const comeBackSeconds: number[] = []
    do {
      comeBackSeconds.push(await losePod(api, namespace))
      report(`a deleted pod was replaced after ${comeBackSeconds.at(-1)} s`)
      await sleep(Math.min(60_000, Math.max(0, left())))
    } while (left() > minutes * 30_000)
    loads.pop()
    results.push(await peakLoad.stop())
    report('the peak is over')
    await sleep(Math.max(0, left()))
    await backupsEnded(api, namespace)
    const counts = await replicas.end()
    await scaleOperator(api, 1)
    await instanceReady(api, namespace, name, 60_000)
    const writesAtReturn = await atRest(api)
    await sleep(options.restSeconds * 1000)
    const writesAtRest = (await operatorWrites(api)) - writesAtReturn
    const changed = changedMarks(before, await operatorsMarks(api, namespace, name))
    report(
      `the operator is back: ${writesAtReturn} writes until it had seen all, ${writesAtRest} after that; changed: ${changed.join(', ')}`,
    )
    const backups = await backupJobs(api, namespace)
    const [load] = loads.splice(0)
    if (load !== undefined) results.push(await load.stop())
    const counterTest = options.counterTest ? await gatedPod(api, namespace, report) : undefined
    const result = { minutes, autoscaled, ...counts, scaledUpSeconds, comeBackSeconds, backups }
    return { ...result, loads: results, changed, writesAtReturn, writesAtRest, counterTest }
  } finally {
    await Promise.allSettled(loads.splice(0).map(async (load) => await load.stop()))
    await scaleOperator(api, 1)
  }
}

function awayInstance({ namespace, image, autoscaled, minutes }: OperatorAway, secret: string): KubeObject {
  const { spec, ...instance } = productionInstance({ namespace, name, image, secret, replicas: least }) as KubeObject & {
    readonly spec: { readonly replicas: number; readonly database: object }
  }
  const { replicas, database, ...rest } = spec
  const scaling = autoscaled ? { autoscaling: { minReplicas: least, maxReplicas: least * 4 } } : { replicas }
  return {
    ...instance,
    spec: {
      ...rest,
      ...scaling,
      resources: smallPods,
      database: { ...database, poolSizePerReplica: 8 },
      release: { missingBackup: 'Accept', rollout: { minReadySeconds: 2 } },
      backup: { storeRef: { name: 'offsite' }, schedule: scheduleOf(minutes) },
    },
  } as unknown as KubeObject
}

/** Two runs in the first two thirds of the time, so that none is under way when the operator is back; in a short time none. */
function scheduleOf(minutes: number): string {
  const now = new Date().getUTCMinutes()
  const after = minutes < shortestForSchedule ? [30] : [3, 8]
  return `${after.map((more) => (now + more) % 60).join(',')} * * * *`
}

/** Waits until the operator has sent no write for ten seconds; returns how many it has sent since its start. */
async function atRest(api: ApiClient): Promise<number> {
  let writes = { count: -1, at: performance.now() }
  return await waitFor(
    async () => {
      const count = await operatorWrites(api)
      if (count !== writes.count) writes = { count, at: performance.now() }
      // Within a probe's answer 0 would be "not yet".
      return performance.now() - writes.at >= 10_000 ? { count } : undefined
    },
    { what: 'the operator being at rest', timeoutMs: 120_000, intervalMs: 500 },
  ).then(({ count }) => count)
}

/** Follows how many pods the Deployment asks for. */
class ReplicasWatch {
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #least = Number.POSITIVE_INFINITY
  #most = 0

  constructor(api: ApiClient, namespace: string) {
    this.#done = this.#follow(api, namespace)
  }

  async end(): Promise<{ readonly leastReplicas: number; readonly mostReplicas: number }> {
    this.#stop.abort()
    await this.#done
    return { leastReplicas: this.#least, mostReplicas: this.#most }
  }

  async #follow(api: ApiClient, namespace: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const replicas = await wantedReplicas(api, namespace).catch(() => undefined)
      if (replicas !== undefined) {
        this.#least = Math.min(this.#least, replicas)
        this.#most = Math.max(this.#most, replicas)
      }
      await sleep(500)
    }
  }
}

async function wantedReplicas(api: ApiClient, namespace: string): Promise<number> {
  const deployment = await api.get<KubeObject & { spec: { replicas: number } }>(deployments, name, namespace)
  return deployment?.spec.replicas ?? 0
}

async function scaledUp(
  api: ApiClient,
  namespace: string,
  { replicas, since }: { readonly replicas: number; readonly since: number },
): Promise<number> {
  await waitFor(async () => (await wantedReplicas(api, namespace)) > replicas, {
    what: 'the autoscaler adding a pod',
    timeoutMs: 120_000,
    intervalMs: 250,
  })
  return Math.round((performance.now() - since) / 1000)
}

/** Deletes a pod, as a drain or a person would; returns the seconds until another serves in its place. */
async function losePod(api: ApiClient, namespace: string): Promise<number> {
  const before = (await appPods(api, namespace, name)).filter((pod) => serves(pod))
  const [lost] = before
  if (lost === undefined) throw new Error('no pod serves')
  const started = performance.now()
  const known = new Set(before.map(({ metadata }) => metadata.name))
  await api.delete({ apiVersion: 'v1', kind: 'Pod' }, lost.metadata.name, namespace)
  await waitFor(async () => (await appPods(api, namespace, name)).some((pod) => serves(pod) && !known.has(pod.metadata.name)), {
    what: `a pod in place of ${lost.metadata.name}`,
    timeoutMs: 90_000,
    intervalMs: 250,
  })
  return Math.round((performance.now() - started) / 100) / 10
}

/** Starts a run of the backup's CronJob at once, without the wait by which runs are spread. */
async function runBackupNow(api: ApiClient, namespace: string): Promise<void> {
  const cronJob = await api.get<CronJob>({ apiVersion: 'batch/v1', kind: 'CronJob' }, `${name}-backup`, namespace)
  if (cronJob === undefined) throw new Error('there is no CronJob of backups')
  const { metadata, spec } = cronJob.spec.jobTemplate
  const text = JSON.stringify(spec).replace('"BACKUP_JITTER_SECONDS","value":"300"', '"BACKUP_JITTER_SECONDS","value":"0"')
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: cronJob.metadata.name, uid: cronJob.metadata.uid, controller: true }
  const meta = { ...metadata, name: 'run-by-hand', namespace, ownerReferences: [owner] }
  await api.create({ apiVersion: 'batch/v1', kind: 'Job', metadata: meta, spec: JSON.parse(text) as object } as KubeObject)
}

/** What a run that ends later tells the operator would be a write of its own. */
async function backupsEnded(api: ApiClient, namespace: string): Promise<void> {
  const ended = async (): Promise<boolean> => (await backupRuns(api, namespace)).every((job) => hasEnded(job))
  await waitFor(ended, { what: 'the runs of backups ending', timeoutMs: 360_000, intervalMs: 500 })
}

function hasEnded({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: state }) => (type === 'Complete' || type === 'Failed') && state === 'True') ?? false
}

async function backupRuns(api: ApiClient, namespace: string): Promise<readonly Job[]> {
  const jobs = await api.list<Job>({ apiVersion: 'batch/v1', kind: 'Job' }, namespace)
  return jobs.filter(({ metadata }) => metadata.ownerReferences?.some(({ name: owner }) => owner === `${name}-backup`))
}

async function backupJobs(api: ApiClient, namespace: string): Promise<OperatorAwayResult['backups']> {
  const runs = await backupRuns(api, namespace)
  const failed = runs.filter(({ status }) => status?.conditions?.some(({ type, status: state }) => type === 'Failed' && state === 'True'))
  return { succeeded: runs.filter(({ status }) => status?.succeeded === 1).length, failed: failed.length }
}

/** Where an operator had to mark pods as ready, one that is lost would not come back while it is away. */
async function gatedPod(api: ApiClient, namespace: string, report: OperatorAway['report']): Promise<string> {
  const conditionType = 'notejam.io/serving'
  const path = await api.path({ apiVersion: 'v1', kind: 'Pod' }, namespace)
  const markPods = async (): Promise<void> => {
    for (const { metadata } of await appPods(api, namespace, name)) {
      const body = { status: { conditions: [{ type: conditionType, status: 'True' }] } }
      const contentType = 'application/strategic-merge-patch+json'
      await api.call('PATCH', `${path}/${metadata.name}/status`, { body, contentType })
    }
  }
  const gates = { spec: { template: { spec: { readinessGates: [{ conditionType }] } } } }
  await api.patch(deployments, name, namespace, gates)
  await waitFor(
    async () => {
      await markPods()
      const pods = await appPods(api, namespace, name)
      return pods.length >= least && pods.every((pod) => serves(pod) && 'readinessGates' in pod.spec)
    },
    { what: 'pods with a readiness gate', timeoutMs: 180_000, intervalMs: 500 },
  )
  await scaleOperator(api, 0)
  try {
    const text = await losePod(api, namespace).then(
      (seconds) => `came back after ${seconds} s`,
      () => 'never became ready',
    )
    report(`with a readiness gate a deleted pod ${text}`)
    return text
  } finally {
    await scaleOperator(api, 1)
  }
}

/** What was not as promised; empty when all was. */
export function operatorAwayShortcomings(result: OperatorAwayResult): readonly string[] {
  const { loads, backups, changed, writesAtRest, mostReplicas, leastReplicas, autoscaled, counterTest, comeBackSeconds } = result
  return [
    ...(autoscaled && mostReplicas <= least ? ['the autoscaler added no pod'] : []),
    ...(leastReplicas < least ? [`the Deployment asked for ${leastReplicas} pods`] : []),
    ...(comeBackSeconds.length === 0 ? ['no pod was lost'] : []),
    ...(backups.succeeded === 0 || backups.failed > 0 ? [`${backups.succeeded} backups succeeded, ${backups.failed} failed`] : []),
    ...(changed.length === 0 ? [] : [`the operator changed ${changed.join(', ')} when it was back`]),
    // While an autoscaler goes on, the number of pods in status does as well.
    ...(autoscaled || writesAtRest === 0 ? [] : [`the operator sent ${writesAtRest} writes at rest`]),
    ...loads.flatMap((load) => [
      ...(load.failed === 0 ? [] : [`${load.failed} of ${load.sent} requests failed: ${describeFailures([load])}`]),
      ...(load.missing.length === 0 ? [] : [`${load.missing.length} of ${load.acknowledged} acknowledged notes are not there`]),
    ]),
    ...(counterTest === undefined || counterTest === 'never became ready'
      ? []
      : [`counter-test: with a readiness gate the deleted pod ${counterTest}`]),
  ]
}

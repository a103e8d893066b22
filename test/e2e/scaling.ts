import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../cluster/cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { startPostgres } from './database-servers.ts'
import { ConditionHistory, hostOf, instanceHas, instanceReady } from './instance.ts'
import { describeFailures, type LoadResult, loadFromHere, loadFromPod, type SteadyLoad } from './load/steady-load.ts'
import { createCertificate, productionInstance } from './production.ts'
import { ConnectionsWatch, DeploymentWatch } from './scaling-watch.ts'

/** What {@link scaleUnderLoad} needs. */
export interface Scaling {
  /** One with metrics. */
  readonly cluster: Cluster
  readonly namespace: string
  readonly image: string
  readonly postgres: string
  /** R: requests a second through the Ingress all the time; three times as many more come through the Service at the peak. */
  readonly rate: number
  readonly baseSeconds: number
  readonly peakSeconds: number
  /** Of the autoscaler, where not the operator's default is to be used. */
  readonly behavior?: object
  readonly report: (line: string) => void
}

/** What came of it. */
export interface ScalingResult {
  /** The least that the Deployment asked for while its replicas were given to the autoscaler. */
  readonly leastAtHandOver: number
  readonly baseReplicas: number
  /** What the autoscaler wanted at the end of the peak, and how long after its beginning so many were ready. */
  readonly peakReplicas: number
  readonly followedUpSeconds: number
  /** From the end of the peak until the least number was asked for; undefined if that did not happen in time. */
  readonly backSeconds: number | undefined
  readonly mostConnections: number
  readonly loads: readonly LoadResult[]
  readonly ready: readonly string[]
}

const name = 'notes'
const least = 2
const most = 8
const poolSize = 8
/** As many as the operator reckons with: each pod, one more during a roll-out, and a Job. */
export const connectionBudget = (most + 2) * poolSize
/** A request takes two to three milliseconds of a processor: with these, loads that a small machine can send are ones to scale for. */
export const smallPods = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '320Mi' } } as const
const instances = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' } as const
/** How long scaling down is waited for; the bar is shorter. */
const backTimeoutMs = 660_000

/** Gives a Production instance to an autoscaler under load R, then asks four times as much of it, then R again. */
export async function scaleUnderLoad(options: Scaling): Promise<ScalingResult> {
  const { cluster, namespace, image, rate, report } = options
  const { api, ingressUrl, kubeconfig } = cluster
  const { secret } = await startPostgres(api, namespace, options.postgres)
  await createCertificate(api, namespace, name)
  const external = { secretRef: { name: secret }, tls: { mode: 'Disable' }, maxConnections: connectionBudget }
  const database = { type: 'PostgreSQL', external, poolSizePerReplica: poolSize }
  const release = { missingBackup: 'Accept', rollout: { minReadySeconds: 2 } }
  await api.create(
    productionInstance({ namespace, name, image, secret, replicas: least, spec: { database, release, resources: smallPods } }),
  )
  await instanceReady(api, namespace, name, 180_000)
  report('the instance is ready')
  const host = hostOf(namespace, name)
  const target = { host, origin: `https://${host}`, sockets: 256 }
  const running: SteadyLoad[] = []
  const loads: LoadResult[] = []
  await using deployment = await DeploymentWatch.start(kubeconfig, namespace, name)
  await using connections = await ConnectionsWatch.start(api, namespace)
  const history = new ConditionHistory(api, namespace, name, 'Ready')
  try {
    running.push(await loadFromHere({ ...target, base: ingressUrl, rate, email: 'ingress@example.org' }))
    const handOverAt = performance.now()
    const { behavior } = options
    const autoscaling = { minReplicas: least, maxReplicas: most, ...(behavior === undefined ? {} : { behavior }) }
    await api.patch(instances, name, namespace, { spec: { replicas: null, autoscaling } })
    await instanceHas(api, namespace, name, { type: 'ScalingActive', status: 'True', reason: 'Autoscaled' }, 180_000)
    await sleep(options.baseSeconds * 1000)
    const leastAtHandOver = Math.min(...deployment.since(handOverAt).map(({ wanted }) => wanted))
    const baseReplicas = deployment.states.at(-1)?.wanted ?? 0
    report(`the autoscaler decides: ${baseReplicas} pods for R, never fewer than ${leastAtHandOver}`)

    const roseAt = performance.now()
    const peak = { ...target, base: `http://${name}.${namespace}.svc`, rate: rate * 3, email: 'service@example.org' }
    const peakLoad = await loadFromPod(api, { namespace, name: 'load', image }, peak)
    running.push(peakLoad)
    await sleep(options.peakSeconds * 1000)
    const peakReplicas = deployment.states.at(-1)?.wanted ?? 0
    const followed = deployment.since(roseAt).find(({ ready }) => ready >= peakReplicas)
    const followedUpSeconds = followed === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Math.round((followed.at - roseAt) / 1000))
    report(`${peakReplicas} pods for 4R, ready after ${followedUpSeconds} s`)

    const fellAt = performance.now()
    running.pop()
    loads.push(await peakLoad.stop())
    const backSeconds = await waitFor(() => deployment.states.at(-1)?.wanted === least, {
      what: `${least} pods for R`,
      timeoutMs: backTimeoutMs,
      intervalMs: 250,
    }).then(
      () => Math.round((performance.now() - fellAt) / 1000),
      () => undefined,
    )
    report(`${deployment.states.at(-1)?.wanted} pods for R again after ${backSeconds} s`)
    // What was taken away last is still draining.
    await sleep(45_000)
    const [load] = running.splice(0)
    if (load !== undefined) loads.push(await load.stop())
    const mostConnections = connections.most
    const ready = await history.end()
    return { leastAtHandOver, baseReplicas, peakReplicas, followedUpSeconds, backSeconds, mostConnections, loads, ready }
  } finally {
    await Promise.allSettled([...running.splice(0).map(async (load) => await load.stop()), history.end()])
  }
}

/** What was not as promised; empty when all was. */
export function scalingShortcomings(result: ScalingResult): readonly string[] {
  const { leastAtHandOver, baseReplicas, peakReplicas, followedUpSeconds, backSeconds, mostConnections, loads, ready } = result
  const sent = loads.reduce((sum, load) => sum + load.sent, 0)
  const failed = loads.reduce((sum, load) => sum + load.failed, 0)
  return [
    ...(leastAtHandOver >= least ? [] : [`at the hand-over the Deployment asked for ${leastAtHandOver} pods`]),
    ...(peakReplicas > baseReplicas ? [] : [`4R had ${peakReplicas} pods, R ${baseReplicas}`]),
    ...(followedUpSeconds <= 120 ? [] : [`the pods for 4R were ready only after ${followedUpSeconds} s`]),
    ...(backSeconds !== undefined && backSeconds <= 600 ? [] : [`there were ${least} pods only after ${backSeconds ?? 'more than 660'} s`]),
    ...(failed < sent / 1000 ? [] : [`${failed} of ${sent} requests failed: ${describeFailures(loads)}`]),
    ...(mostConnections <= connectionBudget ? [] : [`${mostConnections} connections, ${connectionBudget} are reckoned with`]),
    ...loads.flatMap(({ missing, acknowledged }) =>
      missing.length === 0 ? [] : [`${missing.length} of ${acknowledged} acknowledged notes are not there`],
    ),
    ...(ready.at(-1) === 'True:Serving' ? [] : [`Ready went ${ready.join(' → ')}`]),
  ]
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../cluster/cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { startPostgres } from './database-servers.ts'
import { ConditionHistory, hostOf, instanceReady } from './instance.ts'
import { type LoadResult, type LoadState, loadFromHere, loadFromPod, type SteadyLoad } from './load/steady-load.ts'
import { createCertificate, productionInstance } from './production.ts'
import { appPods, leaderNode, type Pod, readyEndpoints, serves } from './zone-loss-cluster.ts'

/** What {@link loseZones} needs. */
export interface ZoneLosses {
  /** Three nodes, each in a zone of its own, and two operators. */
  readonly cluster: Cluster
  readonly namespace: string
  readonly image: string
  readonly postgres: string
  /** Requests a second, half through the Ingress, half through the Service. */
  readonly rate: number
  readonly nodeLossSeconds: number
  readonly report: (line: string) => void
}

/** What one loss came to; times are counted from the cut. */
export interface ZoneLoss {
  readonly node: string
  readonly withOperator: boolean
  readonly podsLost: number
  readonly endpointsGoneSeconds: number
  /** All replicas ready on the nodes that are left. */
  readonly fullSeconds: number
  /** From the making of the pod that came last to its being ready. */
  readonly startSeconds: number
  readonly failedUntilEndpointsGone: number
  /** Of all that was sent in that time. */
  readonly failedShare: number
  /** Sent more than {@link proxiesLearnMs} after the endpoints had left, until the next cut or the end. */
  readonly failedAfter: readonly string[]
  /** `status:reason` of the condition Ready, from before the cut until the node is back. */
  readonly ready: readonly string[]
}

/** What all of them came to. */
export interface ZoneLossResult {
  readonly losses: readonly ZoneLoss[]
  readonly throughIngress: LoadResult
  readonly throughService: LoadResult
}

const name = 'notes'
const replicas = 3
/** What a kube-proxy and an Ingress controller may take to act on a changed EndpointSlice. */
const proxiesLearnMs = 2_000
/** The control plane's node-monitor-grace-period, and the 5 s between two looks of it (Kubernetes, "Node status"). */
export const detectionSeconds = 55
/** For what is measured by polling, and for the eviction's own queue. */
const slackSeconds = 5
const quietMs = 30_000

interface Loads {
  readonly states: () => Promise<readonly LoadState[]>
}

/** Cuts off first a node without the operator, then the leader's, while people write to a Production instance whose database is on the third. */
export async function loseZones(options: ZoneLosses): Promise<ZoneLossResult> {
  const { cluster, namespace, image, rate, report } = options
  const { api, ingressUrl } = cluster
  const leader = await leaderNode(api)
  const [other = '', databases = ''] = cluster.nodes.map(({ layout }) => layout.name).filter((node) => node !== leader)
  const { secret } = await startPostgres(api, namespace, options.postgres, databases)
  await createCertificate(api, namespace, name)
  const availability = { zoneSpread: 'Required', nodeLossSeconds: options.nodeLossSeconds }
  const release = { missingBackup: 'Accept', rollout: { minReadySeconds: 2 } }
  await api.create(productionInstance({ namespace, name, image, secret, replicas, spec: { availability, release } }))
  await instanceReady(api, namespace, name, 180_000)
  report(`the instance is ready; the operator leads on ${leader}, the database is on ${databases}`)
  const host = hostOf(namespace, name)
  // A request that hangs keeps its connection for 20 s.
  const half = { host, origin: `https://${host}`, rate: rate / 2, sockets: 2_000, scheduling: 'fifo' } as const
  const running: SteadyLoad[] = []
  try {
    running.push(await loadFromHere({ ...half, base: ingressUrl, email: 'ingress@example.org' }))
    const pod = { namespace, name: 'load', image, node: databases }
    running.push(await loadFromPod(api, pod, { ...half, base: `http://${name}.${namespace}.svc`, email: 'service@example.org' }))
    const loads: Loads = { states: async () => await Promise.all(running.map(async (load) => await load.state())) }
    await sleep(quietMs / 3)
    const losses: ZoneLoss[] = []
    for (const node of [other, leader]) {
      losses.push(await loseZone(options, loads, { node, withOperator: node === (await leaderNode(api)) }))
    }
    const [throughIngress, throughService] = await Promise.all(running.splice(0).map(async (load) => await load.stop()))
    if (throughIngress === undefined || throughService === undefined) throw new Error('a load has no result')
    return { losses, throughIngress, throughService }
  } finally {
    await Promise.allSettled(running.splice(0).map(async (load) => await load.stop()))
  }
}

async function loseZone(
  { cluster, namespace, report }: ZoneLosses,
  loads: Loads,
  { node, withOperator }: { readonly node: string; readonly withOperator: boolean },
): Promise<ZoneLoss> {
  const { api } = cluster
  const number = cluster.nodes.find(({ layout }) => layout.name === node)?.layout.number ?? 0
  await spreadAgain(cluster, namespace, node)
  const podsLost = (await appPods(api, namespace, name)).filter(({ spec }) => spec.nodeName === node).length
  const history = new ConditionHistory(api, namespace, name, 'Ready')
  const before = await sums(loads)
  const cutAt = Date.now()
  const since = (): number => Math.round((Date.now() - cutAt) / 100) / 10
  cluster.cutNode(number)
  let ready: readonly string[] = []
  try {
    const gone = async (): Promise<boolean> => (await readyEndpoints(api, namespace, name, node)) === 0
    await waitFor(gone, { what: `the endpoints on ${node} leaving the Service`, timeoutMs: 180_000, intervalMs: 100 })
    const endpointsGoneSeconds = since()
    const goneAt = Date.now()
    const inWindow = await sums(loads)
    report(`${node}: its endpoints left the Service after ${endpointsGoneSeconds} s`)
    const serving = await waitFor(
      async () => {
        const alive = (await appPods(api, namespace, name)).filter((pod) => pod.spec.nodeName !== node && serves(pod))
        return alive.length >= replicas ? alive : undefined
      },
      { what: `${replicas} pods on the nodes that are left`, timeoutMs: 300_000, intervalMs: 250 },
    )
    const fullSeconds = since()
    report(`${node}: ${replicas} pods serve again after ${fullSeconds} s`)
    await sleep(quietMs)
    cluster.healNode(number)
    await cluster.nodesReady()
    await waitFor(async () => (await appPods(api, namespace, name)).length === replicas, {
      what: `the pods that ${node} had being gone`,
      timeoutMs: 120_000,
      intervalMs: 500,
    })
    await instanceReady(api, namespace, name, 60_000)
    report(`${node}: is back after ${since()} s`)
    await sleep(quietMs / 2)
    ready = await history.end()
    const failures = (await loads.states()).flatMap((state) => state.failures).filter(({ sentAt }) => Date.parse(sentAt) >= cutAt)
    const late = failures.filter(({ sentAt }) => Date.parse(sentAt) > goneAt + proxiesLearnMs)
    const failedUntilEndpointsGone = failures.length - late.length
    return {
      node,
      withOperator,
      podsLost,
      endpointsGoneSeconds,
      fullSeconds,
      startSeconds: Math.max(...serving.map((pod) => startOf(pod, cutAt))),
      failedUntilEndpointsGone,
      failedShare: Math.round((failedUntilEndpointsGone / Math.max(1, inWindow.sent - before.sent)) * 1000) / 1000,
      failedAfter: late.map(({ sentAt, error }) => `${sentAt} ${error}`),
      ready,
    }
  } finally {
    cluster.healNode(number)
    if (ready.length === 0) await history.end()
  }
}

/** A replacement does not go back by itself: one pod of a node that has two is evicted, so that the node to be lost has one. */
async function spreadAgain(cluster: Cluster, namespace: string, node: string): Promise<void> {
  const { api } = cluster
  const pods = await appPods(api, namespace, name)
  const nodes = pods.map(({ spec }) => spec.nodeName ?? '')
  const twice = pods.find(({ spec }) => spec.nodeName !== node && nodes.filter((other) => other === spec.nodeName).length > 1)
  const crowded = twice ?? pods.find(({ spec }) => nodes.filter((other) => other === spec.nodeName).length > 1)
  if (crowded === undefined) return
  const path = await api.path({ apiVersion: 'v1', kind: 'Pod' }, namespace, crowded.metadata.name)
  const { name: pod } = crowded.metadata
  await api.call('POST', `${path}/eviction`, {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } },
  })
  await waitFor(
    async () => {
      const now = await appPods(api, namespace, name)
      return now.length === replicas && now.every((one) => serves(one) && one.metadata.name !== pod)
    },
    { what: 'the pods being spread over the zones again', timeoutMs: 120_000, intervalMs: 500 },
  )
  await instanceReady(api, namespace, name, 60_000)
}

async function sums(loads: Loads): Promise<{ readonly sent: number }> {
  return { sent: (await loads.states()).reduce((sum, { sent }) => sum + sent, 0) }
}

/** Seconds from the making of a pod to its being ready; 0 for one that was there before the cut. */
function startOf({ metadata, status }: Pod, cutAt: number): number {
  const made = Date.parse(String(metadata['creationTimestamp']))
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
  return made < cutAt ? 0 : (Date.parse(ready) - made) / 1000
}

/** What was not as promised; empty when all was. */
export function zoneLossShortcomings(
  { losses, throughIngress, throughService }: ZoneLossResult,
  { nodeLossSeconds }: { readonly nodeLossSeconds: number },
): readonly string[] {
  const lost = losses.flatMap((loss) => {
    const { node, endpointsGoneSeconds, fullSeconds, startSeconds, failedAfter, ready } = loss
    const mostSeconds = detectionSeconds + nodeLossSeconds + startSeconds + slackSeconds
    return [
      ...(loss.podsLost === 0 ? [`${node} had no pod of the app`] : []),
      ...(endpointsGoneSeconds <= detectionSeconds + slackSeconds
        ? []
        : [`endpoints on ${node} left only after ${endpointsGoneSeconds} s`]),
      ...(fullSeconds <= mostSeconds ? [] : [`${node}: all pods were back after ${fullSeconds} s, not ${mostSeconds} s`]),
      ...(failedAfter.length === 0
        ? []
        : [`${node}: ${failedAfter.length} requests failed after its endpoints had left: ${failedAfter.slice(0, 3).join('; ')}`]),
      ...(ready.includes('False:Degraded') && ready.at(-1) === 'True:Serving' ? [] : [`${node}: Ready went ${ready.join(' → ')}`]),
    ]
  })
  const withOperator = losses.some((loss) => loss.withOperator) ? [] : ['no loss was that of the operator’s own node']
  const notes = [throughIngress, throughService].flatMap(({ missing, acknowledged }) =>
    missing.length === 0 ? [] : [`${missing.length} of ${acknowledged} acknowledged notes are not there`],
  )
  return [...lost, ...withOperator, ...notes]
}

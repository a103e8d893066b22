import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import { clusterFolder } from '../cluster/cluster-layout.ts'
import { readRecord } from '../cluster/cluster-record.ts'
import { type ClusterErrorCode, ClusterError } from '../cluster/errors.ts'
import { publishImage } from '../cluster/images.ts'
import { recordOf, signalProcess } from '../cluster/process-record.ts'
import { createProgress } from '../cluster/progress.ts'
import { openCluster, startCluster, stopCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { hostTraces, type HostTraces } from '../support/host-traces.ts'
import { type Kubectl, kubectlFor } from '../support/kubectl.ts'
import { createNamespace } from '../support/namespace.ts'
import { client, dataClaim, echoServer, restrictedPod } from '../support/pods.ts'

const NAME = 'lifecycle'
const main = join(import.meta.dirname, '../cluster/main.ts')
const progress = createProgress()

let slot: number | undefined

/** Traces of the cluster, also of its slot after it has gone. */
function traces(): HostTraces {
  slot = readRecord(NAME)?.slot ?? slot
  return hostTraces(NAME, slot === undefined ? undefined : { bridge: `njbr${slot}`, addresses: `10.89.${slot}.` })
}

const counts = (found: HostTraces): Record<string, number> =>
  Object.fromEntries(Object.entries(found).map(([kind, list]) => [kind, (list as readonly string[]).length]))
const NOTHING = { processes: 0, mounts: 0, networkNamespaces: 0, links: 0, routes: 0, firewallRules: 0, cgroups: 0 }

function expectNoTraces(): void {
  expect(counts(traces())).toEqual(NOTHING)
  expect(existsSync(clusterFolder(NAME))).toBe(false)
  expect(readdirSync('/run/netns').filter((name) => name.includes(NAME))).toEqual([])
}

/** Programs that do not run, each with the end of its log. */
const notRunning = (of: Cluster): readonly string[] =>
  of.components
    .filter(({ pid }) => pid === undefined)
    .map(({ name }) => [`${name} does not run:`, ...of.component(name).logTail(8)].join('\n'))

async function failure(work: Promise<unknown>): Promise<{ readonly code: ClusterErrorCode; readonly message: string }> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof ClusterError) return error
  throw new Error('it did not fail as it should', { cause: error })
}

describe('a cluster of three nodes', () => {
  let cluster: Cluster
  let kubectl: Kubectl
  let namespace: string
  let image: string

  beforeAll(async () => {
    await stopCluster(NAME)
    cluster = await startCluster({ name: NAME, nodes: 3, fresh: true, progress })
    kubectl = await kubectlFor(cluster.kubeconfig)
    image = (await publishImage('node', cluster.registry, { progress })).reference
    namespace = await createNamespace(cluster.api)
    await cluster.api.apply(dataClaim(namespace))
    for (const pod of echoServer({ namespace, image, replicas: 3 })) await cluster.api.apply(pod)
    await cluster.api.apply(restrictedPod({ namespace, name: 'client', image, ...client, node: 'node1', volume: true }))
    await kubectl.run(['-n', namespace, 'rollout', 'status', 'deployment/echo', '--timeout=90s'])
    await kubectl.run(['-n', namespace, 'wait', '--for=condition=Ready', 'pod/client', '--timeout=60s'])
  })

  afterAll(async () => {
    await stopCluster(NAME)
  })

  const get = async (url: string): Promise<string> =>
    await kubectl.run([
      '-n',
      namespace,
      'exec',
      'client',
      '--',
      'node',
      '-e',
      `fetch(${JSON.stringify(url)},{signal:AbortSignal.timeout(5000)}).then(r=>r.text()).then(t=>process.stdout.write(t))`,
    ])

  test('has nodes in three zones, and pods from images by digest on each', async () => {
    const nodes = await cluster.api.list({ apiVersion: 'v1', kind: 'Node' })

    expect(nodes.map(({ metadata }) => metadata.labels?.['topology.kubernetes.io/zone'])).toEqual(['zone1', 'zone2', 'zone3'])
    const pods = await cluster.api.list({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector: 'app=echo' })
    expect(new Set(pods.map((pod) => (pod['spec'] as { nodeName: string }).nodeName))).toEqual(new Set(['node1', 'node2', 'node3']))
  })

  test('reaches a Service by its name and every pod by its address, which stays as it is', async () => {
    // A Service that is a moment old is not yet known to DNS and to every node.
    const text = await waitFor(async () => await get('http://echo:8080/'), { what: 'an answer of the Service', timeoutMs: 15_000 })
    const answer = JSON.parse(text) as { readonly node: string; readonly peer: string }

    expect(answer.peer).toMatch(/^10\.90\.\d+\.\d+$/)
    const pods = await cluster.api.list({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector: 'app=echo' })
    for (const pod of pods) {
      const { podIP } = pod['status'] as { readonly podIP: string }
      expect(JSON.parse(await get(`http://${podIP}:8080/`))).toMatchObject({ peer: answer.peer })
    }
  })

  test('reaches the API server from a pod, by name and by certificate', async () => {
    const script =
      "require('node:https').get('https://kubernetes.default.svc/version',{ca:require('node:fs').readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')},r=>r.on('data',d=>process.stdout.write(d)))"

    const version = await kubectl.run(['-n', namespace, 'exec', 'client', '--', 'node', '-e', script])

    expect(version).toContain('"gitVersion": "v1.34')
  })

  test('shows an Ingress of the default class on the loopback', async () => {
    const { port, host } = { port: { number: 8080 }, host: 'echo.example' }
    const paths = [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'echo', port } } }]
    await cluster.api.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'echo', namespace },
      spec: { rules: [{ host, http: { paths } }] },
    })

    const answer = await waitFor(
      async () => {
        const response = await request(cluster.ingressUrl, { headers: { host } })
        const text = await response.body.text()
        return response.statusCode === 200 ? text : undefined
      },
      { what: 'an answer through the Ingress', timeoutMs: 15_000 },
    )

    expect(JSON.parse(answer)).toMatchObject({ host })
    const ingress = await cluster.api.get({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }, 'echo', namespace)
    expect(ingress?.['spec']).toMatchObject({ ingressClassName: 'traefik' })
  })

  test('keeps what a pod wrote into a claim of the default class, over the loss of its node', async () => {
    await kubectl.run(['-n', namespace, 'exec', 'client', '--', 'node', '-e', "require('node:fs').writeFileSync('/data/kept','yes')"])

    await cluster.stopNode(1)
    expect(cluster.node(1).state).toBe('stopped')
    await cluster.startNode(1)
    await kubectl.run(['-n', namespace, 'delete', 'pod', 'client', '--grace-period=0', '--force'])
    await cluster.api.apply(restrictedPod({ namespace, name: 'client', image, ...client, node: 'node1', volume: true }))
    await kubectl.run(['-n', namespace, 'wait', '--for=condition=Ready', 'pod/client', '--timeout=60s'])

    expect(
      await kubectl.run(['-n', namespace, 'exec', 'client', '--', 'node', '-p', "require('node:fs').readFileSync('/data/kept','utf8')"]),
    ).toBe('yes\n')
  })

  test('loses a node that is cut off, and gets it back', async () => {
    const pods = await cluster.api.list({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector: 'app=echo' })
    const there = pods.find((pod) => (pod['spec'] as { nodeName: string }).nodeName === 'node2')
    const { podIP } = (there ?? expect.fail('no pod is on node2'))['status'] as { readonly podIP: string }

    cluster.cutNode(2)
    expect(cluster.node(2).state).toBe('cut')
    await expect(get(`http://${podIP}:8080/`)).rejects.toThrow()
    cluster.healNode(2)

    const answer = await waitFor(async () => await get(`http://${podIP}:8080/`), {
      what: 'an answer of the pod behind the cable',
      timeoutMs: 15_000,
    })
    expect(JSON.parse(answer)).toMatchObject({ node: 'node2' })
  })

  test('keeps pods over a restart of the kubelet', async () => {
    const restarts = async (): Promise<unknown> =>
      await kubectl.run(['-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}'])
    const containers = await restarts()
    const pid = cluster.node(3).kubelet.pid

    await cluster.restartKubelet(3)

    expect(cluster.node(3).kubelet.pid).not.toBe(pid)
    expect(await restarts()).toBe(containers)
  })

  test('starts a kubelet again that ends while it starts', async () => {
    const { kubelet } = cluster.node(3)
    const { pid } = kubelet
    const restarted = cluster.restartKubelet(3)
    await waitFor(() => kubelet.pid !== undefined && kubelet.pid !== pid, { what: 'a new kubelet', timeoutMs: 20_000, intervalMs: 10 })

    kubelet.signal('SIGKILL')
    await restarted

    expect(cluster.node(3).state).toBe('running')
  })

  test('is adopted by a second start, which starts again what has died', async () => {
    const traefik = cluster.component('traefik')
    const apiServer = cluster.component('kube-apiserver').pid
    signalProcess(recordOf(traefik.pid ?? 0) ?? expect.fail('traefik does not run'), 'SIGKILL')
    await waitFor(() => !traefik.running, { what: 'the end of Traefik', timeoutMs: 5000 })

    const again = await startCluster({ name: NAME, progress })
    onTestFinished(async () => await again.close())

    expect(notRunning(again)).toEqual([])
    expect(again.component('kube-apiserver').pid).toBe(apiServer)
    expect(await failure(startCluster({ name: NAME, nodes: 1 }))).toMatchObject({
      code: 'Busy',
      message: expect.stringContaining('it has 3 node(s), not 1') as string,
    })
  })

  test('goes without a trace, and names nothing that is not there', async () => {
    expect(Object.values(counts(traces())).every((count) => count > 0)).toBe(true)

    await stopCluster(NAME)

    expectNoTraces()
    expect(await failure(openCluster(NAME))).toMatchObject({ code: 'NotRunning' })
  })
})

describe('a harness that is killed', () => {
  test('while it starts a cluster, and the next one removes what it left', async () => {
    await stopCluster(NAME)
    const harness = spawn(process.execPath, [main, 'up', '--name', NAME], { stdio: 'ignore' })
    await waitFor(() => traces().processes.some((line) => line.includes('containerd.toml')), {
      what: 'containerd of the new cluster',
      timeoutMs: 30_000,
      intervalMs: 10,
    })

    harness.kill('SIGKILL')
    await once(harness, 'exit')
    expect(readRecord(NAME)?.phase).toBe('starting')
    expect(counts(traces())['processes']).toBeGreaterThan(0)

    const cluster = await startCluster({ name: NAME, progress })
    expect(notRunning(cluster)).toEqual([])
    await cluster.close()
    await stopCluster(NAME)
    expectNoTraces()
  })

  test('while tests use a cluster, and the next one removes it; another one that lives keeps it', async () => {
    const script = `
      import { startCluster } from ${JSON.stringify(join(import.meta.dirname, '../cluster/start-cluster.ts'))}
      await startCluster({ name: '${NAME}', owned: true, addons: [] })
      console.log('ready')
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(owner.stdout, 'data')
    expect(await failure(startCluster({ name: NAME, owned: true }))).toMatchObject({ code: 'Busy' })

    owner.kill('SIGKILL')
    await once(owner, 'exit')
    const next = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(next.stdout, 'data')
    next.kill('SIGTERM')
    await once(next, 'exit')

    expectNoTraces()
  })
})

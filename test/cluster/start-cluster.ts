import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureBinaries, kubernetesComponent } from './binaries.ts'
import { withLock } from './cache-lock.ts'
import { Cluster } from './cluster.ts'
import { checkClusterName, MAX_NODES } from './cluster-layout.ts'
import { clusterLock, STOP_SIGNALS } from './cluster-lock.ts'
import { type Addon, clusterNames, type ClusterRecord, createRecord, readRecord, writeRecord } from './cluster-record.ts'
import { type ClusterBinaries, ClusterRuntime } from './cluster-runtime.ts'
import { controlPlaneBinaries } from './control-plane.ts'
import { ClusterError } from './errors.ts'
import { checkPortIsFree, freePorts } from './free-ports.ts'
import { preflight } from './preflight.ts'
import { isRunning, recordOf } from './process-record.ts'
import { type Progress, silentProgress } from './progress.ts'
import { stateFolder } from './state-folder.ts'
import { destroyCluster, destroyClusterSync } from './teardown.ts'

/** Add-ons that a cluster has unless told otherwise. */
export const DEFAULT_ADDONS: readonly Addon[] = ['dns', 'storage', 'registry', 'ingress']

/** How a cluster is started. */
export interface StartClusterOptions {
  /** Clusters of different names know nothing of each other; default `notejam`, which is the person's own. */
  readonly name?: string
  /** 1 to 3, each in a zone of its own; default 1. */
  readonly nodes?: number
  readonly addons?: readonly Addon[]
  /** Port on 127.0.0.1 for the Ingress controller; default: 8080 for the cluster `notejam`, any free one for others. */
  readonly ingressPort?: number
  /** Removes a cluster of that name first, instead of adopting it. */
  readonly fresh?: boolean
  /** The cluster ends with this process, however that ends short of SIGKILL; what that leaves the next start removes. For tests. */
  readonly owned?: boolean
  readonly progress?: Progress
}

const PERSONS_CLUSTER = 'notejam'
const PERSONS_INGRESS_PORT = 8080
const REGISTRY_PORT = 5000

async function binariesFor(addons: readonly Addon[], progress: Progress): Promise<ClusterBinaries> {
  const paths = await ensureBinaries(['etcd', 'kubernetes', 'pause'], { progress })
  const programs = {
    dns: 'coredns',
    storage: 'local-path-provisioner',
    registry: 'registry',
    ingress: 'traefik',
    metrics: 'metrics-server',
  } as const
  const built: Partial<Record<Addon, string>> = {}
  for (const addon of addons) built[addon] = (await ensureBinaries([programs[addon]], { progress }))[programs[addon]]
  return {
    controlPlane: controlPlaneBinaries(paths),
    kubelet: kubernetesComponent(paths.kubernetes, 'kubelet'),
    kubeProxy: kubernetesComponent(paths.kubernetes, 'kube-proxy'),
    pause: paths.pause,
    addons: built,
  }
}

async function newRecord(name: string, options: StartClusterOptions): Promise<ClusterRecord> {
  const { nodes = 1, addons = DEFAULT_ADDONS, owned = false } = options
  const [etcdPort = 0, etcdPeerPort = 0, freePort = 0] = await freePorts(3)
  const ingressPort = options.ingressPort ?? (name === PERSONS_CLUSTER ? PERSONS_INGRESS_PORT : freePort)
  if (addons.includes('ingress'))
    await checkPortIsFree(ingressPort, '127.0.0.1', 'end what listens there, or choose another with --ingress-port')
  const owner = owned ? recordOf(process.pid) : undefined
  return await createRecord(
    async (slot) =>
      await Promise.resolve({
        name,
        slot,
        phase: 'starting' as const,
        nodes,
        addons,
        etcdPort,
        etcdPeerPort,
        ingressPort,
        registryPort: REGISTRY_PORT,
        created: new Date().toISOString(),
        ...(owner === undefined ? {} : { owner }),
      }),
    name,
  )
}

function checkOptions(options: StartClusterOptions): void {
  const { nodes = 1, ingressPort } = options
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    throw new ClusterError('Usage', `a cluster has 1 to ${MAX_NODES} nodes, not ${nodes}`)
  if (ingressPort !== undefined && (!Number.isInteger(ingressPort) || ingressPort < 1 || ingressPort > 65_535)) {
    throw new ClusterError('Usage', `${ingressPort} is no port: use 1 to 65535`)
  }
}

/** Whether what is asked for differs from what runs; the text says how. */
function difference(record: ClusterRecord, options: StartClusterOptions): string | undefined {
  const { nodes, addons, ingressPort } = options
  if (nodes !== undefined && nodes !== record.nodes) return `it has ${record.nodes} node(s), not ${nodes}`
  if (ingressPort !== undefined && ingressPort !== record.ingressPort)
    return `its Ingress controller listens on port ${record.ingressPort}, not ${ingressPort}`
  const missing = addons?.filter((addon) => !record.addons.includes(addon)) ?? []
  return missing.length === 0 ? undefined : `it runs without ${missing.join(', ')}`
}

/**
 * Brings up a cluster, and gives it when all of it is ready. One that runs is adopted: what has died of it is started again. What a run
 * left that did not come to its end is removed first.
 * @throws ClusterError `NotRoot`, `MissingPrerequisite`, `PortInUse`, `Usage`, `Busy` before anything was changed; `ComponentFailed` or
 * `Timeout` with the name of a log when it did not become ready
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<Cluster> {
  const { name = PERSONS_CLUSTER, progress = silentProgress } = options
  checkClusterName(name)
  checkOptions(options)
  await preflight(progress)
  const binaries = await binariesFor(options.addons ?? readRecord(name)?.addons ?? DEFAULT_ADDONS, progress)
  const waiting = (holder: string): void => progress.info(`waiting for process ${holder}, which changes cluster ${name}`)
  return await withLock(clusterLock(name), { onWait: waiting }, async () => {
    const record = (await adoptable(name, options, progress)) ?? (await newRecord(name, options))
    const runtime = new ClusterRuntime(record, binaries)
    if (record.phase === 'ready') {
      if (runtime.running) progress.info(`cluster ${name} runs already`)
      await runtime.up(progress)
    } else await bringUpNew(runtime, progress)
    return new Cluster(runtime, progress)
  })
}

/** A new cluster becomes ready or leaves nothing but its logs. */
async function bringUpNew(runtime: ClusterRuntime, progress: Progress): Promise<void> {
  const { record } = runtime
  const { name } = record
  const onSignal = (signal: NodeJS.Signals): void => {
    destroyClusterSync(name)
    process.removeListener(signal, onSignal)
    process.kill(process.pid, signal)
  }
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal)
  try {
    await runtime.up(progress)
    writeRecord({ ...record, phase: 'ready' })
  } catch (error) {
    await runtime.close()
    const [logs, kept] = [join(runtime.layout.folder, 'logs'), join(stateFolder(), 'failed', name)]
    rmSync(kept, { recursive: true, force: true })
    mkdirSync(dirname(kept), { recursive: true })
    if (existsSync(logs)) renameSync(logs, kept)
    await destroyCluster(name)
    if (!(error instanceof ClusterError)) throw error
    throw new ClusterError(error.code, error.message.replaceAll(logs, kept), {
      cause: error,
      ...(error.details === undefined ? {} : { details: error.details }),
    })
  } finally {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, onSignal)
  }
}

/** The record of a cluster that can be gone on with; removes what cannot. */
async function adoptable(name: string, options: StartClusterOptions, progress: Progress): Promise<ClusterRecord | undefined> {
  const record = readRecord(name)
  const left = clusterNames().includes(name)
  if (record?.owner !== undefined && record.owner.pid !== process.pid && isRunning(record.owner)) {
    throw new ClusterError('Busy', `cluster ${name} is used by process ${record.owner.pid}: wait for its end, or use another name`)
  }
  const usable = record?.phase === 'ready' && record.owner === undefined && options.owned !== true && options.fresh !== true
  if (usable) {
    const why = difference(record, options)
    if (why !== undefined)
      throw new ClusterError('Busy', `cluster ${name} runs, but ${why}: end it first with "down --name ${name}", or leave the option out`)
    return record
  }
  if (left) await progress.step(`${name}: remove what an earlier run left`, async () => await destroyCluster(name))
  return undefined
}

/**
 * Gives a cluster that runs.
 * @throws ClusterError `NotRunning` if there is none of that name
 */
export async function openCluster(name: string = PERSONS_CLUSTER, progress: Progress = silentProgress): Promise<Cluster> {
  checkClusterName(name)
  const record = readRecord(name)
  if (record === undefined || record.phase !== 'ready')
    throw new ClusterError('NotRunning', `there is no cluster ${name}: start it with "up --name ${name}"`)
  const { owner: _notOurs, ...rest } = record
  return new Cluster(new ClusterRuntime(rest, await binariesFor(record.addons, progress)), progress)
}

/** Ends a cluster and removes every trace of it; tells whether there was one. */
export async function stopCluster(name: string = PERSONS_CLUSTER): Promise<boolean> {
  checkClusterName(name)
  return await withLock(clusterLock(name), {}, async () => {
    const found = clusterNames().includes(name)
    await destroyCluster(name)
    return found
  })
}

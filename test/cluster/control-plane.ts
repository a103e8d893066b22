import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from './api-client.ts'
import { ensureBinaries, kubernetesComponent } from './binaries.ts'
import { SERVICE_CIDR } from './cluster-layout.ts'
import { ClusterPki } from './cluster-pki.ts'
import { Component } from './component.ts'
import { type ControlPlaneBinaries, type ControlPlaneLayout, controlPlaneComponents } from './control-plane-components.ts'
import { ClusterError } from './errors.ts'
import { compactEtcd, etcdHealthy } from './etcd.ts'
import { freePorts } from './free-ports.ts'
import { isRunning, type ProcessRecord, recordOf, signalProcess } from './process-record.ts'
import { type Progress, silentProgress } from './progress.ts'
import { stateFolder } from './state-folder.ts'

/** How a control plane is started. */
export interface ControlPlaneOptions {
  readonly progress?: Progress
  /** Names that appear in errors, in kubeconfig files and in the state folder; default `control-plane`. */
  readonly name?: string
}

/** A user for tests of permissions. */
export interface ClusterUser {
  /** The certificate's common name; `system:serviceaccount:<namespace>:<name>` plays a service account. */
  readonly name: string
  readonly groups?: readonly string[]
}

/** A port of the three may be taken between choosing and using it; then all is tried again. */
const ATTEMPTS = 3

/** How long a restarted API server may wait for its port, and how often it looks. */
const PORT_WAIT_MS = 60_000
const PORT_RETRY_MS = 500

/**
 * etcd, API server, controller manager and scheduler on loopback: a real API with nobody to run pods. Needs no root; any number can run
 * side by side. All programs end with the process that started them, also if that is killed.
 *
 * @example
 * await using controlPlane = await startControlPlane()
 * await controlPlane.api.list({ apiVersion: 'v1', kind: 'Namespace' })
 */
export class ControlPlane implements AsyncDisposable {
  readonly url: string
  /** Administrator's client. */
  readonly api: ApiClient
  readonly folder: string
  readonly #pki: ClusterPki
  readonly #components: ReadonlyMap<string, Component>
  readonly #etcdPort: number
  readonly #onExit = (): void => this.#killAll()
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#killAll()
    process.removeListener(signal, this.#onSignal)
    process.kill(process.pid, signal)
  }

  /** Use `startControlPlane`. */
  constructor(layout: ControlPlaneLayout, pki: ClusterPki, components: readonly Component[]) {
    this.folder = layout.folder
    this.url = `https://${layout.address}:${layout.apiPort}`
    this.#pki = pki
    this.#etcdPort = layout.etcdPort
    this.#components = new Map(components.map((component) => [component.name, component]))
    this.api = ApiClient.fromKubeconfig(pki.adminKubeconfig)
    process.once('exit', this.#onExit)
    process.once('SIGINT', this.#onSignal)
    process.once('SIGTERM', this.#onSignal)
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.#pki.adminKubeconfig
  }

  /** One of `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`: to freeze it (SIGSTOP) or to read its log. */
  component(name: string): Component {
    const component = this.#components.get(name)
    if (component === undefined)
      throw new ClusterError('NotFound', `a control plane has no component ${name}: it has ${[...this.#components.keys()].join(', ')}`)
    return component
  }

  /** Path of a new kubeconfig for a user that has no permissions but those that the test binds. */
  addUser(user: ClusterUser): string {
    return this.#pki.user(`user-${user.name.replaceAll(/[^\w.-]/g, '_')}`, user.name, user.groups)
  }

  /** Ends the API server, gently; connections are closed. */
  async stopApiServer(): Promise<void> {
    await this.component('kube-apiserver').stop()
  }

  /** Ends the API server at once, as a crash does. */
  async killApiServer(): Promise<void> {
    await this.component('kube-apiserver').kill()
  }

  /**
   * Starts the API server again on its port and waits until it is ready. While nobody listened there, a client that tried to connect may have been
   * given that very port to come from: then it is tried again until the port is free.
   */
  async startApiServer(): Promise<void> {
    const server = this.component('kube-apiserver')
    for (const since = performance.now(); ; await sleep(PORT_RETRY_MS)) {
      server.start()
      try {
        await server.ready(async () => await this.api.ready())
        return
      } catch (error) {
        if (!isAddressInUse(error) || performance.now() - since > PORT_WAIT_MS) throw error
      }
    }
  }

  /** Stops and starts the API server: what it remembered for watches is gone. */
  async restartApiServer(): Promise<void> {
    await this.killApiServer()
    await this.startApiServer()
  }

  /** Compacts etcd's history up to now; gives the revision. Restart the API server after it, and older revisions are answered with 410. */
  async compact(): Promise<number> {
    return await compactEtcd(this.#etcdPort)
  }

  /** Ends all programs and removes all files. */
  async stop(): Promise<void> {
    process.removeListener('exit', this.#onExit)
    process.removeListener('SIGINT', this.#onSignal)
    process.removeListener('SIGTERM', this.#onSignal)
    await this.api.close()
    // Nothing here is worth an orderly end.
    await Promise.all([...this.#components.values()].map(async (component) => await component.kill()))
    rmSync(this.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #killAll(): void {
    for (const component of this.#components.values()) component.signal('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/**
 * Starts a control plane and waits until its API server is ready: about three seconds.
 * @throws ClusterError `ComponentFailed` with the end of a log, `MissingPrerequisite` if the programs cannot be built
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { progress = silentProgress, name = 'control-plane' } = options
  const paths = await ensureBinaries(['etcd', 'kubernetes'], { progress })
  return await progress.step(`control plane ${name}: start`, async () => {
    removeAbandoned()
    for (let attempt = 1; ; attempt++) {
      try {
        return await start(name, paths)
      } catch (error) {
        if (!isAddressInUse(error) || attempt === ATTEMPTS) throw error
      }
    }
  })
}

/** Paths of a control plane's programs, given those of the two binaries that hold them. */
export function controlPlaneBinaries(paths: { readonly etcd: string; readonly kubernetes: string }): ControlPlaneBinaries {
  const component = (name: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'): string =>
    kubernetesComponent(paths.kubernetes, name)
  return {
    etcd: paths.etcd,
    'kube-apiserver': component('kube-apiserver'),
    'kube-controller-manager': component('kube-controller-manager'),
    'kube-scheduler': component('kube-scheduler'),
  }
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof ClusterError && /address already in use/.test(error.details ?? '')
}

const rootFolder = (): string => join(stateFolder(), 'control-planes')

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Removes what a killed run left. Its programs died with it by `setpriv`; the records are for a system where that is not so.
 */
function removeAbandoned(): void {
  const root = rootFolder()
  if (!existsSync(root)) return
  for (const entry of readdirSync(root)) {
    const folder = join(root, entry)
    const owner = readJson(join(folder, 'owner.json')) as ProcessRecord | undefined
    // A folder without an owner is being made this moment, or was left by a run that was killed while it did so: it has no processes.
    if (owner === undefined || isRunning(owner)) continue
    const processes = join(folder, 'processes')
    for (const file of existsSync(processes) ? readdirSync(processes) : []) {
      const record = readJson(join(processes, file)) as ProcessRecord | undefined
      if (record !== undefined) signalProcess(record, 'SIGKILL')
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

async function start(name: string, paths: { readonly etcd: string; readonly kubernetes: string }): Promise<ControlPlane> {
  const folder = join(rootFolder(), `${name}-${process.pid}-${Date.now().toString(36)}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(recordOf(process.pid)))
  const [apiPort = 0, etcdPort = 0, etcdPeerPort = 0] = await freePorts(3)
  const pki = ClusterPki.open({ folder, cluster: name, server: `https://127.0.0.1:${apiPort}`, serverNames: [] })
  const layout: ControlPlaneLayout = {
    folder,
    binaries: controlPlaneBinaries(paths),
    address: '127.0.0.1',
    apiPort,
    etcdPort,
    etcdPeerPort,
    serviceCidr: SERVICE_CIDR,
    nodes: false,
  }
  const components = controlPlaneComponents(layout).map((spec) => new Component(folder, spec, 'tied'))
  const controlPlane = new ControlPlane(layout, pki, components)
  try {
    controlPlane.component('etcd').start()
    controlPlane.component('kube-apiserver').start()
    await controlPlane.component('etcd').ready(async () => await etcdHealthy(etcdPort))
    await controlPlane.component('kube-apiserver').ready(async () => await controlPlane.api.ready())
    controlPlane.component('kube-controller-manager').start()
    controlPlane.component('kube-scheduler').start()
    return controlPlane
  } catch (error) {
    await controlPlane.stop()
    throw error
  }
}

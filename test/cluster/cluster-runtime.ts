import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AddonContext, AddonPlan } from './addons/addon.ts'
import { dnsAddon } from './addons/dns.ts'
import { ingressAddon } from './addons/ingress.ts'
import { metricsAddon } from './addons/metrics.ts'
import { registryAddon } from './addons/registry.ts'
import { storageAddon } from './addons/storage.ts'
import { ApiClient, type KubeObject } from './api-client.ts'
import { createCgroup, trackingFolder } from './cgroups.ts'
import { type ClusterLayout, clusterLayout, REGISTRY_HOST, SERVICE_CIDR } from './cluster-layout.ts'
import { ClusterNode } from './cluster-node.ts'
import { ClusterPki } from './cluster-pki.ts'
import type { Addon, ClusterRecord } from './cluster-record.ts'
import { Component } from './component.ts'
import { type ControlPlaneBinaries, controlPlaneComponents } from './control-plane-components.ts'
import { etcdHealthy } from './etcd.ts'
import { ensureNetwork } from './network.ts'
import type { Progress } from './progress.ts'
import { registryHostsToml } from './registry.ts'
import { writeSandboxImage } from './sandbox-image.ts'
import { SANDBOX_IMAGE } from './node-config.ts'
import { waitFor } from './wait-for.ts'

/** Paths of all programs that a cluster may need; those of add-ons only if it has them. */
export interface ClusterBinaries {
  readonly controlPlane: ControlPlaneBinaries
  readonly kubelet: string
  readonly kubeProxy: string
  readonly pause: string
  readonly addons: Readonly<Partial<Record<Addon, string>>>
}

const API_PORT = 6443
/** Lets a slow or busy machine take its time: a ready cluster takes about ten seconds. */
const READY_MS = 120_000
const MOST_RESTARTS = 3

interface Node extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/**
 * Starts a program again that has ended, as an init system does: a kubelet ends when containerd is slow to answer it.
 * @returns what looks after it; throws ClusterError `ComponentFailed` when it has ended too often
 */
function keptRunning(component: Component): () => void {
  let restarts = 0
  return () => {
    if (!component.running && restarts < MOST_RESTARTS) {
      restarts += 1
      component.start()
    }
    component.checkAlive()
  }
}

/** The programs of one cluster, and the steps that bring each of them up; every step may be repeated. */
export class ClusterRuntime {
  readonly record: ClusterRecord
  readonly layout: ClusterLayout
  readonly pki: ClusterPki
  readonly nodes: readonly ClusterNode[]
  readonly controlPlane: readonly Component[]
  readonly #binaries: ClusterBinaries
  readonly #sandboxImage: string
  readonly #addons: readonly { readonly plan: AddonPlan; readonly component: Component }[]
  #api: ApiClient | undefined

  constructor(record: ClusterRecord, binaries: ClusterBinaries) {
    this.record = record
    this.#binaries = binaries
    this.layout = clusterLayout(record.name, record.slot, record.nodes)
    const { folder, gateway } = this.layout
    this.#sandboxImage = join(folder, 'sandbox-image.tar')
    this.pki = ClusterPki.open({ folder, cluster: record.name, server: `https://${gateway}:${API_PORT}`, serverNames: [gateway] })
    const cgroupProcs = join(trackingFolder(this.layout.systemCgroup), 'cgroup.procs')
    this.controlPlane = controlPlaneComponents({
      folder,
      binaries: binaries.controlPlane,
      address: gateway,
      apiPort: API_PORT,
      etcdPort: record.etcdPort,
      etcdPeerPort: record.etcdPeerPort,
      serviceCidr: SERVICE_CIDR,
      nodes: true,
      cgroupProcs,
    }).map((spec) => new Component(folder, spec, 'detached'))
    this.nodes = this.layout.nodes.map(
      (node) =>
        new ClusterNode({
          layout: this.layout,
          node,
          pki: this.pki,
          kubelet: binaries.kubelet,
          kubeProxy: binaries.kubeProxy,
          sandboxImage: this.#sandboxImage,
        }),
    )
    this.#addons = this.#plans().map((plan) => ({ plan, component: new Component(folder, { ...plan.component, cgroupProcs }, 'detached') }))
  }

  /** Administrator's client. */
  get api(): ApiClient {
    this.#api ??= ApiClient.fromKubeconfig(this.pki.adminKubeconfig)
    return this.#api
  }

  /** Every program of the cluster. */
  get components(): readonly Component[] {
    return [...this.controlPlane, ...this.#addons.map(({ component }) => component), ...this.nodes.flatMap((node) => node.components)]
  }

  get running(): boolean {
    return this.components.every((component) => component.running)
  }

  /** Starts what does not run, in order, and waits until the whole is ready. */
  async up(progress: Progress): Promise<void> {
    const { name } = this.record
    await progress.step(`${name}: network of ${this.nodes.length} node(s), cgroups`, async () => {
      await Promise.resolve()
      createCgroup(this.layout.systemCgroup)
      ensureNetwork(this.layout)
      this.#writeRegistryHosts()
    })
    await progress.step(`${name}: etcd, API server, containerd`, async () => {
      await writeSandboxImage(this.#binaries.pause, SANDBOX_IMAGE, this.#sandboxImage)
      await Promise.all([this.#startControlPlane(), ...this.nodes.map(async (node) => await node.prepare())])
    })
    await progress.step(`${name}: kubelets, add-ons (${this.record.addons.join(', ')})`, async () => {
      for (const node of this.nodes) node.start()
      await Promise.all([this.#startAddons(), this.nodesReady()])
    })
  }

  /** Waits until every node that runs says that it is ready. */
  async nodesReady(nodes: readonly ClusterNode[] = this.nodes): Promise<void> {
    const ready = ({ status }: Node): boolean =>
      status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
    const kept = nodes.flatMap(({ kubelet, kubeProxy }) => [keptRunning(kubelet), keptRunning(kubeProxy)])
    const probe = async (): Promise<boolean> => {
      for (const { containerd } of nodes) containerd.checkAlive()
      for (const keep of kept) keep()
      const found = await this.api.list<Node>({ apiVersion: 'v1', kind: 'Node' })
      return nodes.every(({ layout }) => found.some((node) => node.metadata.name === layout.name && ready(node)))
    }
    await waitFor(probe, { what: 'all nodes becoming Ready', timeoutMs: READY_MS, intervalMs: 100 })
  }

  /** Restarts the kubelet of a node and waits until the API server reaches it. */
  async restartKubelet(node: ClusterNode): Promise<void> {
    await node.restartKubelet()
    const keep = keptRunning(node.kubelet)
    const probe = async (): Promise<boolean> => {
      keep()
      return (await this.api.call('GET', `/api/v1/nodes/${node.layout.name}/proxy/healthz`)).status === 200
    }
    await waitFor(probe, { what: `the kubelet of ${node.layout.name} answering (log: ${node.kubelet.logPath})`, timeoutMs: READY_MS })
  }

  /** Closes connections. */
  async close(): Promise<void> {
    await this.#api?.close()
    this.#api = undefined
  }

  async #startControlPlane(): Promise<void> {
    const [etcd, apiServer, ...others] = this.controlPlane
    etcd?.start()
    apiServer?.start()
    await etcd?.ready(async () => await etcdHealthy(this.record.etcdPort))
    await apiServer?.ready(async () => await this.api.ready())
    for (const component of others) component.start()
  }

  async #startAddons(): Promise<void> {
    await Promise.all(
      this.#addons.map(async ({ plan, component }) => {
        for (const object of plan.objects) await this.api.apply(object, 'notejam-cluster')
        component.start()
        await component.ready(plan.ready, READY_MS)
      }),
    )
  }

  #plans(): readonly AddonPlan[] {
    return this.record.addons.map((addon) => {
      const binary = this.#binaries.addons[addon] ?? ''
      const context: AddonContext = {
        layout: this.layout,
        user: (user) => this.#user(user),
        pki: (file) => this.pki.path(file),
        file: (file, text) => this.#write(join(this.layout.folder, 'addons', addon, file), text),
      }
      switch (addon) {
        case 'dns':
          return dnsAddon(context, binary)
        case 'storage':
          return storageAddon(context, binary)
        case 'ingress':
          return ingressAddon(context, binary, this.record.ingressPort)
        case 'metrics':
          return metricsAddon(context, binary, async () => (await this.api.call('GET', '/apis/metrics.k8s.io/v1beta1')).status === 200)
        case 'registry':
          return registryAddon(context, binary, this.record.registryPort)
      }
    })
  }

  #user(name: string): string {
    const file = name.replaceAll(':', '-')
    const path = this.pki.path(`${file}.conf`)
    return existsSync(path) ? path : this.pki.user(file, name)
  }

  /** Tells containerd that the registry's name is the host's address, without TLS. */
  #writeRegistryHosts(): void {
    const address = `${this.layout.gateway}:${this.record.registryPort}`
    this.#write(join(this.layout.folder, 'certs.d', REGISTRY_HOST, 'hosts.toml'), registryHostsToml(address))
  }

  #write(path: string, text: string): string {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
}

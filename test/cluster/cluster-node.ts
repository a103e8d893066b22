import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createPodCgroup, createCgroup, processesIn, trackingFolder } from './cgroups.ts'
import type { ClusterLayout, NodeLayout } from './cluster-layout.ts'
import type { ClusterPki } from './cluster-pki.ts'
import { runCommand } from './command.ts'
import { Component } from './component.ts'
import { removePods } from './cri.ts'
import { ClusterError, messageOf } from './errors.ts'
import { cableIsUp, setCable } from './network.ts'
import { containerdSocket, nodeConfigFiles } from './node-config.ts'
import { waitFor } from './wait-for.ts'

/** What a node is made of. */
export interface ClusterNodeOptions {
  readonly layout: ClusterLayout
  readonly node: NodeLayout
  readonly pki: ClusterPki
  readonly kubelet: string
  readonly kubeProxy: string
  /** Archive of the sandbox image. */
  readonly sandboxImage: string
}

/** Places of the CNI programs: Debian's, and the upstream one that most others use. */
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni']

/** How long a process group gets to vanish after SIGKILL. */
const KILL_MS = 10_000

/** A node: containerd, kubelet and kube-proxy in a network namespace and in cgroups of their own. */
export class ClusterNode {
  readonly layout: NodeLayout
  readonly containerd: Component
  readonly kubelet: Component
  readonly kubeProxy: Component
  readonly #options: ClusterNodeOptions

  constructor(options: ClusterNodeOptions) {
    const { layout, node, pki } = options
    this.#options = options
    this.layout = node
    const common = { networkNamespace: node.namespacePath, cgroupProcs: join(trackingFolder(node.systemCgroup), 'cgroup.procs') }
    const component = (name: string, command: readonly [string, ...string[]]): Component =>
      new Component(layout.folder, { ...common, name: `${name}-${node.name}`, command, env: { GOMAXPROCS: '2' } }, 'detached')

    this.containerd = component('containerd', ['containerd', '--config', join(node.folder, 'containerd.toml'), '--log-level', 'warn'])
    this.kubelet = component('kubelet', [
      options.kubelet,
      `--config=${join(node.folder, 'kubelet.yaml')}`,
      `--kubeconfig=${pki.path(`kubelet${node.number}.conf`)}`,
      `--root-dir=${join(node.folder, 'kubelet')}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
      `--node-labels=topology.kubernetes.io/zone=${node.zone},topology.kubernetes.io/region=local`,
    ])
    this.kubeProxy = component('kube-proxy', [options.kubeProxy, `--config=${join(node.folder, 'kube-proxy.yaml')}`])
  }

  get components(): readonly Component[] {
    return [this.containerd, this.kubelet, this.kubeProxy]
  }

  get running(): boolean {
    return this.components.every((component) => component.running)
  }

  /** `cut` is a node that runs but is not reached. */
  get state(): 'running' | 'cut' | 'stopped' | 'partly running' {
    if (this.components.every((component) => !component.running)) return 'stopped'
    if (!cableIsUp(this.layout)) return 'cut'
    return this.running ? 'running' : 'partly running'
  }

  /** Writes configuration and certificates, and starts containerd with the sandbox image in it. Needs no API server. */
  async prepare(): Promise<void> {
    const { layout, node, pki, sandboxImage } = this.#options
    const cniBinaries = CNI_FOLDERS.find((folder) => existsSync(join(folder, 'ptp')))
    if (cniBinaries === undefined)
      throw new ClusterError(
        'MissingPrerequisite',
        `the CNI programs are in none of ${CNI_FOLDERS.join(', ')}: install containernetworking-plugins`,
      )
    createCgroup(node.systemCgroup)
    createPodCgroup(node.podCgroup)
    mkdirSync(node.runFolder, { recursive: true })
    for (const { path, text } of nodeConfigFiles({ layout, node, cniBinaries, pki: (file) => pki.path(file) })) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    for (const folder of ['pod-logs', 'kubelet']) mkdirSync(join(node.folder, folder), { recursive: true })
    if (!existsSync(pki.path(`kubelet${node.number}.conf`))) this.#issueCertificate()

    if (this.containerd.start()) {
      const socket = containerdSocket(node)
      await this.containerd.ready(async () => (await runCommand('ctr', ['--address', socket, 'version'])) !== '')
      await runCommand('ctr', ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', sandboxImage])
    }
  }

  /** Starts kubelet and kube-proxy; needs the API server, or they wait for it in steps of seconds. */
  start(): void {
    this.kubelet.start()
    this.kubeProxy.start()
  }

  /** Loses the node as by a power cut: its programs and the processes of its pods end at once. Volumes and images stay. */
  async powerOff(): Promise<void> {
    const { node } = this.#options
    await waitFor(
      () => {
        const pids = [...processesIn(node.systemCgroup), ...processesIn(node.podCgroup)]
        for (const pid of pids) killQuietly(pid)
        return pids.length === 0
      },
      { what: `the end of all processes of ${node.name}`, timeoutMs: KILL_MS, intervalMs: 20 },
    )
    for (const component of this.components) await component.kill()
  }

  /** Brings a node back that was powered off: containerd finds its pods dead, and the kubelet makes them again. */
  async powerOn(): Promise<void> {
    await this.prepare()
    this.start()
  }

  /** Ends the kubelet gently and starts it again; pods go on. */
  async restartKubelet(): Promise<void> {
    await this.kubelet.stop()
    this.kubelet.start()
  }

  /** Nothing reaches the node any more, while its pods go on. */
  cut(): void {
    setCable(this.layout, 'down')
  }

  /** Puts the cable back. */
  heal(): void {
    setCable(this.layout, 'up')
  }

  /** Stops the kubelet, then removes all pods in order; what does not work is left to who ends the processes. */
  async drain(): Promise<void> {
    await this.kubelet.kill()
    if (!this.containerd.running) return
    await removePods(containerdSocket(this.layout)).catch((error: unknown) => messageOf(error))
  }

  #issueCertificate(): void {
    const { node, pki } = this.#options
    const user = `system:node:${node.name}`
    const pair = pki.issue(`kubelet${node.number}`, {
      commonName: user,
      organizations: ['system:nodes'],
      usages: ['client', 'server'],
      names: [node.name, node.address],
    })
    pki.kubeconfigFor(`kubelet${node.number}`, user, pair)
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself between looking and killing.
  }
}

import type { ApiClient } from './api-client.ts'
import { withLock } from './cache-lock.ts'
import { REGISTRY_HOST } from './cluster-layout.ts'
import { clusterLock, STOP_SIGNALS } from './cluster-lock.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { ClusterRuntime } from './cluster-runtime.ts'
import type { Component } from './component.ts'
import { ClusterError } from './errors.ts'
import { publishLocalImage } from './images.ts'
import type { Progress } from './progress.ts'
import type { Registry } from './registry.ts'
import { destroyCluster, destroyClusterSync } from './teardown.ts'

/** One line of `Cluster.status`. */
export interface ComponentStatus {
  readonly name: string
  readonly pid: number | undefined
}

/**
 * A running cluster.
 *
 * @example
 * await using cluster = await startCluster({ name: 'test', nodes: 3, owned: true, fresh: true })
 * await cluster.cutNode(2)
 */
export class Cluster implements AsyncDisposable {
  readonly #runtime: ClusterRuntime
  readonly #progress: Progress
  readonly #onExit = (): void => destroyClusterSync(this.name)
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#forgetSignals()
    destroyClusterSync(this.name)
    process.kill(process.pid, signal)
  }

  /** Use `startCluster` or `openCluster`. */
  constructor(runtime: ClusterRuntime, progress: Progress) {
    this.#runtime = runtime
    this.#progress = progress
    if (runtime.record.owner === undefined) return
    process.once('exit', this.#onExit)
    for (const signal of STOP_SIGNALS) process.once(signal, this.#onSignal)
  }

  get name(): string {
    return this.#runtime.record.name
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.#runtime.pki.adminKubeconfig
  }

  /** Administrator's client. */
  get api(): ApiClient {
    return this.#runtime.api
  }

  /** State folder, with a log of each program under `logs/`. */
  get folder(): string {
    return this.#runtime.layout.folder
  }

  /** Where the Ingress controller answers; pages of all hosts are told apart by the Host header. */
  get ingressUrl(): string {
    return `http://127.0.0.1:${this.#runtime.record.ingressPort}`
  }

  /** The registry: its address for this machine, and the name by which nodes pull from it. */
  get registry(): Registry {
    return { address: `${this.#runtime.layout.gateway}:${this.#runtime.record.registryPort}`, host: REGISTRY_HOST }
  }

  /** Address of this machine as pods reach it: for servers that a test runs beside the cluster. */
  get hostAddress(): string {
    return this.#runtime.layout.gateway
  }

  get record(): ClusterRecord {
    return this.#runtime.record
  }

  get nodes(): readonly ClusterNode[] {
    return this.#runtime.nodes
  }

  /** Whether every program runs. */
  get running(): boolean {
    return this.#runtime.running
  }

  /** All programs with their process ids. */
  get components(): readonly ComponentStatus[] {
    return this.#runtime.components.map(({ name, pid }) => ({ name, pid }))
  }

  /** A program by name, such as `kube-apiserver`, `traefik` or `kubelet-node2`. */
  component(name: string): Component {
    const found = this.#runtime.components.find((component) => component.name === name)
    if (found !== undefined) return found
    throw new ClusterError(
      'NotFound',
      `cluster ${this.name} has no component "${name}": it has ${this.components.map((component) => component.name).join(', ')}`,
    )
  }

  /** Node by its number, from 1. */
  node(number: number): ClusterNode {
    const node = this.nodes[number - 1]
    if (node !== undefined) return node
    throw new ClusterError(
      'Usage',
      `cluster ${this.name} has no node ${number}: its nodes are ${this.nodes.map(({ layout }) => layout.number).join(', ')}`,
    )
  }

  /**
   * Pushes an image that the Docker engine has into the registry and gives the name for pods, `host/name@sha256:…`.
   * @throws ClusterError `CommandFailed` if the engine has no such image
   */
  async load(image: string): Promise<string> {
    return (await publishLocalImage(image, this.registry, { progress: this.#progress })).reference
  }

  /** Loses a node as by a power cut. Kubernetes takes 50 s to notice. */
  async stopNode(number: number): Promise<void> {
    await this.node(number).powerOff()
  }

  /** Starts a node that was stopped. */
  async startNode(number: number): Promise<void> {
    await this.node(number).powerOn()
  }

  /** Cuts a node off the network, while its pods go on. */
  cutNode(number: number): void {
    this.node(number).cut()
  }

  /** Ends what `cutNode` did. */
  healNode(number: number): void {
    this.node(number).heal()
  }

  /** Restarts the kubelet of a node; pods go on. */
  async restartKubelet(number: number): Promise<void> {
    await this.#runtime.restartKubelet(this.node(number))
  }

  /** Waits until a node is Ready, as after `startNode`. */
  async nodeReady(number: number): Promise<void> {
    await this.#runtime.nodesReady([this.node(number)])
  }

  /** Waits until all nodes are Ready, as after `startNode` and `healNode`. */
  async nodesReady(): Promise<void> {
    await this.#runtime.nodesReady()
  }

  /** Ends the cluster and removes every trace of it. */
  async stop(): Promise<void> {
    this.#forgetSignals()
    await this.#runtime.close()
    await withLock(clusterLock(this.name), {}, async () => await destroyCluster(this.name))
  }

  /** Closes connections; the cluster goes on. */
  async close(): Promise<void> {
    await this.#runtime.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.record.owner === undefined) await this.close()
    else await this.stop()
  }

  #forgetSignals(): void {
    process.removeListener('exit', this.#onExit)
    for (const signal of STOP_SIGNALS) process.removeListener(signal, this.#onSignal)
  }
}

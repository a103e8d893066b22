// oxlint-disable typescript/no-unnecessary-type-parameters -- raw JSON of the API: the caller says which kind it expects
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { parse } from 'yaml'
import type { KubeObject, TypeOf } from '../../cluster/api-client.ts'
import { waitFor } from '../../cluster/wait-for.ts'

/** What a watch tells. */
export interface Seen<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: T
  /** Milliseconds of `performance.now()` when the event was read. */
  readonly at: number
}

type Listener = (seen: Seen) => void

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }]
  readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }]
}

/** Milliseconds before a watch that broke is opened again. */
const pauseMs = 200

/**
 * Watches of the measurement's own, independent of the operator's engine: a fault of that one cannot hide itself. One list and one watch per
 * collection, however many listen.
 */
export class Observer implements AsyncDisposable {
  readonly #agent: Agent
  readonly #url: string
  readonly #stop = new AbortController()
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly #running: Promise<void>[] = []

  constructor(kubeconfig: string) {
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
    const pem = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString()
    const { cluster } = clusters[0]
    const { user } = users[0]
    this.#url = cluster['server'] ?? ''
    this.#agent = new Agent({
      connect: {
        ca: pem(cluster['certificate-authority-data']),
        cert: pem(user['client-certificate-data']),
        key: pem(user['client-key-data']),
      },
      bodyTimeout: 0,
    })
  }

  /** Begins to watch a collection of all namespaces, such as `/apis/apps/v1/deployments`; resolves when its list is there. */
  async watch(path: string, type: TypeOf): Promise<void> {
    if (this.#objects.has(path)) return
    const objects = new Map<string, KubeObject>()
    this.#objects.set(path, objects)
    // A kind that was defined a moment ago is not served by every part of the server yet.
    const version = await waitFor(async () => await this.#list(path, type, objects), { what: `list of ${path}`, timeoutMs: 10_000 })
    this.#running.push(this.#follow(path, type, objects, version))
  }

  /**
   * Calls `listener` for every event of a collection from now on.
   *
   * @returns ends that
   */
  on(path: string, listener: (seen: Seen) => void): () => void {
    const listeners = this.#listeners.get(path) ?? new Set()
    this.#listeners.set(path, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** What is there of a collection now, in one namespace or all. */
  objects<T extends KubeObject>(path: string, namespace?: string): readonly T[] {
    const all = [...(this.#objects.get(path)?.values() ?? [])] as T[]
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace)
  }

  /** One object, as it was seen last. */
  find<T extends KubeObject>(path: string, namespace: string, name: string): T | undefined {
    return this.#objects.get(path)?.get(`${namespace}/${name}`) as T | undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#agent.destroy()
    await Promise.all(this.#running)
  }

  async #list(path: string, type: TypeOf, objects: Map<string, KubeObject>): Promise<string> {
    const { body, statusCode } = await request(`${this.#url}${path}`, { dispatcher: this.#agent, signal: this.#stop.signal })
    if (statusCode !== 200) throw new Error(`list of ${path}: ${statusCode} ${await body.text()}`)
    const { items, metadata } = (await body.json()) as { items: KubeObject[] | null; metadata: { resourceVersion: string } }
    const before = new Map(objects)
    for (const item of items ?? []) {
      const object = Object.assign(item, type)
      const known = before.get(keyOf(object))
      before.delete(keyOf(object))
      if (known?.metadata.resourceVersion !== object.metadata.resourceVersion)
        this.#tell(path, objects, known === undefined ? 'ADDED' : 'MODIFIED', object)
    }
    for (const object of before.values()) this.#tell(path, objects, 'DELETED', object)
    return metadata.resourceVersion
  }

  async #follow(path: string, type: TypeOf, objects: Map<string, KubeObject>, from: string): Promise<void> {
    let version = from
    while (!this.#stop.signal.aborted) {
      try {
        version = await this.#stream(path, objects, version)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        await sleep(pauseMs)
        if (error instanceof Expired) version = await this.#list(path, type, objects).catch(() => version)
      }
    }
  }

  async #stream(path: string, objects: Map<string, KubeObject>, from: string): Promise<string> {
    const query = new URLSearchParams({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: from, timeoutSeconds: '3000' })
    const { body, statusCode } = await request(`${this.#url}${path}?${query.toString()}`, {
      dispatcher: this.#agent,
      signal: this.#stop.signal,
    })
    if (statusCode === 410) throw new Expired()
    if (statusCode !== 200) throw new Error(`watch of ${path}: ${statusCode} ${await body.text()}`)
    let version = from
    for await (const line of createInterface({ input: body })) {
      const event = JSON.parse(line) as { type: Seen['type'] | 'BOOKMARK' | 'ERROR'; object: KubeObject }
      if (event.type === 'ERROR') throw new Expired()
      version = event.object.metadata.resourceVersion ?? version
      if (event.type !== 'BOOKMARK') this.#tell(path, objects, event.type, event.object)
    }
    return version
  }

  #tell(path: string, objects: Map<string, KubeObject>, type: Seen['type'], object: KubeObject): void {
    if (type === 'DELETED') objects.delete(keyOf(object))
    else objects.set(keyOf(object), object)
    const seen: Seen = { type, object, at: performance.now() }
    for (const listener of this.#listeners.get(path) ?? []) listener(seen)
  }
}

/** The version that a watch wanted to go on from is too old. */
class Expired extends Error {}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

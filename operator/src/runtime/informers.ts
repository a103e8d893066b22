// oxlint-disable typescript/no-unnecessary-type-parameters -- raw JSON of the API: the caller says which kind it expects, as with the client's calls
import { isForbidden, isNotFound } from '../kube/errors.ts'
import { namespaceIndex } from '../kube/memory-store.ts'
import { controllerOf, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Reflector } from '../kube/reflector.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import type { IndexFunction, Store, StoreHandler } from '../kube/store.ts'
import type { CacheReader } from './cache.ts'
import { sleep, type Clock } from './clock.ts'
import { SyncTimeout } from './errors.ts'
import type { Logger } from './log.ts'
import type { RuntimeMetrics } from './metrics.ts'
import type { Observed } from './own-writes.ts'
import { namespacesOf, type Scope } from './scope.ts'
import { untilServed } from './until-served.ts'

/** One collection to keep a cache of. */
export interface ReflectRequest {
  readonly resource: Resource
  /** Empty: all namespaces, or a cluster-scoped resource. */
  readonly namespace: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly metadataOnly?: boolean
  readonly indexes: Readonly<Record<string, IndexFunction<KubeObject>>>
}

/** Makes a reflector that was not started. */
export type Reflect = (request: ReflectRequest) => Reflector

/** A resource to watch, as controllers declare it. */
export interface InformerDeclaration {
  readonly resource: Resource
  readonly labelSelector?: string
  readonly metadataOnly?: boolean
  readonly indexes?: Readonly<Record<string, IndexFunction<KubeObject>>>
  readonly optional?: boolean
}

/** What the caches are built from. */
export interface InformersOptions {
  readonly reflect: Reflect
  readonly scope: Scope
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: RuntimeMetrics
  /** Whether the API serves an optional resource now. */
  readonly isServed: (resource: Resource, signal: AbortSignal) => Promise<boolean>
}

interface Informer {
  readonly resource: Resource
  readonly labelSelector: string | undefined
  readonly metadataOnly: boolean
  optional: boolean
  readonly indexes: Record<string, IndexFunction<KubeObject>>
  readonly handlers: StoreHandler<KubeObject>[]
  /** By namespace; the only one under the empty string where all are watched together. */
  readonly reflectors: Map<string, Reflector>
}

/** A namespace of the scope that may not be read. */
export interface DeniedNamespace {
  readonly resource: string
  readonly namespace: string
}

/** Name of the index that is always there: UID of the controlling owner. */
const controllerIndex = 'runtime/controller'

/** One watch per resource and namespace for the whole process, shared by all controllers, and the view over them. */
export class Informers implements CacheReader, Observed {
  readonly #options: InformersOptions
  readonly #informers = new Map<string, Informer>()
  readonly #denied = new Map<string, DeniedNamespace>()
  #running: Promise<unknown>[] = []
  #started = false

  constructor(options: InformersOptions) {
    this.#options = options
  }

  /**
   * Asks for a resource to be watched. Several may ask for the same, with the same selection.
   *
   * @throws RangeError when the selections differ, or after {@link start}
   */
  declare({ resource, labelSelector, metadataOnly = false, indexes = {}, optional = false }: InformerDeclaration): void {
    if (this.#started) throw new RangeError(`Watches on ${resourceName(resource)} have to be declared before the start.`)
    const known = this.#informers.get(resourceName(resource))
    if (known === undefined) {
      const own: Informer['indexes'] = { [controllerIndex]: (object) => [controllerOf(object)?.uid ?? []].flat(), ...indexes }
      this.#informers.set(resourceName(resource), {
        resource,
        labelSelector,
        metadataOnly,
        optional,
        indexes: own,
        handlers: [],
        reflectors: new Map(),
      })
      return
    }
    if (known.labelSelector !== labelSelector || known.metadataOnly !== metadataOnly)
      throw new RangeError(`Two sources select ${resourceName(resource)} differently; they share one watch and have to agree.`)
    known.optional &&= optional
    Object.assign(known.indexes, indexes)
  }

  /** Tells every change of a declared resource. */
  subscribe(resource: Resource, handler: StoreHandler<KubeObject>): void {
    this.#informer(resource).handlers.push(handler)
  }

  /** Starts all watches. Resolves when all of them are closed, after the signal was aborted. */
  async start(signal: AbortSignal): Promise<void> {
    this.#started = true
    this.#running = [...this.#informers.values()].map((informer) => this.#run(informer, signal))
    await Promise.all(this.#running)
  }

  /** What is not filled yet, each with its last error: what `/readyz` and {@link SyncTimeout} name. */
  missing(): readonly string[] {
    return [...this.#informers.values()].flatMap((informer) => {
      if (informer.reflectors.size === 0) return informer.optional ? [] : [resourceName(informer.resource)]
      return [...informer.reflectors]
        .filter(([namespace, reflector]) => !this.#settled(informer, namespace, reflector))
        .map(([namespace, { status }]) => {
          const where = namespace === '' ? '' : ` in ${namespace}`
          return `${resourceName(informer.resource)}${where}${status.lastError === undefined ? '' : ` (${status.lastError.message})`}`
        })
    })
  }

  /**
   * Waits until every cache was filled and its handlers were told.
   *
   * @throws SyncTimeout after `seconds`
   */
  async whenSynced(seconds: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const end = clock.monotonic() + seconds * 1000
    // A look every 20 ms: a start is one time, and what it waits for has many forms (filled, denied, not served).
    while (this.missing().length > 0) {
      if (clock.monotonic() >= end) throw new SyncTimeout(seconds, this.missing())
      await sleep(clock, 20, signal)
    }
  }

  /** Namespaces of the scope that may not be read, each once per resource. */
  get denied(): readonly DeniedNamespace[] {
    return [...this.#denied.values()]
  }

  get<T extends KubeObject = KubeObject>(resource: Resource, key: ObjectKey): T | undefined {
    return this.#store(this.#informer(resource), key.namespace)?.get(key) as T | undefined
  }

  list<T extends KubeObject = KubeObject>(resource: Resource, namespace?: string): readonly T[] {
    const informer = this.#informer(resource)
    if (namespace === undefined) return this.#stores(informer).flatMap((store) => store.list()) as unknown as readonly T[]
    return (this.#store(informer, namespace)?.byIndex(namespaceIndex, namespace) ?? []) as unknown as readonly T[]
  }

  controlledBy<T extends KubeObject = KubeObject>(resource: Resource, uid: string): readonly T[] {
    return this.byIndex(resource, controllerIndex, uid)
  }

  byIndex<T extends KubeObject = KubeObject>(resource: Resource, index: string, value: string): readonly T[] {
    return this.#stores(this.#informer(resource)).flatMap((store) => store.byIndex(index, value)) as unknown as readonly T[]
  }

  has(resource: Resource): boolean {
    const reflectors = this.#informers.get(resourceName(resource))?.reflectors
    return reflectors !== undefined && [...reflectors.values()].some((reflector) => reflector.hasSynced)
  }

  versionOf(resource: Resource, namespace: string): string | undefined {
    const informer = this.#informers.get(resourceName(resource))
    return informer === undefined ? undefined : this.#store(informer, namespace)?.resourceVersion
  }

  find(resource: Resource, key: ObjectKey): KubeObject | undefined {
    return this.get(resource, key)
  }

  #informer(resource: Resource): Informer {
    const informer = this.#informers.get(resourceName(resource))
    if (informer === undefined)
      throw new RangeError(`Nobody declared a watch on ${resourceName(resource)}; name it as a source of the controller that reads it.`)
    return informer
  }

  #stores(informer: Informer): readonly Store[] {
    return [...informer.reflectors.values()].map(({ store }) => store)
  }

  #store(informer: Informer, namespace: string): Store | undefined {
    return (informer.reflectors.get(namespace) ?? informer.reflectors.get(''))?.store
  }

  async #run(informer: Informer, signal: AbortSignal): Promise<void> {
    if (informer.optional && !(await this.#waitUntilServed(informer.resource, signal))) return
    const namespaces = informer.resource.namespaced ? namespacesOf(this.#options.scope) : ['']
    await Promise.all(namespaces.map((namespace) => this.#reflect(informer, namespace, signal)))
  }

  #reflect(informer: Informer, namespace: string, signal: AbortSignal): Promise<void> {
    const { resource, labelSelector, metadataOnly, indexes, handlers } = informer
    const reflector = this.#options.reflect({
      resource,
      namespace,
      indexes,
      metadataOnly,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    })
    informer.reflectors.set(namespace, reflector)
    for (const handler of handlers) reflector.store.subscribe(handler)
    if (namespace !== '') reflector.onStatusChange(({ lastError }) => this.#noteDenied(resource, namespace, lastError))
    return reflector.start(signal)
  }

  #settled(informer: Informer, namespace: string, reflector: Reflector): boolean {
    if (reflector.hasSynced) return true
    // One namespace of many that may not be read must not keep the others waiting; a watch over everything that is refused must.
    if (namespace !== '' && isForbidden(reflector.status.lastError)) return true
    return informer.optional && isNotFound(reflector.status.lastError)
  }

  /** Says it once when it begins and once when it ends, however often the reflector tries. */
  #noteDenied(resource: Resource, namespace: string, error: Error | undefined): void {
    const { log, metrics } = this.#options
    const name = resourceName(resource)
    const id = `${name}|${namespace}`
    const denied = isForbidden(error)
    if (denied === this.#denied.has(id)) return
    // Between two refusals the reflector tries again without an error; only a filled cache says that the right is there.
    if (!denied && (error !== undefined || !this.#informer(resource).reflectors.get(namespace)?.hasSynced)) return
    metrics.namespaceDenied(name, namespace, denied)
    const isKnown = () => this.denied.some((other) => other.namespace === namespace)
    if (denied) {
      const wasKnown = isKnown()
      this.#denied.set(id, { resource: name, namespace })
      if (!wasKnown)
        log.warn(
          { resource: name, namespace, err: error },
          'May not read a namespace of the scope; its objects are left alone until a role allows it',
        )
      return
    }
    this.#denied.delete(id)
    if (!isKnown()) log.info({ namespace }, 'A namespace of the scope can be read now')
  }

  /** @returns whether it is served; false: the signal was aborted first */
  async #waitUntilServed(resource: Resource, signal: AbortSignal): Promise<boolean> {
    const { clock, isServed, log, reflect, scope } = this.#options
    const onFailure = (error: unknown): void =>
      log.warn({ resource: resourceName(resource), err: error }, 'Could not ask whether an optional resource is served')
    try {
      if (await isServed(resource, signal)) return true
      log.info({ resource: resourceName(resource) }, 'An optional resource is not served; it is waited for')
    } catch (error) {
      if (signal.aborted) return false
      onFailure(error)
    }
    try {
      // Only where everything is served is there a cluster role, without which definitions cannot be watched.
      await untilServed({ resource, clock, isServed, reflect: scope.type === 'all' ? reflect : undefined, onFailure }, signal)
      return true
    } catch {
      return false
    }
  }
}

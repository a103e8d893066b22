import { randomUUID } from 'node:crypto'
import type { Client } from '../kube/client.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'
import { controllerOf, keyFromString, keyOf, keyToString, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import type { StoreEvent } from '../kube/store.ts'
import { ServerSideApplier, type AppliedMemory, type ApplierAnnotations } from './applier.ts'
import type { Breather } from './breather.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { sleep, type Clock } from './clock.ts'
import type { Fence } from './election.ts'
import { ReconcileDeadlineExceeded, toError } from './errors.ts'
import { guardClient } from './guarded-client.ts'
import { HotLoopDetector } from './hot-loop.ts'
import type { Informers } from './informers.ts'
import type { Logger } from './log.ts'
import type { ControllerMetrics, RuntimeMetrics } from './metrics.ts'
import { OwnWrites } from './own-writes.ts'
import { contentChanged, specChanged } from './predicates.ts'
import { WorkQueue, type QueueItem } from './queue.ts'
import type { ControllerOptions, ReconcileContext } from './reconciler.ts'
import type { Recorder } from './recorder.ts'
import { failed, type Failure, type Result } from './result.ts'
import type { AccessRule, Source } from './source.ts'

/** How urgent a pass is, by what asks for it. */
export const priorities = {
  /** A person or a pipeline created or changed the object. */
  edit: 100,
  /** The object is being deleted. */
  deletion: 50,
  /** Something that it owns or uses changed. */
  child: 0,
  /** It was there at the start, or nothing happened for long. */
  initial: -100,
} as const

/** What the manager gives its controllers. */
export interface ControllerEnvironment {
  readonly client: Client
  readonly informers: Informers
  readonly fence: Fence
  readonly recorder: Recorder
  readonly memory: AppliedMemory
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly metrics: RuntimeMetrics
  readonly breather: Breather
  readonly fieldManager: string
  readonly annotations: ApplierAnnotations
  /** Seconds between two passes on an object that nothing happens to, stretched by up to a tenth: 36,000. */
  readonly resyncSeconds: number
}

/** Passes at once, and seconds for each (the engine's defaults). */
const defaultConcurrency = 16
const defaultDeadlineSeconds = 60
/** A pass that ignores its signal keeps its worker this much longer, in milliseconds; then another worker takes the place. */
const graceMs = 5000
/** Conflicts in a row that are answered by reading again at once; after that it is an error like any other. */
const freeConflicts = 5

/**
 * Watches, queues and runs passes for one kind of object. Made by `createManager`, which starts it when this process leads.
 */
export class Controller {
  readonly name: string
  readonly #options: ControllerOptions
  readonly #env: ControllerEnvironment
  readonly #log: Logger
  readonly #metrics: ControllerMetrics
  readonly #queue: WorkQueue
  readonly #ownWrites: OwnWrites
  readonly #breaker: CircuitBreaker
  readonly #hotLoops: HotLoopDetector
  readonly #access: readonly AccessRule[]
  readonly #conflicts = new Map<string, number>()
  #running = false
  #stopping = false
  #active = 0
  #passes = 0
  readonly #cut = new AbortController()

  constructor(options: ControllerOptions, env: ControllerEnvironment) {
    this.name = options.name
    this.#options = options
    this.#env = env
    this.#log = env.log.child({ controller: options.name })
    this.#metrics = env.metrics.controller(options.name)
    const { clock, random, informers } = env
    const workers = this.#maxConcurrent
    this.#queue = new WorkQueue({ clock, random, metrics: this.#metrics.queue, retryLanes: Math.max(1, Math.ceil(workers / 2)) })
    this.#ownWrites = new OwnWrites({ clock, observed: informers })
    this.#breaker = new CircuitBreaker({ clock })
    this.#hotLoops = new HotLoopDetector({ clock })
    this.#access = accessOf(options)
    this.#metrics.maxConcurrent(workers)
    this.#metrics.activeWorkers(0)
    this.#declare()
  }

  /** Keys that are being worked on. */
  get processing(): readonly string[] {
    return this.#queue.processing
  }

  /** Passes begun so far. */
  get passes(): number {
    return this.#passes
  }

  /** Asks for a pass from outside of the watches (a timer of its own, a test). */
  enqueue(key: ObjectKey, priority: number = priorities.child): void {
    this.#queue.add(keyToString(key), { priority })
  }

  /** Writes the gauges that change by time; called when metrics are read. */
  sample(): void {
    this.#queue.sample()
  }

  /**
   * Works until {@link stop}. Resolves when all workers have ended.
   *
   * @param signal - aborted when running passes have to be cut: the lease is lost, or the time to drain is over
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = true
    const cut = () => this.#cut.abort(signal.reason)
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut, { once: true })
    await Promise.all(Array.from({ length: this.#maxConcurrent }, () => this.#work()))
    await this.#queue.idle()
    signal.removeEventListener('abort', cut)
  }

  /** Lets running passes end and starts no more. */
  stop(): void {
    this.#stopping = true
    this.#queue.shutDown()
  }

  get #maxConcurrent(): number {
    return this.#options.maxConcurrent ?? defaultConcurrency
  }

  #declare(): void {
    const { primary, sources = [] } = this.#options
    const { informers } = this.#env
    informers.declare(primary)
    informers.subscribe(primary.resource, (event) => this.#onPrimary(event))
    for (const declared of sources) {
      informers.declare(declared)
      if (declared.map !== 'none') informers.subscribe(declared.resource, (event) => this.#onSource(declared, event))
    }
  }

  #onPrimary(event: StoreEvent<KubeObject>): void {
    const key = keyToString(keyOf(event.object))
    if (!(this.#options.primary.predicate ?? specChanged)(event)) return
    if (event.type === 'added' && event.initial) {
      this.#queue.add(key, { priority: priorities.initial })
      return
    }
    if (event.type === 'deleted' && !this.#running) {
      // A follower keeps what it will have to look at when it leads; what is gone is not among that.
      this.#queue.drop(key)
      return
    }
    const leaving = event.type === 'deleted' || event.object.metadata.deletionTimestamp !== undefined
    this.#restart(key)
    this.#queue.add(key, { priority: leaving ? priorities.deletion : priorities.edit })
  }

  #onSource({ map = 'owner', predicate = contentChanged }: Source, event: StoreEvent<KubeObject>): void {
    if (!predicate(event)) return
    const objects = event.old === undefined ? [event.object] : [event.old, event.object]
    const keys = new Set(objects.flatMap((object) => this.#concerned(map, object)))
    const priority = event.type === 'added' && event.initial ? priorities.initial : priorities.child
    for (const key of keys) this.#queue.add(key, { priority, afterMs: Math.max(this.#breaker.delay(key), this.#hotLoops.delay(key)) })
  }

  #concerned(map: NonNullable<Source['map']>, object: KubeObject): readonly string[] {
    if (map === 'none') return []
    if (map !== 'owner') return map(object, this.#env.informers).map((key) => keyToString(key))
    const { resource } = this.#options.primary
    const owner = controllerOf(object)
    if (owner?.kind !== resource.kind || groupOf(owner.apiVersion) !== resource.group) return []
    return [keyToString({ namespace: resource.namespaced ? (object.metadata.namespace ?? '') : '', name: owner.name })]
  }

  /** What was learnt of a key's failures does not hold for what a person made of it. */
  #restart(key: string): void {
    this.#queue.forget(key)
    this.#breaker.close(key)
    this.#hotLoops.reset(key)
    this.#conflicts.delete(key)
    this.#metrics.openCircuits(this.#breaker.open)
  }

  async #work(): Promise<void> {
    for (let item = await this.#queue.get(); item !== undefined; item = await this.#queue.get()) {
      if (this.#stopping) this.#queue.done(item.key)
      else await this.#process(item)
      await this.#env.breather.breathe()
    }
  }

  async #process(item: QueueItem): Promise<void> {
    if (!(await this.#mayStart(item))) {
      this.#queue.done(item.key)
      return
    }
    this.#passes++
    const reconcileID = randomUUID()
    const log = this.#log.child({ ...keyFromString(item.key), reconcileID })
    this.#metrics.activeWorkers(++this.#active)
    const { clock } = this.#env
    const start = clock.monotonic()
    const deadlineMs = (this.#options.deadlineSeconds ?? defaultDeadlineSeconds) * 1000
    const timeout = new ReconcileDeadlineExceeded(this.name, item.key, deadlineMs / 1000)
    const deadline = new AbortController()
    const timer = clock.setTimeout(() => deadline.abort(timeout), deadlineMs)
    const run = async (): Promise<void> => {
      const result = await this.#pass(item, reconcileID, log, AbortSignal.any([deadline.signal, this.#cut.signal]))
      timer.cancel()
      this.#conclude(item, result, deadline.signal.aborted, (clock.monotonic() - start) / 1000, log)
      this.#queue.done(item.key)
    }
    // One that ignores its signal may go on, but not keep a worker: its key stays locked until it ends.
    const overdue = new AbortController()
    const tooLate = this.#detach(deadlineMs + graceMs, timeout, log, overdue.signal)
    await Promise.race([run(), tooLate])
    overdue.abort('The pass has ended')
    this.#metrics.activeWorkers(--this.#active)
  }

  /** Resolves when a pass has ignored its deadline for too long; stays silent when that is not asked any more. */
  async #detach(milliseconds: number, timeout: Error, log: Logger, signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.#env.clock, milliseconds, signal)
      log.error({ err: timeout }, 'A pass ignores its signal; another worker takes its place')
    } catch {
      // The pass has ended.
    }
  }

  /** The own-writes barrier: puts the key off while the cache does not show what its last pass did. */
  async #mayStart({ key, priority }: QueueItem): Promise<boolean> {
    const verdict = this.#ownWrites.ask(key)
    if (verdict.type === 'pass') return true
    if (verdict.type === 'givenUp') {
      this.#metrics.staleCacheGivenUp()
      this.#log.warn({ ...keyFromString(key) }, 'The cache does not show the last writes; going on without them')
      return true
    }
    for (const { resource, key: object, uid } of this.#ownWrites.overdue(key)) await this.#checkTombstone(key, resource, object, uid)
    this.#metrics.staleCache()
    this.#queue.add(key, { priority, afterMs: verdict.afterMs })
    return false
  }

  /** The event of a deletion did not come in 30 s: asks the server itself. Whatever it says, the wait is over. */
  async #checkTombstone(key: string, resource: Resource, object: ObjectKey, uid: string): Promise<void> {
    try {
      const live = await this.#env.client.get(resource, object, { metadataOnly: true })
      if (live.metadata.uid === uid && live.metadata.deletionTimestamp === undefined)
        this.#log.warn(
          { ...keyFromString(key), resource: resourceName(resource), object: keyToString(object) },
          'A deletion was accepted and did not happen',
        )
    } catch (error) {
      if (!isNotFound(error)) this.#log.warn({ ...keyFromString(key), err: error }, 'Could not look whether a deletion happened')
    }
    this.#ownWrites.settle(key, uid)
  }

  async #pass(
    { key }: QueueItem,
    reconcileID: string,
    log: Logger,
    signal: AbortSignal,
  ): Promise<{ result: Result; thrown: boolean; wrote: boolean }> {
    const { client, fence, informers, memory, metrics, recorder, clock, fieldManager, annotations } = this.#env
    let wrote = false
    const guarded = guardClient({
      client,
      fence,
      controller: this.name,
      access: this.#access,
      signal,
      onWrite: (resource, object) => {
        this.#ownWrites.wrote(key, resource, object)
        // A write that changed nothing gives the version that the cache has; it is no step of a loop that wakes anybody.
        wrote = true
        if (this.#hotLoops.wrote(key, `${resource.kind}/${object.metadata.name}`)) {
          this.#metrics.hotLoop()
          log.warn(
            { resource: resourceName(resource), object: object.metadata.name },
            'The same object is written again and again; slowing down',
          )
        }
      },
      onDelete: (resource, object, uid) => {
        wrote = true
        if (uid !== undefined) this.#ownWrites.deleted(key, resource, object, uid)
      },
    })
    const applier = new ServerSideApplier({
      client: guarded,
      cache: informers,
      memory,
      metrics,
      fieldManager,
      annotations,
      signal,
      isCached: (resource) => informers.has(resource),
    })
    const context: ReconcileContext = { signal, log, reconcileID, cache: informers, client: guarded, applier, recorder, clock }
    try {
      return { result: await this.#options.reconcile(keyFromString(key), context), thrown: false, wrote }
    } catch (error) {
      return { result: failed(toError(error)), thrown: true, wrote }
    }
  }

  #conclude(
    { key, priority }: QueueItem,
    { result, thrown, wrote }: { readonly result: Result; readonly thrown: boolean; readonly wrote: boolean },
    timedOut: boolean,
    seconds: number,
    log: Logger,
  ): void {
    if (result.type === 'error') {
      this.#fail({ key, priority }, timedOut ? failed(result.error) : result, timedOut, thrown, seconds, log)
      return
    }
    this.#queue.forget(key)
    this.#conflicts.delete(key)
    if (!wrote) this.#hotLoops.reset(key)
    if (this.#breaker.close(key)) log.info({}, 'A key that kept failing succeeded')
    this.#metrics.openCircuits(this.#breaker.open)
    this.#metrics.reconciled(result.type === 'after' ? 'requeue_after' : 'success', seconds)
    if (this.#env.informers.get(this.#options.primary.resource, keyFromString(key)) === undefined) this.#forget(key)
    else this.#queue.add(key, this.#next(result))
  }

  /** When to come again: as asked, and in any case after the resync period. */
  #next(result: Exclude<Result, Failure>): { readonly priority: number; readonly afterMs: number } {
    if (result.type === 'after') return { priority: priorities.child, afterMs: result.seconds * 1000 }
    return { priority: priorities.initial, afterMs: this.#env.resyncSeconds * 1000 * (1 + this.#env.random() / 10) }
  }

  #fail(item: QueueItem, result: Failure, timedOut: boolean, thrown: boolean, seconds: number, log: Logger): void {
    const { key, priority } = item
    const { error } = result
    if (this.#cut.signal.aborted) return
    const conflicts = (this.#conflicts.get(key) ?? 0) + 1
    if (isConflict(error) && conflicts <= freeConflicts) {
      // Somebody wrote in between: not an error, but a reason to look again as soon as the cache has it.
      this.#conflicts.set(key, conflicts)
      this.#metrics.reconciled('requeue_after', seconds)
      this.#queue.add(key, { priority, afterMs: 10 * 2 ** conflicts })
      return
    }
    this.#metrics.reconciled('error', seconds)
    this.#metrics.errored('error')
    if (timedOut) this.#metrics.errored('timeout')
    if (thrown && !timedOut) this.#metrics.errored('panic')
    if (this.#breaker.failed(key))
      log.warn({ failures: this.#queue.failures(key) + 1 }, 'A key keeps failing; events start it only every 30 seconds')
    this.#metrics.openCircuits(this.#breaker.open)
    if (result.terminal === true) {
      this.#metrics.errored('terminal')
      this.#queue.forget(key)
      log.error({ err: error }, 'The pass failed and is not repeated before something changes')
      return
    }
    // What was urgent is not any more after it failed: it must not overtake what works.
    const afterMs = this.#queue.retry(key, { priority: Math.min(priority, priorities.child) })
    log.error({ err: error, failures: this.#queue.failures(key), retryMs: Math.round(afterMs) }, 'The pass failed')
  }

  /** The object is gone and its last pass succeeded: nothing may stay of it in memory. */
  #forget(key: string): void {
    this.#restart(key)
    this.#ownWrites.forget(key)
  }
}

/** What a controller may call: what it declares, and reading what it watches. */
export function accessOf({
  primary,
  sources = [],
  access = [],
}: Pick<ControllerOptions, 'primary' | 'sources' | 'access'>): readonly AccessRule[] {
  const reading = [primary, ...sources].map(({ resource }): AccessRule => ({ resource, verbs: ['get', 'list', 'watch'] }))
  return [...reading, ...access]
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash === -1 ? '' : apiVersion.slice(0, slash)
}

import { setImmediate } from 'node:timers/promises'
import { backOff, freshBackoff, reflectorBackoff, type BackoffOptions } from './backoff.ts'
import type { Client, WatchEvent } from './client.ts'
import { sleep, type Clock } from './clock.ts'
import { ApiError } from './errors.ts'
import type { Logger } from './logger.ts'
import { MemoryStore } from './memory-store.ts'
import { noMetrics, type ReflectorMetrics } from './metrics.ts'
import { compareResourceVersions, keyOf, keyToString, type KubeObject } from './object.ts'
import {
  classifyFailure,
  isShortWatch,
  startMachine,
  stepMachine,
  type Failure,
  type Machine,
  type MachineState,
  type Outcome,
} from './reflector-machine.ts'
import type { Reflector, ReflectorStatus } from './reflector.ts'
import { resourceName, type Resource } from './resource.ts'
import type { IndexFunction } from './store.ts'
import { dropBulk } from './transform.ts'
import { untilAborted } from './until-aborted.ts'

/** Options of {@link CollectionReflector}. */
export interface CollectionReflectorOptions<T extends KubeObject> {
  readonly client: Pick<Client, 'pages' | 'watch'>
  readonly resource: Resource
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly logger: Logger
  readonly metrics?: ReflectorMetrics
  /** Only this namespace; empty or absent: all of them. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Keeps `metadata` only. */
  readonly metadataOnly?: boolean
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>
  /** What is stored of an object; default {@link dropBulk}. It may change the object that it gets. */
  readonly transform?: (object: T) => T
  /** Milliseconds, ± 10 %, after which all objects are told again from the cache; 0 for never. Default 10 h, as controller-runtime. */
  readonly resyncMs?: number
  /** Default true: lists come as a watch where the server can (KEP-3157), which spares both sides the memory of the whole answer. */
  readonly streamingList?: boolean
  readonly backoff?: BackoffOptions
  /** Milliseconds without a byte after which a watch is dead; default 90,000. The API server sends a bookmark each minute. */
  readonly silenceMs?: number
  /** Takes safeties out, for tests that have to see their absence. */
  readonly without?: readonly ('synthesizedDeletes' | 'silenceCheck' | 'retry' | 'order')[]
}

const defaultSilenceMs = 90_000
/** A watch lives so long to twice as long, at random, so that not all end together (client-go: 5 to 10 min). */
const shortestWatchSeconds = 300
/** A list that is read in one piece may be long. */
const listDeadlineMs = 60_000
const defaultResyncMs = 36_000_000
/** Milliseconds of work after which others get their turn. */
const yieldEveryMs = 10

/** The {@link Reflector} of one collection: does the I/O that {@link stepMachine} asks for. */
export class CollectionReflector<T extends KubeObject = KubeObject> implements Reflector<T> {
  readonly resource: Resource
  readonly store: MemoryStore<T>
  readonly #options: CollectionReflectorOptions<T>
  readonly #metrics: ReflectorMetrics
  readonly #listeners = new Set<(status: ReflectorStatus) => void>()
  readonly #synced = Promise.withResolvers<void>()
  #machine: Machine
  #status: ReflectorStatus = { phase: 'Idle', synced: false, lastError: undefined, failures: 0, retryAt: undefined }
  #backoff = freshBackoff
  #started = false
  /** Writing to the store is one thing at a time: a resync does not fall into a swap. */
  #writing: Promise<void> = Promise.resolve()

  constructor(options: CollectionReflectorOptions<T>) {
    this.#options = options
    this.#metrics = options.metrics ?? noMetrics.reflector('')
    this.resource = options.resource
    this.store = new MemoryStore<T>({ logger: options.logger, ...(options.indexes && { indexes: options.indexes }) })
    this.#machine = startMachine(options.streamingList ?? true)
  }

  get status(): ReflectorStatus {
    return this.#status
  }

  get hasSynced(): boolean {
    return this.#status.synced
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`The reflector of ${resourceName(this.resource)} was started before; make a new one.`)
    this.#started = true
    const resync = this.#scheduleResync(signal)
    while (!signal.aborted && this.#status.phase !== 'Stopped') {
      try {
        await this.#do(this.#machine.state, signal)
      } catch (error) {
        if (!signal.aborted) this.#failed(error)
      }
    }
    resync.cancel()
    this.#report({ phase: 'Stopped', retryAt: undefined })
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    return signal === undefined ? this.#synced.promise : untilAborted(this.#synced.promise, signal)
  }

  onStatusChange(listener: (status: ReflectorStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #do(state: MachineState, signal: AbortSignal): Promise<void> {
    switch (state.phase) {
      case 'StreamingList':
      case 'Watching':
        this.#report({ phase: state.phase, retryAt: undefined })
        await this.#watch(state, signal)
        return
      case 'Listing':
        this.#report({ phase: state.phase, retryAt: undefined })
        await this.#list(state, signal)
        return
      case 'BackingOff':
        await this.#wait(state.atLeastMs, signal)
    }
  }

  async #wait(atLeastMs: number, signal: AbortSignal): Promise<void> {
    const { clock, random, backoff = reflectorBackoff } = this.#options
    const { delayMs, state } = backOff(backoff, this.#backoff, clock.monotonic(), random(), atLeastMs)
    this.#backoff = state
    this.#metrics.healthy(false)
    this.#report({ phase: 'BackingOff', failures: state.failures, retryAt: state.waitedUntil })
    await sleep(clock, delayMs, signal)
    this.#step({ type: 'Waited' })
  }

  async #list({ version, paged }: Extract<MachineState, { phase: 'Listing' }>, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options
    const started = clock.monotonic()
    const objects = new Map<string, T>()
    let listed = ''
    // A version lets the server answer from its cache, which it does not do page by page.
    const limit = version === '' && paged ? {} : { limit: 0 }
    const pages = client.pages<T>(this.resource, {
      ...this.#selection(),
      ...limit,
      ...(version !== '' && { resourceVersion: version }),
      ...(version !== '' && version !== '0' && { resourceVersionMatch: 'NotOlderThan' as const }),
      signal,
      deadlineMs: listDeadlineMs,
      maxRetries: 0,
    })
    for await (const page of pages) {
      await this.#collect(objects, page.items)
      listed = page.resourceVersion
    }
    await this.#replace(objects, listed, 'list', started)
  }

  /** Transforms and collects, with pauses: thousands of objects must not hold the event loop. */
  async #collect(objects: Map<string, T>, items: readonly T[]): Promise<void> {
    let turnStarted = performance.now()
    for (const item of items) {
      const object = this.#transform(item)
      objects.set(keyToString(keyOf(object)), object)
      if (performance.now() - turnStarted < yieldEveryMs) continue
      await setImmediate()
      turnStarted = performance.now()
    }
  }

  async #watch(state: Extract<MachineState, { phase: 'StreamingList' | 'Watching' }>, signal: AbortSignal): Promise<void> {
    const { client, clock, random, silenceMs = defaultSilenceMs } = this.#options
    const closed = new AbortController()
    const close = () => closed.abort(signal.reason)
    signal.addEventListener('abort', close, { once: true })
    const started = clock.monotonic()
    const streaming = state.phase === 'StreamingList'
    let events = 0
    try {
      const stream = client.watch<T>(this.resource, {
        ...this.#selection(),
        signal: closed.signal,
        ...(state.version !== '' && { resourceVersion: state.version }),
        ...(streaming && { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' as const }),
        ...(!this.#without('silenceCheck') && { silenceMs }),
        timeoutSeconds: Math.round(shortestWatchSeconds * (1 + random())),
        onOpen: () => {
          this.#metrics.watchStarted()
          if (!streaming) this.#recovered()
        },
      })
      const initial = streaming ? new Map<string, T>() : undefined
      for await (const event of stream) {
        if (signal.aborted) return
        events += 1
        if (initial !== undefined && this.#machine.state.phase === 'StreamingList') await this.#collectInitial(initial, event, started)
        else this.#follow(event)
      }
      if (!signal.aborted) this.#ended(clock.monotonic() - started, events)
    } finally {
      signal.removeEventListener('abort', close)
      closed.abort(new Error('The watch is over.'))
      this.#metrics.watchEnded(isShortWatch(clock.monotonic() - started, events), (clock.monotonic() - started) / 1000, events)
    }
  }

  async #collectInitial(initial: Map<string, T>, event: WatchEvent<T>, started: number): Promise<void> {
    if (event.type === 'BOOKMARK') {
      if (!event.endOfInitialEvents) return
      await this.#replace(initial, event.resourceVersion, 'streaming', started)
      initial.clear()
      this.#recovered()
      return
    }
    const object = this.#transform(event.object)
    const key = keyToString(keyOf(object))
    if (event.type === 'DELETED') initial.delete(key)
    else initial.set(key, object)
  }

  /**
   * One event of a watch. Versions of a collection only grow within a watch, so what is not newer than the last one was told twice; a deletion
   * that is repeated late would otherwise take a new object of the same name away.
   */
  #follow(event: WatchEvent<T>): void {
    const version = event.type === 'BOOKMARK' ? event.resourceVersion : (event.object.metadata.resourceVersion ?? '')
    const order = compareResourceVersions(version, this.store.resourceVersion)
    if (order !== undefined && order <= 0 && !this.#without('order')) return
    if (event.type === 'DELETED') this.store.remove(this.#transform(event.object))
    else if (event.type !== 'BOOKMARK') this.store.put(this.#transform(event.object))
    if (event.type !== 'BOOKMARK') this.#metrics.stored(this.store.size)
    if (version === '') return
    this.store.advance(version)
    this.#step({ type: 'Advanced', version })
  }

  async #replace(objects: Map<string, T>, version: string, kind: 'streaming' | 'list', started: number): Promise<void> {
    const { clock } = this.#options
    await this.#exclusively(() =>
      this.store.replace(objects.values(), version, { initial: !this.#status.synced, keepMissing: this.#without('synthesizedDeletes') }),
    )
    this.#metrics.listed(kind, objects.size, (clock.monotonic() - started) / 1000)
    this.#metrics.stored(this.store.size)
    this.#step({ type: 'Replaced', version })
    this.#report({ synced: true })
    this.#synced.resolve()
  }

  #ended(livedMs: number, events: number): void {
    if (this.#machine.state.phase === 'Watching' && isShortWatch(livedMs, events)) {
      this.#fail(new Error(`The server closed the watch after ${Math.round(livedMs)} ms with nothing in it.`), 'ShortWatch')
      return
    }
    if (this.#machine.state.phase === 'StreamingList')
      this.#report({ lastError: new Error('The server ended the streaming list before it was complete.') })
    this.#step({ type: 'Ended', livedMs, events })
  }

  #failed(error: unknown): void {
    this.#fail(error instanceof Error ? error : new Error(String(error)), classifyFailure(error))
  }

  #fail(error: Error, failure: Failure): void {
    const { logger, clock } = this.#options
    const { phase } = this.#machine.state
    // A collection in which nothing happens gets no bookmarks either, so its watch is renewed again and again.
    const quiet = failure === 'Silent' && phase === 'Watching'
    const expected = failure === 'Unsupported' || failure === 'Expired' || quiet
    const fields = { err: error, failure, phase, resource: resourceName(this.resource), namespace: this.#options.namespace ?? '' }
    if (expected) logger.debug(fields, 'a list or watch has to be started anew')
    else logger.warn(fields, 'a list or watch failed and is tried again')
    this.#metrics.failed(failure)
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0
    this.#step({ type: 'Failed', failure, retryAfterMs, monotonic: clock.monotonic() })
    this.#report({ lastError: error, ...(this.#without('retry') && { phase: 'Stopped' as const }) })
  }

  #recovered(): void {
    this.#metrics.healthy(true)
    if (this.#status.lastError !== undefined) this.#report({ lastError: undefined })
  }

  #step(outcome: Outcome): void {
    this.#machine = stepMachine(this.#machine, outcome)
    if (outcome.type === 'Replaced') this.#report({ phase: this.#machine.state.phase })
  }

  #report(change: Partial<ReflectorStatus>): void {
    const next = { ...this.#status, ...change }
    const changed = (Object.keys(change) as (keyof ReflectorStatus)[]).some((name) => next[name] !== this.#status[name])
    if (!changed) return
    this.#status = next
    for (const listener of this.#listeners) listener(next)
  }

  #selection() {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = this.#options
    return {
      ...(namespace !== undefined && namespace !== '' && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(metadataOnly === true && { metadataOnly }),
    }
  }

  #transform(object: T): T {
    return (this.#options.transform ?? dropBulk)(object)
  }

  #without(safety: 'synthesizedDeletes' | 'silenceCheck' | 'retry' | 'order'): boolean {
    return this.#options.without?.includes(safety) === true
  }

  #scheduleResync(signal: AbortSignal): { cancel(): void } {
    const { clock, random, resyncMs = defaultResyncMs } = this.#options
    if (resyncMs === 0) return { cancel: () => {} }
    let timer = clock.setTimeout(() => {}, 0)
    const arm = () => {
      timer = clock.setTimeout(
        () => {
          void this.#exclusively(() => this.store.resync())
          if (!signal.aborted) arm()
        },
        resyncMs * (0.9 + 0.2 * random()),
      )
    }
    timer.cancel()
    arm()
    return { cancel: () => timer.cancel() }
  }

  async #exclusively(write: () => Promise<void>): Promise<void> {
    const before = this.#writing
    const mine = before.then(write)
    this.#writing = mine
    await mine
  }
}

import { backoff, TokenBucket, type BackoffOptions, type BucketOptions } from './backoff.ts'
import type { Clock, Timer } from './clock.ts'
import { Heap, type HeapNode } from './heap.ts'
import { noMetrics, type QueueMetrics } from './metrics.ts'

/** What a queue is built from; the defaults are the engine's. */
export interface QueueOptions {
  readonly clock: Clock
  /** In [0, 1); jitter of the backoff. */
  readonly random: () => number
  readonly metrics?: QueueMetrics
  /** Per key: 5 ms × 2ⁿ to 300 s. */
  readonly backoff?: BackoffOptions
  /** Shared by all retries, and by nothing else: 20 a second, burst 200. */
  readonly retryBucket?: BucketOptions
  /** Points of priority that an item gains in each second of waiting: 1. */
  readonly ageingPerSecond?: number
  /** How many items that failed before may be worked on at once; the rest of the workers is kept for those that did not. Default: no bound. */
  readonly retryLanes?: number
}

/** How an item is added. */
export interface AddOptions {
  /** The higher the sooner; 0 when left out. The highest of several adds holds. */
  readonly priority?: number
  /** Milliseconds until it is ready; the earliest of several adds holds. */
  readonly afterMs?: number
}

/** What a worker gets. */
export interface QueueItem {
  readonly key: string
  readonly priority: number
}

interface Item extends HeapNode {
  readonly key: string
  priority: number
  /** On the monotonic clock: when it is or was ready. */
  readyAt: number
  /** Order of becoming ready (or of being added, while delayed): breaks ties first in, first out. */
  sequence: number
  place: 'delayed' | 'ready' | 'retry' | 'parked'
}

const defaults = {
  backoff: { baseMs: 5, maxMs: 300_000 },
  retryBucket: { ratePerSecond: 20, burst: 200 },
  ageingPerSecond: 1,
  retryLanes: Number.POSITIVE_INFINITY,
} as const

/**
 * A work queue of keys: what client-go's `workqueue` and controller-runtime's `priorityqueue` promise, in one class.
 *
 * - A key is there at most once. Adding it again raises its priority and brings its due time forward, never the reverse.
 * - A key that is being worked on is not handed out; added meanwhile, it is handed out exactly once more after `done`, behind what is ready then.
 * - The highest priority goes first, the longest wait first among equals. Waiting earns priority, so that an item is overtaken only by items
 *   that came within (difference of priority ÷ ageing) seconds after it: the lowest is never starved. As all items age alike, the order of two
 *   never changes while both wait, and a heap can hold it.
 * - Keys that failed before work in lanes of their own, so that however many are broken, workers are left for the others.
 */
export class WorkQueue {
  readonly #options: Required<QueueOptions>
  readonly #bucket: TokenBucket
  /** Every key that waits, wherever it waits. */
  readonly #items = new Map<string, Item>()
  readonly #delayed = new Heap<Item>((a, b) => a.readyAt < b.readyAt || (a.readyAt === b.readyAt && a.sequence < b.sequence))
  /** Order among what is ready. */
  readonly #before: (a: Item, b: Item) => boolean
  readonly #ready: Heap<Item>
  readonly #retry: Heap<Item>
  /** Handed out and not done, with the moment of that. */
  readonly #processing = new Map<string, { readonly since: number; readonly lane: 'ready' | 'retry' }>()
  readonly #failures = new Map<string, number>()
  readonly #waiters: ((item: QueueItem | undefined) => void)[] = []
  readonly #idle: (() => void)[] = []
  #busyLanes = 0
  #sequence = 0
  #timer: { readonly at: number; readonly timer: Timer } | undefined
  #shutDown = false

  constructor(options: QueueOptions) {
    this.#options = { ...defaults, metrics: noMetrics.controller('').queue, ...options }
    const { ageingPerSecond, retryLanes, retryBucket, clock } = this.#options
    if (!(ageingPerSecond > 0)) throw new RangeError('ageingPerSecond must be positive: without ageing the lowest priority starves.')
    if (!(retryLanes >= 1)) throw new RangeError('retryLanes must be at least 1: without a lane nothing that failed is tried again.')
    this.#bucket = new TokenBucket(retryBucket, clock)
    const msPerPoint = 1000 / ageingPerSecond
    const rank = (item: Item) => item.readyAt - item.priority * msPerPoint
    this.#before = (a, b) => rank(a) < rank(b) || (rank(a) === rank(b) && a.sequence < b.sequence)
    this.#ready = new Heap<Item>(this.#before)
    this.#retry = new Heap<Item>(this.#before)
  }

  /** Keys that are ready to be taken, and those that would be if they were not being worked on. */
  get length(): number {
    return this.#items.size - this.#delayed.size
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#delayed.size
  }

  /** Keys that are being worked on. */
  get processing(): readonly string[] {
    return [...this.#processing.keys()]
  }

  /** Asks for a pass on `key`. Ignored after {@link shutDown}. */
  add(key: string, { priority = 0, afterMs = 0 }: AddOptions = {}): void {
    if (this.#shutDown) return
    const now = this.#options.clock.monotonic()
    const readyAt = now + Math.max(0, afterMs)
    const item = this.#items.get(key)
    if (item === undefined) this.#insert({ key, priority, readyAt, sequence: this.#sequence++, place: 'delayed', position: -1 }, now)
    else this.#merge(item, priority, readyAt, now)
    this.#dispatch()
  }

  /**
   * Asks for another pass on a key that failed: after its own backoff and its turn in the shared bucket, whichever is later.
   *
   * @returns the delay in milliseconds
   */
  retry(key: string, { priority = 0 }: Pick<AddOptions, 'priority'> = {}): number {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const afterMs = Math.max(backoff(this.#options.backoff, failures, this.#options.random()), this.#bucket.reserve())
    this.#options.metrics.retried()
    this.add(key, { priority, afterMs })
    return afterMs
  }

  /** Clears a key's failures: it succeeded, was edited, or is gone. */
  forget(key: string): void {
    this.#failures.delete(key)
    const item = this.#items.get(key)
    if (item?.place !== 'retry') return
    this.#retry.remove(item)
    this.#toLane(item)
    this.#dispatch()
  }

  /** Takes back every wish for a pass on a key that was not handed out yet, and forgets its failures: the object is gone. */
  drop(key: string): void {
    const item = this.#items.get(key)
    this.#failures.delete(key)
    if (item === undefined) return
    this.#items.delete(key)
    if (item.place !== 'parked') this.#heapOf(item.place).remove(item)
    this.#options.metrics.depth(this.length)
  }

  /** Failures of a key in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next item, as soon as there is one; undefined once the queue is shut down and nothing is ready. Each item has to be given to {@link done}. */
  get(): Promise<QueueItem | undefined> {
    const item = this.#take()
    if (item !== undefined || this.#isOver) return Promise.resolve(item)
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
    })
  }

  /** Says that the pass on `key` has ended. */
  done(key: string): void {
    const work = this.#processing.get(key)
    if (work === undefined) return
    const now = this.#options.clock.monotonic()
    this.#processing.delete(key)
    if (work.lane === 'retry') this.#busyLanes--
    this.#options.metrics.worked((now - work.since) / 1000)
    const item = this.#items.get(key)
    if (item?.place === 'parked') {
      item.readyAt = now
      this.#toLane(item)
    }
    this.#dispatch()
    if (this.#processing.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Takes no more keys and drops the delayed ones; what is ready is still handed out. */
  shutDown(): void {
    this.#shutDown = true
    this.#timer?.timer.cancel()
    this.#timer = undefined
    for (let item = this.#delayed.pop(); item !== undefined; item = this.#delayed.pop()) this.#items.delete(item.key)
    this.#dispatch()
  }

  /** Resolves as soon as no key is being worked on. */
  idle(): Promise<void> {
    if (this.#processing.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle.push(resolve)
    })
  }

  /** Writes the gauges that change by time alone; called when metrics are read. */
  sample(): void {
    const now = this.#options.clock.monotonic()
    const ages = [...this.#processing.values()].map(({ since }) => (now - since) / 1000)
    this.#options.metrics.unfinished(
      ages.reduce((sum, age) => sum + age, 0),
      ages.reduce((longest, age) => Math.max(longest, age), 0),
    )
    this.#options.metrics.depth(this.length)
  }

  /** Nothing will be handed out any more, but for a key whose running pass was asked to be repeated: its worker finds it. */
  get #isOver(): boolean {
    return this.#shutDown && this.#ready.size === 0 && this.#retry.size === 0
  }

  #insert(item: Item, now: number): void {
    this.#items.set(item.key, item)
    if (item.readyAt > now) {
      this.#delayed.push(item)
      this.#arm()
    } else this.#becomeReady(item)
  }

  #merge(item: Item, priority: number, readyAt: number, now: number): void {
    item.priority = Math.max(item.priority, priority)
    if (item.place === 'ready' || item.place === 'retry') this.#heapOf(item.place).update(item)
    else if (item.place === 'delayed' && readyAt < item.readyAt) {
      item.readyAt = readyAt
      if (readyAt > now) {
        this.#delayed.update(item)
        this.#arm()
      } else {
        this.#delayed.remove(item)
        this.#becomeReady(item)
      }
    }
  }

  #becomeReady(item: Item): void {
    this.#options.metrics.added()
    if (this.#processing.has(item.key)) item.place = 'parked'
    else this.#toLane(item)
    this.#options.metrics.depth(this.length)
  }

  #toLane(item: Item): void {
    item.sequence = this.#sequence++
    item.place = this.#failures.has(item.key) ? 'retry' : 'ready'
    this.#heapOf(item.place).push(item)
  }

  #heapOf(place: 'delayed' | 'ready' | 'retry'): Heap<Item> {
    if (place === 'delayed') return this.#delayed
    return place === 'retry' ? this.#retry : this.#ready
  }

  /** One timer, for the earliest of the delayed. */
  #arm(): void {
    const first = this.#delayed.peek()
    if (first === undefined || (this.#timer !== undefined && this.#timer.at <= first.readyAt)) return
    this.#timer?.timer.cancel()
    const { clock } = this.#options
    const timer = clock.setTimeout(() => this.#wake(), first.readyAt - clock.monotonic())
    this.#timer = { at: first.readyAt, timer }
  }

  #wake(): void {
    this.#timer = undefined
    const now = this.#options.clock.monotonic()
    for (let first = this.#delayed.peek(); first !== undefined && first.readyAt <= now; first = this.#delayed.peek()) {
      this.#delayed.remove(first)
      this.#becomeReady(first)
    }
    this.#arm()
    this.#dispatch()
  }

  #next(): Item | undefined {
    const fresh = this.#ready.peek()
    const again = this.#busyLanes < this.#options.retryLanes ? this.#retry.peek() : undefined
    if (fresh === undefined || again === undefined) return fresh ?? again
    return this.#before(again, fresh) ? again : fresh
  }

  #take(): QueueItem | undefined {
    const item = this.#next()
    if (item === undefined || item.place === 'delayed' || item.place === 'parked') return undefined
    const lane = item.place
    this.#heapOf(lane).remove(item)
    if (lane === 'retry') this.#busyLanes++
    this.#items.delete(item.key)
    const now = this.#options.clock.monotonic()
    this.#processing.set(item.key, { since: now, lane })
    this.#options.metrics.waited((now - item.readyAt) / 1000)
    this.#options.metrics.depth(this.length)
    return { key: item.key, priority: item.priority }
  }

  #dispatch(): void {
    while (this.#waiters.length > 0) {
      const item = this.#take()
      if (item === undefined && !this.#isOver) return
      this.#waiters.shift()?.(item)
    }
  }
}

import * as fc from 'fast-check'
import { WorkQueue, type QueueItem } from './queue.ts'
import { VirtualClock } from './virtual-clock.ts'

/** For tests: what the queue is compared with. Written to be plainly right, not fast. */

/** client-go's `workqueue.Type`: a list, and the sets `dirty` and `processing`. */
class ClientGoQueue {
  readonly #queue: string[] = []
  readonly #dirty = new Set<string>()
  readonly #processing = new Set<string>()
  #shuttingDown = false

  add(key: string): void {
    if (this.#shuttingDown || this.#dirty.has(key)) return
    this.#dirty.add(key)
    if (!this.#processing.has(key)) this.#queue.push(key)
  }

  /** The next key; `none` where the original would block, `shutdown` where it says so. */
  get(): { readonly key: string } | 'none' | 'shutdown' {
    const key = this.#queue.shift()
    if (key === undefined) return this.#shuttingDown ? 'shutdown' : 'none'
    this.#processing.add(key)
    this.#dirty.delete(key)
    return { key }
  }

  done(key: string): void {
    this.#processing.delete(key)
    if (this.#dirty.has(key)) this.#queue.push(key)
  }

  shutDown(): void {
    this.#shuttingDown = true
  }
}

/** What a worker pool does with a queue. */
type Step =
  | { readonly type: 'add'; readonly key: string; readonly priority: number; readonly afterMs: number }
  | { readonly type: 'get' }
  | { readonly type: 'done'; readonly nth: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'shutDown' }

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e')

/** Settles what is settled. */
const settle = async () => {
  for (let turn = 0; turn < 3; turn++) await Promise.resolve()
}

/** On any schedule of adds, gets, dones and a shutdown, each worker gets what client-go's queue would give it. */
export const agreesWithClientGo = fc.asyncProperty(
  fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ type: fc.constant('add' as const), key: keys, priority: fc.constant(0), afterMs: fc.constant(0) }),
      },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('get' as const) }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('done' as const), nth: fc.nat(7) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('shutDown' as const) }) },
    ),
    { maxLength: 40, size: 'max' },
  ),
  async (steps: readonly Step[]) => {
    const queue = new WorkQueue({ clock: new VirtualClock(), random: () => 0.5 })
    const model = new ClientGoQueue()
    const got: string[] = []
    const expected: string[] = []
    const busy: string[] = []
    let blocked = 0
    const serve = () => {
      while (blocked > 0) {
        const next = model.get()
        if (next === 'none') return
        blocked--
        expected.push(next === 'shutdown' ? '(shut down)' : next.key)
        if (next !== 'shutdown') busy.push(next.key)
      }
    }
    for (const step of steps) {
      if (step.type === 'add') {
        queue.add(step.key)
        model.add(step.key)
      } else if (step.type === 'get') {
        void queue.get().then((item) => got.push(item?.key ?? '(shut down)'))
        blocked++
      } else if (step.type === 'done') {
        const [key] = busy.splice(step.nth % Math.max(1, busy.length), 1)
        if (key !== undefined) {
          queue.done(key)
          model.done(key)
        }
      } else if (step.type === 'shutDown') {
        queue.shutDown()
        model.shutDown()
      }
      serve()
      await settle()
      if (got.join() !== expected.join())
        throw new Error(`after ${JSON.stringify(step)}: got ${got.join()}, client-go gives ${expected.join()}`)
    }
  },
)

interface Waiting {
  readonly key: string
  priority: number
  readyAt: number
  sequence: number
}

/** What the queue promises, as one sorts it out by hand: the best of all that wait, by priority and age, then by order of becoming ready. */
class SpecifiedQueue {
  readonly #waiting = new Map<string, Waiting>()
  readonly #processing = new Set<string>()
  #sequence = 0
  #now = 0

  add(key: string, priority: number, afterMs: number): void {
    const readyAt = this.#now + afterMs
    const known = this.#waiting.get(key)
    if (known === undefined) {
      this.#waiting.set(key, { key, priority, readyAt, sequence: this.#sequence++ })
      return
    }
    known.priority = Math.max(known.priority, priority)
    if (known.readyAt > this.#now && readyAt < known.readyAt) {
      known.readyAt = readyAt
      known.sequence = this.#sequence++
    }
  }

  /** Everything that may be handed out now: more than one only where two became ready in the same moment with equal rank. */
  candidates(): readonly Waiting[] {
    const ready = [...this.#waiting.values()].filter((item) => item.readyAt <= this.#now && !this.#processing.has(item.key))
    const rank = (item: Waiting) => item.readyAt - item.priority * 1000
    const best = Math.min(...ready.map(rank))
    return ready.filter((item) => rank(item) === best)
  }

  take(key: string): void {
    this.#waiting.delete(key)
    this.#processing.add(key)
  }

  done(key: string): void {
    this.#processing.delete(key)
    const item = this.#waiting.get(key)
    if (item !== undefined && item.readyAt <= this.#now) {
      item.readyAt = this.#now
      item.sequence = this.#sequence++
    }
  }

  advance(ms: number): void {
    this.#now += ms
  }

  get processing(): ReadonlySet<string> {
    return this.#processing
  }

  /** Keys of which a pass is still owed. */
  get owed(): ReadonlySet<string> {
    return new Set(this.#waiting.keys())
  }
}

/**
 * With priorities, delays and time: what is handed out is always one of the best; no key is handed out twice at once; and in the end, when workers
 * only take and finish, every wish is fulfilled exactly once: no wake-up is lost, none is invented.
 */
export const keepsItsPromises = fc.asyncProperty(
  fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          type: fc.constant('add' as const),
          key: keys,
          priority: fc.constantFrom(-100, 0, 50, 100),
          afterMs: fc.constantFrom(0, 0, 5, 40, 1000, 90_000),
        }),
      },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('get' as const) }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('done' as const), nth: fc.nat(7) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(1, 5, 50, 1000, 120_000) }) },
    ),
    { maxLength: 40, size: 'max' },
  ),
  async (steps: readonly Step[]) => {
    const clock = new VirtualClock()
    const queue = new WorkQueue({ clock, random: () => 0.5 })
    const spec = new SpecifiedQueue()
    const busy: string[] = []
    const take = async (): Promise<void> => {
      const candidates = spec.candidates()
      if (candidates.length === 0) return
      const item = (await queue.get()) as QueueItem
      if (spec.processing.has(item.key)) throw new Error(`${item.key} was handed out to two workers`)
      const match = candidates.find(({ key }) => key === item.key)
      if (match?.priority !== item.priority) throw new Error(`got ${JSON.stringify(item)}, expected one of ${JSON.stringify(candidates)}`)
      spec.take(item.key)
      busy.push(item.key)
    }
    const finish = (nth: number) => {
      const [key] = busy.splice(nth % Math.max(1, busy.length), 1)
      if (key === undefined) return
      queue.done(key)
      spec.done(key)
    }
    for (const step of steps) {
      if (step.type === 'add') {
        queue.add(step.key, { priority: step.priority, afterMs: step.afterMs })
        spec.add(step.key, step.priority, step.afterMs)
      } else if (step.type === 'get') await take()
      else if (step.type === 'done') finish(step.nth)
      else if (step.type === 'advance') {
        clock.advanceSync(step.ms)
        spec.advance(step.ms)
      }
    }
    while (busy.length > 0) finish(0)
    clock.advanceSync(1_000_000)
    spec.advance(1_000_000)
    for (let owed = spec.owed.size; owed > 0; owed--) await take()
    while (busy.length > 0) finish(0)
    if (queue.length > 0 || queue.delayed > 0 || spec.owed.size > 0)
      throw new Error(`left over: ${queue.length} ready, ${queue.delayed} delayed, owed ${[...spec.owed].join()}`)
  },
)

import { setImmediate } from 'node:timers/promises'
import type { Logger } from './logger.ts'
import { keyOf, keyToString, type KubeObject, type ObjectKey } from './object.ts'
import type { IndexFunction, Store, StoreEvent, StoreHandler } from './store.ts'

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions<T> {
  readonly logger: Logger
  /** Index functions by name. They must depend on the object alone. */
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>
}

/** Index of every store: objects by their namespace. */
export const namespaceIndex = 'namespace'

/** Milliseconds of telling after which other work gets its turn. */
const yieldEveryMs = 10

interface Index<T> {
  readonly values: IndexFunction<T>
  readonly keys: Keys
}

/** Keys by value; a value without keys is not kept. Most values have one, which takes no set: of 10,000 objects that is some MiB. */
type Keys = Map<string, string | Set<string>>

/**
 * The cache of one collection: one writer, any number of readers.
 *
 * Invariants: an object is found by key and under exactly the values its index functions give; handlers hear of a change after the store has it,
 * in the order of the changes, each handler on its own whatever others throw.
 */
export class MemoryStore<T extends KubeObject = KubeObject> implements Store<T> {
  readonly #logger: Logger
  readonly #indexes: ReadonlyMap<string, Index<T>>
  readonly #handlers = new Set<StoreHandler<T>>()
  readonly #objects = new Map<string, T>()
  #resourceVersion = ''

  constructor({ logger, indexes = {} }: MemoryStoreOptions<T>) {
    this.#logger = logger
    const functions: Readonly<Record<string, IndexFunction<T>>> = {
      [namespaceIndex]: (object) => [object.metadata.namespace ?? ''],
      ...indexes,
    }
    this.#indexes = new Map(Object.entries(functions).map(([name, values]) => [name, { values, keys: new Map() as Keys }]))
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyToString(key))
  }

  list(): readonly T[] {
    return [...this.#objects.values()]
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index)
    if (found === undefined) throw new RangeError(`The store has no index "${index}"; it has ${[...this.#indexes.keys()].join(', ')}.`)
    const keys = found.keys.get(value)
    if (keys === undefined) return []
    return (typeof keys === 'string' ? [keys] : [...keys]).map((key) => this.#objects.get(key)).filter((object) => object !== undefined)
  }

  get size(): number {
    return this.#objects.size
  }

  get resourceVersion(): string {
    return this.#resourceVersion
  }

  subscribe(handler: StoreHandler<T>): () => void {
    // A function of its own, so that one handler can subscribe twice.
    const own: StoreHandler<T> = (event) => handler(event)
    this.#handlers.add(own)
    for (const object of this.list()) this.#call(own, { type: 'added', object, initial: true })
    return () => void this.#handlers.delete(own)
  }

  /** Puts an object in, new or changed. */
  put(object: T): void {
    const key = keyToString(keyOf(object))
    const old = this.#objects.get(key)
    this.#set(key, object, old)
    this.#tell(old === undefined ? { type: 'added', object, initial: false } : { type: 'updated', object, old, initial: false })
  }

  /** Takes an object out; `object` is its last state, as the server told it. Nothing happens when it is not there. */
  remove(object: T): void {
    const key = keyToString(keyOf(object))
    const old = this.#objects.get(key)
    if (old === undefined) return
    this.#unset(key, old)
    this.#tell({ type: 'deleted', object, initial: false, synthesized: false })
  }

  /**
   * Swaps the content for a new list, at once, and tells what that changed: deletions that nobody saw happen too, with the last known
   * state. Objects with the same version are not told. Handlers are called in slices of 10 ms; those that subscribe meanwhile have seen the new
   * content already and hear nothing of it twice.
   *
   * @param options.initial - whether this fills the store for the first time
   * @param options.keepMissing - takes the safety out: what is not in the list stays
   */
  async replace(objects: Iterable<T>, resourceVersion: string, { initial = false, keepMissing = false } = {}): Promise<void> {
    const events: StoreEvent<T>[] = []
    const next = new Map<string, T>()
    for (const object of objects) next.set(keyToString(keyOf(object)), object)
    for (const [key, old] of this.#objects) {
      if (next.has(key) || keepMissing) continue
      this.#unset(key, old)
      events.push({ type: 'deleted', object: old, initial: false, synthesized: true })
    }
    for (const [key, object] of next) {
      const old = this.#objects.get(key)
      if (old !== undefined && isSame(old, object)) continue
      if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
        this.#unset(key, old)
        events.push({ type: 'deleted', object: old, initial: false, synthesized: true }, { type: 'added', object, initial })
        this.#set(key, object, undefined)
        continue
      }
      this.#set(key, object, old)
      events.push(old === undefined ? { type: 'added', object, initial } : { type: 'updated', object, old, initial })
    }
    this.#resourceVersion = resourceVersion
    await this.#tellAll(events)
  }

  /** Everything up to this version is known. */
  advance(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion
  }

  /** Tells every object again, unchanged: `object` and `old` are the same. */
  async resync(): Promise<void> {
    let turnStarted = performance.now()
    for (const object of this.list()) {
      // What changed meanwhile was told by its own event.
      if (this.get(keyOf(object)) === object) this.#tell({ type: 'updated', object, old: object, initial: false })
      if (performance.now() - turnStarted < yieldEveryMs) continue
      await setImmediate()
      turnStarted = performance.now()
    }
  }

  #set(key: string, object: T, old: T | undefined): void {
    this.#objects.set(key, object)
    for (const { values, keys } of this.#indexes.values()) {
      if (old !== undefined) removeKey(keys, values(old), key)
      addKey(keys, values(object), key)
    }
  }

  #unset(key: string, old: T): void {
    this.#objects.delete(key)
    for (const { values, keys } of this.#indexes.values()) removeKey(keys, values(old), key)
  }

  async #tellAll(events: readonly StoreEvent<T>[]): Promise<void> {
    const handlers = [...this.#handlers]
    let turnStarted = performance.now()
    for (const event of events) {
      for (const handler of handlers) if (this.#handlers.has(handler)) this.#call(handler, event)
      if (performance.now() - turnStarted < yieldEveryMs) continue
      await setImmediate()
      turnStarted = performance.now()
    }
  }

  #tell(event: StoreEvent<T>): void {
    for (const handler of this.#handlers) this.#call(handler, event)
  }

  #call(handler: StoreHandler<T>, event: StoreEvent<T>): void {
    try {
      handler(event)
    } catch (error) {
      this.#logger.error({ err: error, key: keyToString(keyOf(event.object)), event: event.type }, 'a handler of a store failed')
    }
  }
}

function isSame(left: KubeObject, right: KubeObject): boolean {
  const { uid, resourceVersion } = left.metadata
  return resourceVersion !== undefined && resourceVersion === right.metadata.resourceVersion && uid === right.metadata.uid
}

function addKey(keys: Keys, values: readonly string[], key: string): void {
  for (const value of values) {
    const found = keys.get(value)
    if (found === undefined) keys.set(value, key)
    else if (typeof found !== 'string') found.add(key)
    else if (found !== key) keys.set(value, new Set([found, key]))
  }
}

function removeKey(keys: Keys, values: readonly string[], key: string): void {
  for (const value of values) {
    const found = keys.get(value)
    if (typeof found === 'string' ? found === key : found?.delete(key) === true && found.size === 0) keys.delete(value)
  }
}

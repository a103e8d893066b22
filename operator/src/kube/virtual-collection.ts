import type { Client, ListOptions, ObjectList, WatchEvent, WatchOptions } from './client.ts'
import { sleep, type Clock } from './clock.ts'
import { ApiError, ConnectionError, WatchSilent } from './errors.ts'
import type { KubeObject, ObjectMeta } from './object.ts'
import type { Resource } from './resource.ts'

/** An object of a {@link VirtualCollection}. */
export type VirtualObject = KubeObject

/** What happens to one request; requests take faults in the order in which these were given. */
export type VirtualFault =
  /** The answer is this error. */
  | { readonly type: 'Refused'; readonly error: Error }
  /** The watch breaks off after so many events; a list breaks off at once. */
  | { readonly type: 'Broken'; readonly afterEvents: number; readonly how: 'cut' | 'end' | 'expired' | 'serverError' | 'silent' }
  /** Each event of the watch comes twice. */
  | { readonly type: 'Twice' }
  /** The answer takes so long. */
  | { readonly type: 'Slow'; readonly milliseconds: number }

/** A request that was seen. */
export interface VirtualRequest {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly kind: 'list' | 'watch'
  readonly options: ListOptions & WatchOptions
}

interface Change {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: VirtualObject
}

const latencyMs = 5
/** As the API server does. */
const bookmarkMs = 60_000
const namespace = 'notes'

/** For tests: one collection of an API server in virtual time, with history, compaction, a watch cache that lags, pages, and faults on order. */
export class VirtualCollection {
  readonly requests: VirtualRequest[] = []
  /** Faults for the requests to come. */
  readonly faults: VirtualFault[] = []
  readonly client: Pick<Client, 'pages' | 'watch'>
  /** Whether watches can bring the collection first. */
  streamingList = true
  /** By how many changes an answer for "whatever the cache has" is old. */
  staleBy = 0
  /** Items per page when the client asks for pages. */
  pageSize = 2
  readonly #clock: Clock
  readonly #objects = new Map<string, VirtualObject>()
  readonly #history: Change[] = []
  readonly #waiting = new Set<() => void>()
  #version = 100
  #compacted = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.client = {
      pages: (_: Resource, options: ListOptions = {}) => this.#pages(options) as never,
      watch: (_: Resource, options: WatchOptions = {}) => this.#watch(options) as never,
    }
  }

  get version(): string {
    return String(this.#version)
  }

  get objects(): readonly VirtualObject[] {
    return [...this.#objects.values()]
  }

  /** Creates or changes an object; what is given of its metadata stays on later changes. */
  put(name: string, metadata: Partial<ObjectMeta> = {}): void {
    const old = this.#objects.get(name)
    const version = ++this.#version
    const uid = old?.metadata.uid ?? `${name}-${version}`
    const own = { ...old?.metadata, ...metadata, name, namespace, uid, resourceVersion: String(version) }
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: own }
    this.#objects.set(name, object)
    this.#changed({ version, type: old === undefined ? 'ADDED' : 'MODIFIED', object })
  }

  delete(name: string): void {
    const old = this.#objects.get(name)
    if (old === undefined) return
    const version = ++this.#version
    this.#objects.delete(name)
    this.#changed({ version, type: 'DELETED', object: { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } } })
  }

  /** Something changes in another collection: versions are counted over all of them. */
  changeElsewhere(): void {
    this.#version += 1
  }

  /** Changes before this moment are answered with 410. */
  compact(): void {
    this.#compacted = this.#version
  }

  #changed(change: Change): void {
    this.#history.push(change)
    for (const wake of [...this.#waiting]) wake()
  }

  async #begin(kind: VirtualRequest['kind'], options: ListOptions & WatchOptions): Promise<VirtualFault | undefined> {
    this.requests.push({ at: this.#clock.monotonic(), kind, options })
    const fault = this.faults.shift()
    await sleep(this.#clock, fault?.type === 'Slow' ? fault.milliseconds : latencyMs, options.signal)
    if (fault?.type === 'Refused') throw fault.error
    return fault
  }

  async *#pages(options: ListOptions): AsyncGenerator<ObjectList<VirtualObject>, void, undefined> {
    const fault = await this.#begin('list', options)
    if (fault?.type === 'Broken') throw broken(fault.how)
    const version = options.resourceVersion === '0' ? this.#version - this.staleBy : this.#version
    if (Number(options.resourceVersion ?? 0) > version) throw tooLarge()
    const items = this.#stateAt(version)
    const size = options.limit === 0 ? Number.POSITIVE_INFINITY : this.pageSize
    for (let start = 0; start === 0 || start < items.length; start += size) {
      if (start > 0) {
        const between = await this.#begin('list', { ...options, continue: String(start) })
        if (between?.type === 'Broken') throw broken(between.how)
        if (version < this.#compacted) throw expired()
      }
      yield { items: items.slice(start, start + size).map(copy), resourceVersion: String(version) }
    }
  }

  #stateAt(version: number): readonly VirtualObject[] {
    const state = new Map<string, VirtualObject>()
    for (const change of this.#history) {
      if (change.version > version) break
      if (change.type === 'DELETED') state.delete(change.object.metadata.name)
      else state.set(change.object.metadata.name, change.object)
    }
    return [...state.values()]
  }

  async *#watch(options: WatchOptions): AsyncGenerator<WatchEvent<VirtualObject>, void, undefined> {
    const fault = await this.#begin('watch', options)
    const { sendInitialEvents = false, timeoutSeconds = 300, resourceVersion } = options
    if (sendInitialEvents && !this.streamingList)
      throw new ApiError({ call: 'watch', status: 422, reason: 'Invalid', message: 'sendInitialEvents' })
    if (Number(resourceVersion ?? 0) > this.#version) throw tooLarge()
    if (!sendInitialEvents && Number(resourceVersion) < this.#compacted) throw expired()
    options.onOpen?.()
    const endsAt = this.#clock.monotonic() + timeoutSeconds * 1000
    let left = fault?.type === 'Broken' ? fault.afterEvents : Number.POSITIVE_INFINITY
    for await (const event of this.#events(sendInitialEvents, Number(resourceVersion), endsAt, options.signal)) {
      if (left-- <= 0 && fault?.type === 'Broken') {
        if (fault.how === 'end') return
        if (fault.how === 'silent') await this.#hush(options)
        throw broken(fault.how)
      }
      yield event
      if (fault?.type === 'Twice') yield event.type === 'BOOKMARK' ? event : { ...event, object: copy(event.object) }
    }
  }

  async *#events(
    initial: boolean,
    from: number,
    endsAt: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchEvent<VirtualObject>, void, undefined> {
    let cursor = from
    if (initial) {
      cursor = this.#version
      for (const object of this.objects) yield { type: 'ADDED', object: copy(object) }
      yield { type: 'BOOKMARK', resourceVersion: String(cursor), endOfInitialEvents: true }
    }
    for (;;) {
      for (const { version, type, object } of this.#history.filter((change) => change.version > cursor)) {
        cursor = version
        yield { type, object: copy(object) }
      }
      const wait = Math.min(bookmarkMs, endsAt - this.#clock.monotonic())
      if (wait <= 0) return
      if (await this.#quiet(wait, signal)) {
        if (this.#clock.monotonic() >= endsAt) return
        cursor = this.#version
        yield { type: 'BOOKMARK', resourceVersion: String(cursor), endOfInitialEvents: false }
      }
    }
  }

  /** Waits for a change; true when none came. */
  async #quiet(milliseconds: number, signal: AbortSignal | undefined): Promise<boolean> {
    const woken = new AbortController()
    const wake = () => woken.abort()
    this.#waiting.add(wake)
    try {
      await sleep(this.#clock, milliseconds, signal === undefined ? woken.signal : AbortSignal.any([woken.signal, signal]))
      return true
    } catch (error) {
      if (woken.signal.aborted && signal?.aborted !== true) return false
      throw error
    } finally {
      this.#waiting.delete(wake)
    }
  }

  /** The connection stays open and says nothing: what measures silence ends it, or nobody does. */
  async #hush({ silenceMs, signal }: WatchOptions): Promise<never> {
    await sleep(this.#clock, silenceMs ?? Number.MAX_SAFE_INTEGER, signal)
    throw new WatchSilent('watch', silenceMs ?? 0)
  }
}

/** Whoever reads owns what was parsed for it. */
function copy(object: VirtualObject): VirtualObject {
  return structuredClone(object)
}

function expired(): ApiError {
  return new ApiError({ call: 'watch', status: 410, reason: 'Expired', message: 'too old resource version' })
}

function tooLarge(): ApiError {
  const details = { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 }
  return new ApiError({
    call: 'list',
    status: 504,
    reason: 'Timeout',
    message: 'Too large resource version',
    details,
    retryAfterSeconds: 1,
  })
}

function broken(how: 'cut' | 'end' | 'expired' | 'serverError' | 'silent'): Error {
  if (how === 'expired') return expired()
  if (how === 'serverError') return new ApiError({ call: 'watch', status: 500, reason: 'InternalError', message: 'it broke' })
  return new ConnectionError({ call: 'watch', failure: 'Reset', maybeSent: true, message: 'cut' })
}

import { compareResourceVersions, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import type { Clock } from './clock.ts'

/** What the barrier asks of the cache. */
export interface Observed {
  /** How far the cache of a resource is known to be in that namespace; undefined when it is not watched. */
  versionOf(resource: Resource, namespace: string): string | undefined
  find(resource: Resource, key: ObjectKey): KubeObject | undefined
}

/** What a barrier is built from. */
export interface OwnWritesOptions {
  readonly clock: Clock
  readonly observed: Observed
  /** Milliseconds after which a pass is let through although the cache does not show its writes: 10,000. */
  readonly giveUpMs?: number
}

/** A deletion of ours whose event has not come: where, and the very object. */
export interface Tombstone {
  readonly resource: Resource
  readonly key: ObjectKey
  readonly uid: string
  /** Monotonic milliseconds. */
  readonly at: number
}

interface KeyState {
  /** Newest version that this key wrote, by resource and namespace. */
  readonly writes: Map<string, { readonly resource: Resource; readonly namespace: string; readonly version: string }>
  /** By UID: versions cannot prove that something is absent. */
  readonly tombstones: Map<string, Tombstone>
  waitingSince: number | undefined
  waits: number
}

/** Whether a pass may start. */
export type BarrierVerdict = { readonly type: 'pass' } | { readonly type: 'wait'; readonly afterMs: number } | { readonly type: 'givenUp' }

/** Pauses between two looks: 10 ms, doubled, at most 100 ms. */
const firstPauseMs = 10
const longestPauseMs = 100

/**
 * Reads what one wrote: remembers per key the newest version that its passes wrote of each resource, and which objects they deleted, until the cache
 * shows them. A pass that starts earlier would act on its own past and do things twice (KEP-5647; kubernetes-sigs/controller-runtime#3472).
 */
export class OwnWrites {
  readonly #clock: Clock
  readonly #observed: Observed
  readonly #giveUpMs: number
  readonly #keys = new Map<string, KeyState>()

  constructor({ clock, observed, giveUpMs = 10_000 }: OwnWritesOptions) {
    this.#clock = clock
    this.#observed = observed
    this.#giveUpMs = giveUpMs
  }

  /** How many keys wait for something; bounded by what is being worked on. */
  get size(): number {
    return this.#keys.size
  }

  /** Remembers what the server answered to a write. */
  wrote(key: string, resource: Resource, object: KubeObject): void {
    const namespace = object.metadata.namespace ?? ''
    const version = object.metadata.resourceVersion
    const observed = this.#observed.versionOf(resource, namespace)
    if (version === undefined || observed === undefined || isAtLeast(observed, version)) return
    const state = this.#state(key)
    const place = `${resourceName(resource)}|${namespace}`
    const before = state.writes.get(place)
    if (before === undefined || !isAtLeast(before.version, version)) state.writes.set(place, { resource, namespace, version })
  }

  /** Remembers that an object was deleted. */
  deleted(key: string, resource: Resource, object: ObjectKey, uid: string): void {
    if (this.#observed.versionOf(resource, object.namespace) === undefined) return
    this.#state(key).tombstones.set(uid, { resource, key: object, uid, at: this.#clock.monotonic() })
  }

  /** Asks before a pass. `givenUp` is said once: what was waited for is then forgotten. */
  ask(key: string): BarrierVerdict {
    const state = this.#keys.get(key)
    if (state === undefined) return { type: 'pass' }
    this.#dropSeen(state)
    if (state.writes.size === 0 && state.tombstones.size === 0) {
      this.#keys.delete(key)
      return { type: 'pass' }
    }
    const now = this.#clock.monotonic()
    state.waitingSince ??= now
    // A tombstone alone waits for its own 30 s and a look at the server (see `overdue`); a version is given up after 10 s.
    if (state.writes.size > 0 && now - state.waitingSince >= this.#giveUpMs) {
      state.writes.clear()
      state.waitingSince = undefined
      state.waits = 0
      return { type: 'givenUp' }
    }
    return { type: 'wait', afterMs: Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(state.waits++, 10)) }
  }

  /** Tombstones that are older than 30 s: ask the server about them, then {@link settle} them. */
  overdue(key: string): readonly Tombstone[] {
    const now = this.#clock.monotonic()
    return [...(this.#keys.get(key)?.tombstones.values() ?? [])].filter(({ at }) => now - at >= 30_000)
  }

  /** Forgets one tombstone. */
  settle(key: string, uid: string): void {
    this.#keys.get(key)?.tombstones.delete(uid)
  }

  /** Forgets a key. */
  forget(key: string): void {
    this.#keys.delete(key)
  }

  #state(key: string): KeyState {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const state: KeyState = { writes: new Map(), tombstones: new Map(), waitingSince: undefined, waits: 0 }
    this.#keys.set(key, state)
    return state
  }

  #dropSeen(state: KeyState): void {
    for (const [place, { resource, namespace, version }] of state.writes) {
      const observed = this.#observed.versionOf(resource, namespace)
      if (observed === undefined || isAtLeast(observed, version)) state.writes.delete(place)
    }
    for (const [uid, { resource, key }] of state.tombstones) {
      const object = this.#observed.find(resource, key)
      // Seen as gone, as another object of that name, or as being on its way out: in each case a pass can no longer take it for alive.
      if (object === undefined || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined)
        state.tombstones.delete(uid)
    }
  }
}

/** Versions that are no numbers cannot be compared; the barrier is then open rather than shut for ever (kubernetes/ingress-gce#3235). */
function isAtLeast(observed: string, version: string): boolean {
  if (observed === '') return false
  const order = compareResourceVersions(observed, version)
  return order === undefined || order >= 0
}

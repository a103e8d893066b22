import type { KubeObject, ObjectKey } from './object.ts'

/**
 * A change of a store. It is told after the store has it, in the order in which the server did it; `object` and `old` belong to everybody and
 * must not be changed. An `updated` whose `old` and `object` are the same object is a resync: nothing changed, look again all the same.
 */
export type StoreEvent<T> =
  | { readonly type: 'added'; readonly object: T; readonly old?: undefined; readonly initial: boolean }
  | { readonly type: 'updated'; readonly object: T; readonly old: T; readonly initial: boolean }
  /** `object` is the last known state; `synthesized` when the deletion itself was missed and only a new list showed it. */
  | { readonly type: 'deleted'; readonly object: T; readonly old?: undefined; readonly initial: false; readonly synthesized: boolean }

/** Called for each change, synchronously. What it throws is logged and counted, and harms nobody else. */
export type StoreHandler<T> = (event: StoreEvent<T>) => void

/** Values under which an object is found in an index; none to leave it out. */
export type IndexFunction<T> = (object: T) => readonly string[]

/** The read side of a cache of one collection. */
export interface Store<T extends KubeObject = KubeObject> {
  get(key: ObjectKey): T | undefined
  list(): readonly T[]
  /** Objects for which the named index function gave this value. Throws for an index that was not declared. */
  byIndex(index: string, value: string): readonly T[]
  readonly size: number
  /** How far the store is known to be: version of the last list, event or bookmark; empty before the first list. */
  readonly resourceVersion: string
  /**
   * Tells every change from now on; objects that are there already are told first, as `added` with `initial: true`.
   *
   * @returns ends the subscription
   */
  subscribe(handler: StoreHandler<T>): () => void
}

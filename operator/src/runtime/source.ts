import type { KubeObject, ObjectKey } from '../kube/object.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import type { IndexFunction } from '../kube/store.ts'
import type { CacheReader } from './cache.ts'
import type { Predicate } from './predicates.ts'

/**
 * Whom a change of an object concerns. `owner`: the primary object that controls it (owner reference with `controller: true`, of the primary's kind).
 * `none`: nobody; the resource is only kept in the cache, to be read. A function: whoever it names; it is called with the old and the new state.
 */
export type SourceMapping<T extends KubeObject> = 'owner' | 'none' | ((object: T, cache: CacheReader) => readonly ObjectKey[])

/** A watched resource beside the primary one. */
export interface SourceOptions<T extends KubeObject> {
  readonly resource: Resource
  /** Keeps what is not selected out of the cache: memory follows the work, not the cluster. */
  readonly labelSelector?: string
  /** Caches `PartialObjectMetadata` only. */
  readonly metadataOnly?: boolean
  /** Default `owner`. */
  readonly map?: SourceMapping<T>
  /** Default: `contentChanged`. */
  readonly predicate?: Predicate<T>
  /** Further indexes for `CacheReader.byIndex`; that by owner is always there. */
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>
  /**
   * Works without the kind being served, for objects of add-ons (monitoring, Gateway API). Default: the manager waits until the API serves it.
   */
  readonly optional?: boolean
}

/** A {@link SourceOptions} whose object type was checked where it was written and is not looked at any more. */
export type Source = SourceOptions<KubeObject>

/** Declares a source with the type of its objects. */
export function source<T extends KubeObject>(options: SourceOptions<T>): Source {
  return options as unknown as Source
}

/** Verbs of a role. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'

/** A right that a controller needs beyond watching its sources: what it writes, and what it reads by name only. */
export interface AccessRule {
  readonly resource: Resource
  readonly subresource?: 'status' | 'scale' | 'finalizers' | 'eviction' | 'log'
  readonly verbs: readonly Verb[]
  /** Only these names. */
  readonly names?: readonly string[]
}

/** `patch jobs.batch/status`. */
export function describeAccess(verb: string, resource: Resource, subresource?: string): string {
  return `${verb} ${resourceName(resource)}${subresource === undefined ? '' : `/${subresource}`}`
}

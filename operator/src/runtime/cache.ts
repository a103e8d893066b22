// oxlint-disable typescript/no-unnecessary-type-parameters -- raw JSON of the API: the caller says which kind it expects, as with the client's calls
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'

/** The read side of everything that is watched. Reading a resource that no source names throws: it would look empty for ever. */
export interface CacheReader {
  get<T extends KubeObject = KubeObject>(resource: Resource, key: ObjectKey): T | undefined
  /** All, or those of one namespace. */
  list<T extends KubeObject = KubeObject>(resource: Resource, namespace?: string): readonly T[]
  /** Objects that the object with this UID controls. */
  controlledBy<T extends KubeObject = KubeObject>(resource: Resource, uid: string): readonly T[]
  /** Objects for which a declared index gave `value`. */
  byIndex<T extends KubeObject = KubeObject>(resource: Resource, index: string, value: string): readonly T[]
  /** Whether the resource is watched and was filled; false for an optional one that the API does not serve. */
  has(resource: Resource): boolean
}

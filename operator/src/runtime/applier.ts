import type { AppliedObject, KubeObject } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'

/** What an apply came to. */
export interface Applied<T extends KubeObject = KubeObject> {
  readonly action: 'created' | 'updated' | 'unchanged'
  /** The object as it is now. */
  readonly object: T
}

/** How one object is applied. */
export interface ApplyIntent {
  readonly resource: Resource
  /** Exactly the fields that we mean; the controller reference and the hash annotation are added. */
  readonly desired: AppliedObject
  /** Who controls it. */
  readonly owner: KubeObject
  /** Default: the applier's own. */
  readonly fieldManager?: string
  /** Takes fields from other managers. Default true, as for any controller; false makes conflicts show up. */
  readonly force?: boolean
  /**
   * Never changes an object that is there (Jobs, whose template is immutable): answers `unchanged` with it.
   */
  readonly createOnly?: boolean
  /**
   * Leaves the controller reference out (volumes that outlive their owner). Such an object counts as ours by the owner annotation.
   */
  readonly orphaned?: boolean
}

/** Applies objects so that a write leaves only when something would change, and never onto what belongs to somebody else. */
export interface Applier {
  /**
   * @throws NameConflict when an object of that name exists and is not the owner's; nothing was written
   */
  apply<T extends KubeObject = KubeObject>(intent: ApplyIntent): Promise<Applied<T>>
  /** What {@link apply} would do, judged by the cache; writes nothing. For reporting drift while paused. */
  plan(intent: ApplyIntent): 'created' | 'updated' | 'unchanged' | 'conflict'
  /**
   * Deletes an object of the owner, with its UID as precondition; does nothing when it is gone or on its way out already.
   *
   * @throws NameConflict when it is not the owner's
   */
  delete(resource: Resource, object: KubeObject, owner: KubeObject, propagation?: 'Foreground' | 'Background' | 'Orphan'): Promise<'deleted' | 'gone'>
}

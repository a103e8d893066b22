import type { KubeObject } from '../kube/object.ts'
import type { StoreEvent } from '../kube/store.ts'
import { sameJson } from './json.ts'

/** Whether a change is worth a pass. */
export type Predicate<T extends KubeObject = KubeObject> = (event: StoreEvent<T>) => boolean

/** Every change. */
export const anyChange: Predicate = () => true

/** Builds a predicate from what to look at in an update; additions and deletions always pass. */
function onUpdate<T extends KubeObject>(changed: (old: T, object: T) => boolean): Predicate<T> {
  return (event) => event.type !== 'updated' || changed(event.old, event.object)
}

/**
 * The default for the primary resource: what a person or a pipeline changed (`generation`, labels, annotations), or that it is being deleted.
 * Writes to `status`, and finalizers, do not count, so that a controller does not wake itself.
 */
export const specChanged: Predicate = onUpdate(
  (old, object) =>
    old.metadata.generation !== object.metadata.generation ||
    old.metadata.deletionTimestamp !== object.metadata.deletionTimestamp ||
    old.metadata.uid !== object.metadata.uid ||
    !sameJson(old.metadata.labels, object.metadata.labels) ||
    !sameJson(old.metadata.annotations, object.metadata.annotations),
)

/**
 * The default for children: anything but bookkeeping of the server (`resourceVersion`, `managedFields`, …). Renewed heartbeats of other controllers
 * that change no field do not count.
 */
export const contentChanged: Predicate = onUpdate(
  (old, object) =>
    old.metadata.generation !== object.metadata.generation ||
    old.metadata.uid !== object.metadata.uid ||
    old.metadata.deletionTimestamp !== object.metadata.deletionTimestamp ||
    !sameJson(old.metadata.finalizers, object.metadata.finalizers) ||
    !sameJson(old.metadata.ownerReferences, object.metadata.ownerReferences) ||
    !sameJson(old.metadata.labels, object.metadata.labels) ||
    !sameJson(old.metadata.annotations, object.metadata.annotations) ||
    !sameJson(withoutMetadata(old), withoutMetadata(object)),
)

/** Only additions and deletions: whether something exists. */
export const existenceChanged: Predicate = onUpdate((old, object) => old.metadata.uid !== object.metadata.uid)

/** Passes what any of them passes. */
export function anyOf<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (event) => predicates.some((predicate) => predicate(event))
}

function withoutMetadata({ metadata: _metadata, ...rest }: KubeObject): object {
  return rest
}

import type { Client } from '../kube/client.ts'
import { keyOf, type KubeObject } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'

/** Whether the object carries the finalizer. */
export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true
}

/**
 * Adds a finalizer, if it is not there. The whole list is written with the object's `resourceVersion` as precondition, so a list that somebody else
 * changed meanwhile is never overwritten.
 *
 * @throws ApiError 409 when the object changed since it was read: read it again
 */
export async function addFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object
  return write(client, resource, object, [...(object.metadata.finalizers ?? []), finalizer], signal)
}

/** Removes a finalizer, if it is there; the counterpart of {@link addFinalizer}. The last one removed lets a deleted object go. */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<T> {
  if (!hasFinalizer(object, finalizer)) return object
  const rest = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer)
  return write(client, resource, object, rest, signal)
}

async function write<T extends KubeObject>(
  client: Client,
  resource: Resource,
  object: T,
  finalizers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<T> {
  const { uid, resourceVersion } = object.metadata
  return client.patch<T>(
    resource,
    keyOf(object),
    { metadata: { uid, resourceVersion, finalizers } },
    { type: 'merge', ...(signal === undefined ? {} : { signal }) },
  )
}

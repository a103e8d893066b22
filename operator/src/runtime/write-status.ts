import type { Client } from '../kube/client.ts'
import type { KubeObject } from '../kube/object.ts'
import { apiVersionOf, type Resource } from '../kube/resource.ts'
import { sameJson } from './json.ts'
import { withoutEmpty } from './without-empty.ts'

/**
 * Applies the whole status of an object, as it was read, without blocks that hold nothing; one that says nothing new is not sent. For the status of a
 * custom resource the server compares no UID: without the version, a new object of the same name would get this one's past.
 *
 * @returns the object as the server has it now
 */
export async function writeStatus<T extends KubeObject & { readonly status?: object }>(
  client: Client,
  resource: Resource,
  object: T,
  status: object,
  options: { readonly fieldManager: string; readonly signal: AbortSignal },
): Promise<T> {
  const kept = withoutEmpty(status)
  if (sameJson(object.status ?? {}, kept)) return object
  const { namespace = '', name, uid = '', resourceVersion = '' } = object.metadata
  const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { namespace, name, uid, resourceVersion } }
  const wanted = { ...identity, ...(Object.keys(kept).length === 0 ? {} : { status: kept }) }
  return await client.applyStatus<T>(resource, wanted, { ...options, force: true })
}

import type { Client } from '../kube/client.ts'
import type { KubeObject } from '../kube/object.ts'
import { apiVersionOf, type Resource } from '../kube/resource.ts'

/**
 * Applies the whole status of an object, as it was read. For the status of a custom resource the server compares no UID: without the version, a new
 * object of the same name would get this one's past.
 *
 * @returns the object as the server has it now
 */
export function writeStatus<T extends KubeObject>(
  client: Client,
  resource: Resource,
  { metadata }: T,
  status: object,
  options: { readonly fieldManager: string; readonly signal: AbortSignal },
): Promise<T> {
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata
  const wanted = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { namespace, name, uid, resourceVersion }, status }
  return client.applyStatus<T>(resource, wanted, { ...options, force: true })
}

import type { Client } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import { resourceName, resources, type Resource } from '../kube/resource.ts'
import { hashJson } from './json.ts'

/** Whether the API serves a resource in its version, by discovery; every authenticated account may ask. */
export async function isServed(client: Client, resource: Resource, signal: AbortSignal): Promise<boolean> {
  const path = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  try {
    const { text } = await client.request({ method: 'GET', path, signal, call: `discover ${resourceName(resource)}` })
    const list = JSON.parse(text) as { readonly resources?: readonly { readonly name: string }[] }
    return list.resources?.some(({ name }) => name === resource.plural) === true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** The schema of one version of a CustomResourceDefinition. */
interface Definition {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: { readonly versions: readonly { readonly name: string; readonly schema?: { readonly openAPIV3Schema?: unknown } }[] }
}

/** Names the schema of one version, so that the served one can be compared with the one a program was built with; undefined without that version. */
export function schemaHash(definition: object, version: string): string | undefined {
  const schema = (definition as Definition).spec.versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema
  return schema === undefined ? undefined : hashJson(schema)
}

/**
 * Hash of the schema that the cluster serves for a custom resource.
 *
 * @throws ApiError 403 where the operator may not read definitions: then nothing is known
 */
export async function servedSchemaHash(client: Client, resource: Resource, signal: AbortSignal): Promise<string | undefined> {
  const definition = await client.get<Definition>(
    resources.customResourceDefinitions,
    { namespace: '', name: resourceName(resource) },
    { signal },
  )
  return schemaHash(definition, resource.version)
}

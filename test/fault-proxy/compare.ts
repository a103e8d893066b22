import type { Client } from '../../operator/src/kube/client.ts'
import type { CollectionReflector } from '../../operator/src/kube/collection-reflector.ts'
import { keyOf, keyToString, type DynamicObject, type KubeObject } from '../../operator/src/kube/object.ts'
import { dropBulk } from '../../operator/src/kube/transform.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** How a cache differs from the server: keys with what is wrong with them. Empty: they agree, object by object, field by field. */
export async function differences(
  client: Client,
  reflector: CollectionReflector<DynamicObject>,
  namespace: string,
): Promise<readonly string[]> {
  const { items } = await client.list(reflector.resource, { namespace })
  const wanted = byKey(items.map((item) => dropBulk(item)))
  const cached = byKey(reflector.store.list())
  const missing = [...wanted.keys()].filter((key) => !cached.has(key)).map((key) => `${key} is not in the cache`)
  const dead = [...cached.keys()].filter((key) => !wanted.has(key)).map((key) => `${key} is in the cache only`)
  const changed = [...wanted]
    .filter(([key, object]) => cached.has(key) && sorted(cached.get(key)) !== sorted(object))
    .map(([key, object]) => `${key} has version ${cached.get(key)?.metadata.resourceVersion}, not ${object.metadata.resourceVersion}`)
  return [...missing, ...dead, ...changed]
}

/** Waits until cache and server agree; the error names what does not. Gives the milliseconds that it took. */
export async function untilEqual(
  client: Client,
  reflector: CollectionReflector<DynamicObject>,
  namespace: string,
  timeoutMs = 20_000,
): Promise<number> {
  const started = performance.now()
  await waitFor(
    async () => {
      const found = await differences(client, reflector, namespace)
      if (found.length > 0) throw new Error(found.slice(0, 5).join('; '))
      return true
    },
    { what: 'a cache that equals the server', timeoutMs, intervalMs: 25 },
  )
  return performance.now() - started
}

function byKey<T extends KubeObject>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [keyToString(keyOf(object)), object]))
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : field,
  )
}

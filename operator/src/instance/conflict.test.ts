import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../api/notejam.ts'
import { silentLogger } from '../kube/logger.ts'
import { MemoryStore } from '../kube/memory-store.ts'
import type { KubeObject } from '../kube/object.ts'
import { resourceName, resources, type Resource } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { ownerReference } from '../runtime/applier.ts'
import { findConflict } from './conflict.ts'
import { childIndexes, instanceIndexes } from './indexes.ts'
import { notejamInstances } from './kinds.ts'
import { httpRoutes } from './resources/http-route.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'
import { findRival, hostsOf } from './rivals.ts'

/** The stores and indexes of the controller, without a server; reading a whole collection is refused. */
function cacheOf(objects: ReadonlyMap<Resource, readonly KubeObject[]>): CacheReader {
  const stores = new Map(
    [notejamInstances, resources.ingresses, httpRoutes].map((resource) => {
      const indexes = resource === notejamInstances ? instanceIndexes : childIndexes(resource)
      const store = new MemoryStore<KubeObject>({ logger: silentLogger, indexes })
      for (const object of objects.get(resource) ?? []) store.put(object)
      return [resourceName(resource), store]
    }),
  )
  const storeOf = (resource: Resource) => stores.get(resourceName(resource)) as MemoryStore
  const byIndex = (resource: Resource, index: string, value: string) => storeOf(resource).byIndex(index, value)
  const refuse = (): never => {
    throw new Error('A pass must not look at a whole collection.')
  }
  return {
    get: (resource, key) => storeOf(resource).get(key),
    list: refuse,
    controlledBy: refuse,
    byIndex,
    has: () => true,
  } as CacheReader
}

interface Traits {
  readonly name: string
  readonly namespace: string
  readonly database: string
  readonly address: string | undefined
  readonly hosts: readonly string[]
  readonly served: readonly string[]
  readonly born: number
}

function instanceWith({ name, namespace, database, address, hosts, born }: Traits): NotejamInstance {
  const identity = { instanceUID: name, environment: 'Test', fingerprint: 'f' }
  const known = database.startsWith('claim') ? 'file' : address
  const sample = sampleInstance({
    ...samples.development.instance.spec,
    database: database.startsWith('claim')
      ? { type: 'SQLite', sqlite: { storage: { existingClaim: database } } }
      : { type: 'PostgreSQL', external: { secretRef: { name: database } } },
    http: { hosts, ingress: {} },
  })
  const metadata = { ...sample.metadata, name, namespace, uid: `${namespace}-${name}`, creationTimestamp: `2026-01-01T00:00:0${born}Z` }
  return {
    ...sample,
    metadata,
    ...(address === undefined ? {} : { status: { databaseIdentity: { ...identity, ...(known === undefined ? {} : { address: known }) } } }),
  }
}

function ingressOf(instance: NotejamInstance, hosts: readonly string[]): KubeObject {
  const { name, namespace = '' } = instance.metadata
  const ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace, uid: `ingress-${namespace}-${name}`, ownerReferences: [ownerReference(instance)] },
    spec: { rules: hosts.map((host) => ({ host })) },
  }
  return ingress
}

const hosts = fc.subarray(['a.example.org', 'b.example.org', 'c.example.org'])
const crowds = fc.uniqueArray(
  fc.record<Traits>({
    name: fc.constantFrom('one', 'two', 'three'),
    namespace: fc.constantFrom('team', 'other'),
    database: fc.constantFrom('claim-1', 'claim-2', 'secret-1', 'secret-2'),
    address: fc.constantFrom(undefined, 'address-1', 'address-2'),
    hosts,
    served: hosts,
    born: fc.nat(3),
  }),
  { minLength: 1, maxLength: 6, selector: ({ name, namespace }) => `${namespace}/${name}` },
)

describe('findConflict', () => {
  it('finds by indexes what a look at all others finds', () => {
    fc.assert(
      fc.property(crowds, (crowd) => {
        const instances = crowd.map((traits) => instanceWith(traits))
        const ingresses = crowd.map(({ served }, index) => ingressOf(instances[index] as NotejamInstance, served))
        const cache = cacheOf(
          new Map([
            [notejamInstances, instances],
            [resources.ingresses, ingresses],
          ]),
        )
        const contenders = crowd.map(({ database, address }, index) => ({
          instance: instances[index] as NotejamInstance,
          address: database.startsWith('claim') ? undefined : address,
          servedHosts: hostsOf(ingresses[index] as KubeObject),
        }))

        for (const own of contenders) {
          const others = contenders.filter((other) => other !== own)
          const found = findConflict(own.instance, own.address, cache)

          // Which of several rivals is named does not matter.
          const reasons = others.map((other) => findRival(own, [other])?.reason).filter((reason) => reason !== undefined)
          if (found === undefined) expect(reasons).toEqual([])
          else expect(reasons).toContain(found.reason)
        }
      }),
    )
  })

  it('takes no Ingress of an earlier instance of the same name for one of the new one', () => {
    const traits = { namespace: 'team', address: undefined, served: [], hosts: ['a.example.org'] }
    const own = instanceWith({ ...traits, name: 'own', database: 'secret-1', born: 0 })
    const other = instanceWith({ ...traits, name: 'other', database: 'secret-2', born: 1 })
    const earlier = { ...other, metadata: { ...other.metadata, uid: 'earlier' } }
    const cache = cacheOf(
      new Map<Resource, readonly KubeObject[]>([
        [notejamInstances, [own, other]],
        [resources.ingresses, [ingressOf(earlier, ['a.example.org'])]],
      ]),
    )

    expect(findConflict(own, undefined, cache)).toBeUndefined()
  })
})

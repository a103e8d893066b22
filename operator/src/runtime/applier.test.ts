import { expect, it } from 'vitest'
import type { Client } from '../kube/client.ts'
import type { AppliedObject, KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import { AppliedMemory, ServerSideApplier } from './applier.ts'
import type { CacheReader } from './cache.ts'
import { noMetrics } from './metrics.ts'

const owner: KubeObject = { apiVersion: 'x.test/v1', kind: 'Owner', metadata: { name: 'o', namespace: 'ns', uid: 'owner' } }
const withData = (data: Readonly<Record<string, string>>): AppliedObject =>
  Object.assign({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'ns' } }, { data })

/** An applier over a cache of one object, which takes what is sent as the server would. */
function build() {
  let live: KubeObject | undefined
  let version = 1
  const put = (object: KubeObject): KubeObject => {
    live = structuredClone({ ...object, metadata: { ...object.metadata, uid: 'child', resourceVersion: String(version++) } })
    return live
  }
  const applier = new ServerSideApplier({
    client: {
      apply: async (_resource: Resource, object: AppliedObject) => Promise.resolve(put(object as KubeObject)),
    } as unknown as Client,
    cache: { get: () => live } as unknown as CacheReader,
    memory: new AppliedMemory(),
    fieldManager: 'x.test/manager',
    annotations: { hash: 'x.test/hash', owner: 'x.test/owner', adopt: 'x.test/adopt' },
    metrics: noMetrics,
    isCached: () => true,
  })
  const plan = (data = { key: 'value' }) => applier.plan({ resource: resources.configMaps, desired: withData(data), owner })
  return { applier, plan, put, live: () => live as KubeObject }
}

it('looks anew at each state of an object, however often the one before was found to be right', async () => {
  const { applier, plan, put, live } = build()
  await applier.apply({ resource: resources.configMaps, desired: withData({ key: 'value' }), owner })
  const before = [plan(), plan(), plan({ key: 'other' })]

  put({ ...live(), data: { key: 'spoilt' } } as KubeObject)
  const spoilt = [plan(), plan()]
  put({ ...live(), data: { key: 'value', more: 'of others' } } as KubeObject)

  expect([before, spoilt, plan()]).toEqual([['unchanged', 'unchanged', 'updated'], ['updated', 'updated'], 'unchanged'])
})

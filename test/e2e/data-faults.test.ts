import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient } from '../cluster/api-client.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { kubectlFor } from '../support/kubectl.ts'
import { deleteNamespace } from '../support/namespace.ts'
import { FaultedInstance } from './data-faults.ts'
import { faultKinds } from './data-faults-kinds.ts'
import { killBackups } from './data-faults-kills.ts'

// The short form of the proof `data-faults`.
describe('faults while backups run', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  let store: ObjectStore
  let faulted: FaultedInstance | undefined

  beforeAll(async () => {
    store = await startObjectStore()
  })

  afterEach(async ({ task }) => {
    if (faulted === undefined) return
    if (task.result?.state === 'fail') await keepDiagnostics(api, faulted.place.namespace, 'data-faults')
    await faulted[Symbol.asyncDispose]()
    await deleteNamespace(api, faulted.place.namespace)
  })

  afterAll(async () => {
    await api.close()
    await store[Symbol.asyncDispose]()
  })

  it('leave no half archive, change none, and are told: a process that is killed, a store that refuses', async () => {
    await using cluster = await openCluster(clusterName)
    const site = { api, kubectl: await kubectlFor(kubeconfig), kubeconfig, ingressUrl, images, endpoint: store.endpoint }
    const own = await FaultedInstance.begin('sqlite', site, store, cluster.hostAddress, 8_000)
    faulted = own
    const wholeMs = await own.measure()
    await own.look('a backup with nothing in its way')

    const kills = await killBackups(own, wholeMs, [3, 8])
    await faultKinds.denied(own)

    expect(kills.landed).toBeGreaterThan(0)
    expect(own.archives.good).toBeGreaterThanOrEqual(3)
    expect(await own.archives.plant('half')).not.toEqual([])
    expect(await own.archives.plant('overwritten')).not.toEqual([])
  }, 300_000)
})

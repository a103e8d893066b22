import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { ApiClient } from '../cluster/api-client.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { kubectlFor } from '../support/kubectl.ts'
import { deleteNamespace } from '../support/namespace.ts'
import { lossEngines } from './losses-engines.ts'
import { LostInstance } from './losses.ts'
import { storySteps } from './story-steps.ts'

// The short form of the proof `losses`. One instance is lost again and again, in order.
describe('what was lost comes back: rows, hashes, times and passwords as they were, people still signed in', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  let store: ObjectStore
  let lost: LostInstance | undefined
  const story = storySteps()
  const { step } = story

  const found = (): LostInstance => {
    if (lost === undefined) throw new Error('there is no instance yet')
    return lost
  }

  beforeAll(async () => {
    await using cluster = await openCluster(clusterName)
    store = await startObjectStore({ host: cluster.hostAddress })
  })

  afterAll(async () => {
    if (lost !== undefined) {
      if (story.failed) await keepDiagnostics(api, lost.namespace, 'losses')
      await lost.close()
      await deleteNamespace(api, lost.namespace)
    }
    await api.close()
    await store[Symbol.asyncDispose]()
  })

  step('a Production instance with a store is backed up on demand', async () => {
    const site = { api, kubectl: await kubectlFor(kubeconfig), kubeconfig, ingressUrl, images, endpoint: store.endpoint }
    lost = await LostInstance.begin(lossEngines.postgresql, site, store)
  })

  step(
    'one byte of the newest archive flips: its trial says so, pruning keeps the older good one, deleted notes come back from it',
    async () => {
      const old = await found().flipByte()

      await found().letGo(old.archive)
    },
  )

  step('one of two identities is lost: the other opens what there is, a new one what comes', async () => {
    await found().loseKey()
  })

  step('a database that lost its volume is restored in place', async () => {
    await found().loseVolume()
  })

  step('a namespace that is gone is rebuilt from the bucket alone, and people stay signed in', async () => {
    await found().loseNamespace()
  })
})

import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { startControlPlane } from '../cluster/control-plane.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { instanceManagerOptions, runInstanceFaults, writeFaults } from './instance-fault-matrix.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { instanceType, Scene } from './instance-scene.ts'
import { countWrites } from './runtime-faults.ts'
import { connect, start } from './runtime-fixture.ts'

const api = controlPlaneApi()

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a deleted instance', () => {
  it('is gone with all its children when it is deleted, and can be made again at once', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')
    const before = new Set((await scene.children()).map(({ metadata }) => metadata.uid))

    await api.delete(instanceType, 'notes', scene.namespace)
    await scene.create('good-2')
    // The garbage collector learns of a new kind within half a minute.
    await scene.served('good-2', 75_000)

    const after = (await scene.children()).filter(({ metadata }) => before.has(metadata.uid))
    expect(after).toEqual([])
    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await scene.children()).length === 0, { what: 'every child being gone', timeoutMs: 75_000 })
  }, 180_000)
})

describe('the operator', () => {
  it('writes nothing at rest, nor after a restart', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')
    const versions = async () =>
      [await scene.get(), ...(await scene.children())].map((object) => `${object?.kind} ${object?.metadata.resourceVersion}`).toSorted()
    const before = await versions()

    await scene.restartOperator()
    await waitFor(() => scene.operator.log.some((line) => line.includes('The caches are filled')), { what: 'a start', timeoutMs: 10_000 })
    // A change that the operator has to look at, and that asks for no write: a pass is over once the label is seen.
    await api.patch(
      { apiVersion: 'v1', kind: 'Pod' },
      (await api.list({ apiVersion: 'v1', kind: 'Pod' }, scene.namespace))[0]?.metadata.name ?? '',
      scene.namespace,
      {
        metadata: { labels: { touched: 'yes' } },
      },
    )
    await new Promise((resolve) => setTimeout(resolve, 1500))

    expect(await versions()).toEqual(before)
    // An apply that changes nothing leaves no trace in the objects, and is a write nevertheless.
    await scene.operator.kill()
    await using connection = await connect(inject('controlPlane').kubeconfig)
    const counted = countWrites(connection.client)
    await using running = start(instanceManagerOptions(counted.client, scene.namespace))
    await waitFor(() => running.manager.status.synced, { what: 'full caches', timeoutMs: 10_000 })
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(counted.writes).toEqual([])
  })

  it('comes to the same end when it is killed at random points, with one migration Job per release', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    const created = new Set<string>()
    const watchJobs = async () => {
      for (const { metadata } of await scene.jobs()) created.add(`${metadata.name} ${metadata.uid}`)
    }

    await scene.create('good-0')
    for (let kill = 0; kill < 8; kill += 1) {
      if (kill % 2 === 1) await scene.edit({ image: scene.kubelet.image(`good-${kill}`) })
      // Random on purpose: each run cuts elsewhere. A failure is not repeatable; the log of the operator is printed.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
      await watchJobs()
      await scene.restartOperator()
    }
    await scene.edit({ image: scene.kubelet.image('good-last') })
    await scene.served('good-last')
    await watchJobs()

    const names = [...created].map((job) => job.split(' ')[0])
    expect(new Set(names).size).toBe(names.length)
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-last')}`)
  })

  it('goes on by itself when the API server was away', async () => {
    const plane = await startControlPlane({ name: 'restarted' })
    onTestFinished(() => plane.stop())
    await applyCrds(plane.api)
    const scene = await Scene.open(plane.api, plane.kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('slowmigration-2') })
    await scene.until('SchemaCurrent', 'False', 'Migrating')
    await plane.killApiServer()
    await waitFor(() => scene.operator.log.some((line) => line.includes('"level":"warn"')), {
      what: 'the operator noticing',
      timeoutMs: 20_000,
    })
    scene.kubelet.slowMigrationsEnd = true
    await plane.startApiServer()
    await scene.served('slowmigration-2', 60_000)

    expect(scene.operator.alive).toBe(true)
    expect((await scene.jobs()).filter(({ metadata }) => metadata.name.endsWith('-expand'))).toHaveLength(2)
  }, 120_000)
})

it('ends with the same objects and one migration per release, whatever happens to any one write', async () => {
  await using connection = await connect(inject('controlPlane').kubeconfig)

  const { cases, missed, failures } = await runInstanceFaults({
    api,
    client: connection.client,
    // Every second write meets one of the faults; all pairs are in the proof of the same name.
    choose: (all) => all.filter(({ nth, fault }) => nth % 2 === 0 && fault === writeFaults[(nth / 2) % writeFaults.length]),
  })

  expect(failures).toEqual([])
  expect(cases - missed).toBeGreaterThanOrEqual(8)
}, 180_000)

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { instanceType, Scene } from './instance-scene.ts'

const api = controlPlaneApi()

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a status', () => {
  it('that is late is not written to a new instance of the same name', async () => {
    await using proxy = await FaultProxy.start(inject('controlPlane').kubeconfig)
    const scene = await Scene.open(api, proxy.kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')
    const path = `/apis/notejam.io/v1/namespaces/${scene.namespace}/notejaminstances/notes/status`
    const writes = (): number => proxy.requests.filter((request) => request.path === path).length
    const before = writes()
    proxy.inject({ fault: { type: 'Delay', milliseconds: 1500 }, when: (request) => request.path === path, times: 1 })

    await scene.edit({ image: scene.kubelet.image('good-2') })
    await waitFor(() => writes() > before, { what: 'the journal of good-2 being on its way', timeoutMs: 5000, intervalMs: 10 })
    await api.delete(instanceType, 'notes', scene.namespace)
    await waitFor(async () => (await scene.get()) === undefined, { what: 'the instance being gone', timeoutMs: 1000, intervalMs: 10 })
    await scene.create('good-3')
    await scene.served('good-3', 60_000)

    const { release } = (await scene.get())?.status ?? {}
    expect(release?.counter).toBe(1)
    expect(release?.history?.map(({ image }) => image)).toEqual([scene.kubelet.image('good-3')])
  })

  it('that ends a release is followed by the release of an image that was named meanwhile', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')
    await scene.edit({ image: scene.kubelet.image('good-2'), release: { rollout: { minReadySeconds: 3 } } })
    await waitFor(async () => (await scene.get())?.status?.operation?.step === 'RollingOut', {
      what: 'the roll-out of good-2',
      timeoutMs: 20_000,
      intervalMs: 20,
    })

    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')

    const history = (await scene.get())?.status?.release?.history?.map(({ image, result }) => `${result} ${image}`)
    expect(history?.slice(0, 2)).toEqual([`Succeeded ${scene.kubelet.image('good-3')}`, `Succeeded ${scene.kubelet.image('good-2')}`])
  })
})

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { exampleInstance, examples } from '../support/examples.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()
const all = examples()

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('examples', () => {
  it('are there for each environment, on each engine that it may have', () => {
    expect(all.map(({ name }) => name)).toEqual([
      ...['development/mariadb', 'development/postgresql', 'development/sqlite'],
      ...['production/mariadb', 'production/postgresql'],
      ...['test/mariadb', 'test/postgresql', 'test/sqlite'],
    ])
  })

  it.each(all.map((example) => [example.name, example] as const))(
    '%s: is taken by the API server as it stands',
    async (_name, { objects }) => {
      const [namespace, ...rest] = objects.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'))
      expect(namespace?.kind).toBe('Namespace')
      for (const object of rest) expect(object.metadata['namespace']).toBe(namespace?.metadata.name)

      for (const object of namespace === undefined ? [] : [namespace, ...rest]) await api.apply(object, 'test-examples')

      for (const object of rest) expect(await api.get(object, object.metadata.name, namespace?.metadata.name)).toBeDefined()
      if (namespace !== undefined) await api.delete({ apiVersion: 'v1', kind: 'Namespace' }, namespace.metadata.name)
    },
  )

  // With the pods played: the cluster tier runs those of Development on real ones.
  it.each(all.map((example) => [example.name, example] as const))('%s: becomes ready', async (_name, example) => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    for (const { metadata, ...object } of example.objects.filter(({ kind }) => kind !== 'Namespace' && kind !== 'NotejamInstance')) {
      await api.create({ ...object, metadata: { ...metadata, namespace: scene.namespace } })
    }
    // Whatever the hour of the test, and without its patience.
    const { hibernation: _sleep, image, ...spec } = exampleInstance(example).spec
    const isPinned = String(image).includes('@')
    const rollout = { minReadySeconds: 0, progressDeadlineSeconds: 30 }
    await scene.create('good-1', { ...spec, ...(isPinned ? { image } : {}), release: { rollout } })

    await scene.until('Ready', 'True', 'Serving')

    const stalled = (await scene.get())?.status?.conditions?.find(({ type }) => type === 'Stalled')
    expect(stalled?.status).toBe('False')
    expect((await scene.children()).map((object: KubeObject) => object.kind)).toContain('Deployment')
  })
})

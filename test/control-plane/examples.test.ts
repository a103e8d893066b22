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

  // With the pods played: the cluster tier runs those of Development on real ones. Production is as ready as its object store and its database are.
  it.each(all.filter(({ name }) => !name.startsWith('production/')).map((example) => [example.name, example] as const))(
    '%s: becomes ready',
    async (_name, example) => {
      const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
      // Whatever the hour of the test.
      const { hibernation: _sleep, ...spec } = exampleInstance(example).spec
      await scene.create('good-1', { ...spec, image: scene.kubelet.image('good-1'), release: undefined })

      await scene.served('good-1')

      const stalled = (await scene.get())?.status?.conditions?.find(({ type }) => type === 'Stalled')
      expect(stalled?.status).toBe('False')
      expect((await scene.children()).map((object: KubeObject) => object.kind)).toContain('Deployment')
    },
  )
})

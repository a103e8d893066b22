import { afterAll, describe, expect, inject, it } from 'vitest'
import { ApiClient } from '../cluster/api-client.ts'
import { testNamespace } from '../support/namespace.ts'
import { releaseUnderLoad, shortcomings } from './releases-under-load.ts'

describe('releases of Production under load', () => {
  const { kubeconfig, ingressUrl, images } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  afterAll(async () => await api.close())

  it('good images come in and a bad one is stopped, without a failed request or a lost note', async () => {
    const namespace = await testNamespace(api, { prefix: 'releases' })

    const result = await releaseUnderLoad({
      api,
      ingressUrl,
      namespace,
      image: images.app,
      postgres: images.postgres,
      replicas: 2,
      rate: 20,
      releases: [
        { kind: 'good', image: images.next },
        { kind: 'answers-500', image: images.answers500 },
        { kind: 'good', image: images.app },
      ],
    })

    expect(shortcomings(result)).toEqual([])
    expect(result.throughIngress.acknowledged).toBeGreaterThan(50)
    expect(result.throughService.acknowledged).toBeGreaterThan(50)
  }, 900_000)
})

import { afterAll, describe, expect, inject, it } from 'vitest'
import { ApiClient } from '../cluster/api-client.ts'

const label = 'pod-security.kubernetes.io/enforce'
const ours = 'app.kubernetes.io/part-of=notejam'

describe('pods of ours', () => {
  const api = ApiClient.fromKubeconfig(inject('cluster').kubeconfig)
  afterAll(async () => await api.close())

  it('all run in namespaces labelled restricted', async () => {
    const pods = await api.list({ apiVersion: 'v1', kind: 'Pod' }, undefined, { labelSelector: ours })
    const namespaces = await api.list({ apiVersion: 'v1', kind: 'Namespace' })
    const level = new Map(namespaces.map((namespace) => [namespace.metadata.name, namespace.metadata.labels?.[label]]))

    const elsewhere = pods.filter((pod) => level.get(pod.metadata.namespace ?? '') !== 'restricted')

    expect(pods.length).toBeGreaterThan(0)
    expect(elsewhere.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`)).toEqual([])
  })
})

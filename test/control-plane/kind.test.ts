import { parse } from 'yaml'
import { afterAll, describe, expect, it } from 'vitest'
import { kindIngressObjects } from '../cluster/kind-ingress.ts'
import { kindConfig } from '../cluster/kind-provider.ts'
import { controlPlaneApi } from '../support/control-plane.ts'

interface KindNode {
  readonly role: string
  readonly labels: Readonly<Record<string, string>>
  readonly extraPortMappings?: readonly object[]
}

// kind's node images come from where no package registry is: what is given to kind is held against its schema and a real API server instead.
describe('CLUSTER=kind', () => {
  const api = controlPlaneApi()
  const cleanUp: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const step of cleanUp.toReversed()) await step()
  })

  it('gives each node a zone and the first one the port of the Ingress', () => {
    const config = parse(kindConfig(3, 8081)) as { readonly apiVersion: string; readonly nodes: readonly KindNode[] }

    expect(config.apiVersion).toBe('kind.x-k8s.io/v1alpha4')
    expect(config.nodes.map(({ role, labels }) => `${role} ${labels['topology.kubernetes.io/zone']}`)).toEqual([
      'control-plane zone1',
      'worker zone2',
      'worker zone3',
    ])
    expect(config.nodes.map((node) => node.extraPortMappings)).toEqual([
      [{ containerPort: 80, hostPort: 8081, listenAddress: '127.0.0.1' }],
      undefined,
      undefined,
    ])
  })

  it.each(kindIngressObjects().map((object) => [`${object.kind} ${object.metadata.name}`, object] as const))(
    'gets an Ingress controller whose %s a real API server takes, field by field',
    async (_name, object) => {
      const path = await api.path(object, object.metadata.namespace, object.metadata.name)
      const answer = await api.call('PATCH', path, {
        body: object,
        contentType: 'application/apply-patch+yaml',
        // What is not inside its own namespace would be seen by the other tests of this control plane.
        query: {
          fieldManager: 'test',
          fieldValidation: 'Strict',
          force: 'true',
          ...(object.kind === 'Namespace' ? {} : { dryRun: 'All' }),
        },
      })
      if (object.kind === 'Namespace') cleanUp.push(async () => await api.delete(object, object.metadata.name))

      expect({ status: answer.status, text: answer.status > 201 ? answer.text : '' }).toEqual({
        status: expect.toSatisfy((status: number) => status === 200 || status === 201),
        text: '',
      })
    },
  )
})

import { describe, expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import { sampleInstance, samples } from './sample-instances.ts'
import { buildService } from './service.ts'

const allowFrom = ['203.0.113.0/24', '198.51.100.7', '2001:db8::1']

describe('the Service of an instance that is open to some addresses', () => {
  it.each<['ClusterIP' | 'NodePort' | 'LoadBalancer', readonly string[], object]>([
    ['ClusterIP', allowFrom, {}],
    ['NodePort', [], {}],
    ['NodePort', allowFrom, { externalTrafficPolicy: 'Local' }],
    [
      'LoadBalancer',
      allowFrom,
      { externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['203.0.113.0/24', '198.51.100.7/32', '2001:db8::1/128'] },
    ],
  ])('%s, %j', (type, ranges, expected) => {
    const instance = sampleInstance({ ...samples.test.instance.spec, http: { service: { type }, allowFrom: ranges } })

    const { spec } = buildService({ instance, policy: effectivePolicy(instance.spec) }) as unknown as {
      spec: Readonly<Record<string, unknown>>
    }

    const { externalTrafficPolicy, loadBalancerSourceRanges } = spec
    expect(JSON.parse(JSON.stringify({ externalTrafficPolicy, loadBalancerSourceRanges }))).toEqual(expected)
  })
})

import { expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import { buildAutoscaler } from './autoscaler.ts'
import { sampleInstance, samples } from './sample-instances.ts'

it.each<[string, Readonly<Record<string, unknown>>, object | undefined]>([
  ['that is empty is left out, for what came of it would depend on what was there before', {}, undefined],
  ['is passed through', { scaleDown: { stabilizationWindowSeconds: 60 } }, { scaleDown: { stabilizationWindowSeconds: 60 } }],
])('a behavior %s', (_title, behavior, expected) => {
  const { replicas: _fixed, ...spec } = samples.test.instance.spec
  const instance = sampleInstance({ ...spec, autoscaling: { maxReplicas: 4, behavior } })

  const { spec: found } = buildAutoscaler({ instance, policy: effectivePolicy(instance.spec) }) as unknown as {
    spec: { readonly behavior?: object }
  }

  expect(found.behavior).toEqual(expected)
})

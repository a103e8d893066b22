import { expect, it } from 'vitest'
import { cacheTransforms } from './cache-transform.ts'
import type { KubeObject } from './kube/object.ts'
import { resources } from './kube/resource.ts'
import { VirtualClock } from './runtime/virtual-clock.ts'

const container = { name: 'app', image: 'registry.example/notejam:1', env: [{ name: 'A', value: 'b' }] }
const metadata = { name: 'notes', namespace: 'team', managedFields: [{}] }
const kept = { name: 'notes', namespace: 'team' }

it.each([
  [
    resources.pods,
    { metadata, spec: { nodeName: 'one', containers: [container], volumes: [] }, status: { phase: 'Running' } },
    {
      metadata: kept,
      spec: { nodeName: 'one', containers: [{ name: 'app', image: 'registry.example/notejam:1' }] },
      status: { phase: 'Running' },
    },
  ],
  [
    resources.jobs,
    {
      metadata,
      spec: { activeDeadlineSeconds: 60, backoffLimit: 0, template: { spec: { containers: [container] } } },
      status: { failed: 1 },
    },
    {
      metadata: kept,
      spec: { activeDeadlineSeconds: 60, template: { spec: { containers: [{ name: 'app', image: 'registry.example/notejam:1' }] } } },
      status: { failed: 1 },
    },
  ],
  // What is applied again is compared field by field.
  [
    resources.deployments,
    { metadata, spec: { template: { spec: { containers: [container] } } } },
    { metadata: kept, spec: { template: { spec: { containers: [container] } } } },
  ],
])('of $plural the caches keep what is read', (resource, object, expected) => {
  const transform = cacheTransforms(new VirtualClock())(resource)

  expect(transform(structuredClone(object) as unknown as KubeObject)).toEqual(expected)
})

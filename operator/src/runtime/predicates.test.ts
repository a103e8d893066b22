import { expect, it } from 'vitest'
import type { KubeObject } from '../kube/object.ts'
import { anyChange, anyOf, contentChanged, existenceChanged, specChanged } from './predicates.ts'

const old = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name: 'a', uid: 'u', generation: 1, resourceVersion: '1', labels: { a: '1' } },
  status: { ready: 1 },
}
const withMetadata = (change: Partial<KubeObject['metadata']>) => ({
  ...old,
  metadata: { ...old.metadata, resourceVersion: '2', ...change },
})

it.each([
  { what: 'nothing but the version', object: withMetadata({}), spec: false, content: false, existence: false },
  { what: 'the generation', object: withMetadata({ generation: 2 }), spec: true, content: true, existence: false },
  { what: 'a label', object: withMetadata({ labels: { a: '2' } }), spec: true, content: true, existence: false },
  { what: 'an annotation', object: withMetadata({ annotations: { a: '1' } }), spec: true, content: true, existence: false },
  {
    what: 'the deletion',
    object: withMetadata({ deletionTimestamp: '2026-01-01T00:00:00Z' }),
    spec: true,
    content: true,
    existence: false,
  },
  { what: 'a finalizer', object: withMetadata({ finalizers: ['x'] }), spec: false, content: true, existence: false },
  { what: 'the status', object: { ...withMetadata({}), status: { ready: 2 } }, spec: false, content: true, existence: false },
  { what: 'the object itself', object: withMetadata({ uid: 'other' }), spec: true, content: true, existence: true },
])(
  'a change of $what counts for the spec: $spec, the content: $content, the existence: $existence',
  ({ object, spec, content, existence }) => {
    const event = { type: 'updated', old, object, initial: false } as const

    expect([specChanged(event), contentChanged(event), existenceChanged(event)]).toEqual([spec, content, existence])
    expect(anyOf(specChanged, contentChanged)(event)).toBe(spec || content)
    expect(anyChange(event)).toBe(true)
  },
)

it('what comes and what goes always counts', () => {
  const events = [
    { type: 'added', object: old, initial: false },
    { type: 'deleted', object: old, initial: false, synthesized: true },
  ] as const

  for (const predicate of [specChanged, contentChanged, existenceChanged])
    expect(events.map((event) => predicate(event))).toEqual([true, true])
})

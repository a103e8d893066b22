import { expect, it } from 'vitest'
import type { InstanceStatus } from '../../api/notejam.ts'
import { isSilentStep } from './journal.ts'
import type { ReleasePlan } from './types.ts'

const operation = { id: 'r2', type: 'Release', step: 'RollingOut', startTime: '2026-01-01T00:00:00Z' } as NonNullable<
  InstanceStatus['operation']
>
const before: InstanceStatus = { operation, release: { counter: 2 } }

function plan(change: Partial<ReleasePlan>): ReleasePlan {
  return { release: { counter: 2 }, operation, job: 'Leave', backup: 'Leave', ...change } as ReleasePlan
}

it.each<[string, ReleasePlan, boolean]>([
  // An image that was named meanwhile would wait for the next look, minutes later.
  ['the end of a release', plan({ operation: undefined }), true],
  ['a step without a Job', plan({ operation: { ...operation, step: 'Stopping' } }), true],
  ['a step whose Job brings an event', plan({ operation: { ...operation, step: 'Verifying' }, job: 'Create' }), false],
  ['nothing new', plan({}), false],
])('%s', (_what, next, isSilent) => {
  expect(isSilentStep(before, next)).toBe(isSilent)
})

import { expect, it } from 'vitest'
import type { InstanceStatus } from '../../api/notejam.ts'
import { mayFollow } from './journal.ts'
import type { ReleasePlan } from './types.ts'

const operation = { id: 'r1', type: 'Release', step: 'Migrating', startTime: '2026-01-01T00:00:00Z' } as NonNullable<
  InstanceStatus['operation']
>
const current = { id: 'r1', image: 'notejam:1' }

function plan(change: Partial<ReleasePlan>): ReleasePlan {
  const rolling = { ...operation, step: 'RollingOut' } as const
  return { release: { counter: 1 }, operation: rolling, job: 'Leave', backup: 'Leave', stall: undefined, ...change } as ReleasePlan
}

it.each<[string, InstanceStatus['operation'], ReleasePlan, boolean]>([
  ['the first pods of an instance', operation, plan({}), true],
  ['pods that take the place of others', operation, plan({ release: { counter: 2, current } }), false],
  ['a step whose Job is to be made', operation, plan({ operation: { ...operation, step: 'Seeding' }, job: 'Create' }), false],
  ['the pods after a restore', operation, plan({ operation: { ...operation, type: 'Restore', step: 'RollingOut' } }), false],
  ['an operation that is written nowhere', undefined, plan({}), false],
  ['another operation than that which is written', { ...operation, id: 'r0' }, plan({}), false],
  ['the end of a release', operation, plan({ operation: undefined, release: { counter: 1, current } }), false],
])('%s', (_what, before, next, may) => {
  expect(mayFollow({ ...(before === undefined ? {} : { operation: before }) }, next)).toBe(may)
})

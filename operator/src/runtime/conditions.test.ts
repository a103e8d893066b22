import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  findCondition,
  isConditionTrue,
  metaTime,
  removeCondition,
  setCondition,
  setConditions,
  transitions,
  type Condition,
  type ConditionState,
} from './conditions.ts'

const at = Date.UTC(2026, 0, 1, 12)
const ready: ConditionState = { type: 'Ready', status: 'False', reason: 'Starting', message: 'It starts.', observedGeneration: 1 }

describe('setCondition', () => {
  it('adds what was not there, with the time in whole seconds', () => {
    expect(setCondition([], ready, at + 999)).toEqual([{ ...ready, lastTransitionTime: '2026-01-01T12:00:00Z' }])
  })

  it.each([
    { name: 'nothing changed', change: {}, moved: false },
    { name: 'the reason changed', change: { reason: 'Waiting' }, moved: false },
    { name: 'the message changed', change: { message: 'Still.' }, moved: false },
    { name: 'the generation changed', change: { observedGeneration: 2 }, moved: false },
    { name: 'the status flipped', change: { status: 'True' as const }, moved: true },
  ])('when $name, lastTransitionTime moves: $moved', ({ change, moved }) => {
    const before = setCondition([], ready, at)

    const [condition] = setCondition(before, { ...ready, ...change }, at + 60_000)

    expect(condition).toEqual({ ...ready, ...change, lastTransitionTime: metaTime(moved ? at + 60_000 : at) })
  })

  it('gives the very same list when nothing changed, so that a caller sees that there is nothing to write', () => {
    const before = setCondition([], ready, at)

    expect(setCondition(before, { ...ready }, at + 60_000)).toBe(before)
  })

  it('keeps one condition of a type, in its place, whatever is set in whatever order', () => {
    const state = fc.record({
      type: fc.constantFrom('A', 'B', 'C'),
      status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
      reason: fc.constantFrom('X', 'Y'),
      message: fc.string(),
    })
    fc.assert(
      fc.property(fc.array(state), (states) => {
        let time = at
        let conditions: readonly Condition[] = []
        for (const next of states) {
          const old = findCondition(conditions, next.type)
          conditions = setCondition(conditions, next, (time += 1000))
          const now = findCondition(conditions, next.type)
          expect(now).toMatchObject(next)
          expect(now?.lastTransitionTime).toBe(old?.status === next.status ? old.lastTransitionTime : metaTime(time))
        }
        expect(conditions.map(({ type }) => type)).toEqual([...new Set(states.map(({ type }) => type))])
      }),
    )
  })
})

it('finds, asks, removes and tells transitions', () => {
  const before = setConditions([], [ready, { ...ready, type: 'Other', status: 'True' }], at)
  const after = setConditions(before, [{ ...ready, status: 'True' }], at)

  expect([isConditionTrue(before, 'Ready'), isConditionTrue(after, 'Ready'), isConditionTrue(undefined, 'Ready')]).toEqual([
    false,
    true,
    false,
  ])
  expect(transitions(before, after).map(({ type }) => type)).toEqual(['Ready'])
  expect(removeCondition(after, 'Ready').map(({ type }) => type)).toEqual(['Other'])
  expect(removeCondition(after, 'Absent')).toBe(after)
})

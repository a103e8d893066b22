import { assert, object, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutEmpty } from './without-empty.ts'

describe('a block without what holds nothing', () => {
  it.each([
    ['an empty block', { replicas: 1, backup: {} }, { replicas: 1 }],
    ['a block of undefined fields', { replicas: 1, backup: { oldest: undefined, storedCount: undefined } }, { replicas: 1 }],
    ['a block of empty blocks', { effectivePolicy: { resources: { requests: {}, limits: {} } } }, {}],
    ['a block in an item of a list', { history: [{ id: 'r1', approval: {} }] }, { history: [{ id: 'r1' }] }],
    ['an empty list', { release: { counter: 1, history: [] } }, { release: { counter: 1 } }],
    ['an undefined field', { url: undefined, replicas: 1 }, { replicas: 1 }],
  ])('leaves out %s', (_what, block, expected) => {
    const kept = withoutEmpty(block)

    expect(Object.entries(kept)).toStrictEqual(Object.entries(expected))
  })

  it.each([
    ['zero, false and empty text', { replicas: 0, ready: false, message: '' }],
    ['an item of a list, though it holds nothing', { copies: [{}, { store: 'a' }] }],
    ['null, which is a fault to be seen', { url: null }],
  ])('keeps %s', (_what, block) => {
    expect(withoutEmpty(block)).toStrictEqual(block)
  })

  it('is the same when done again, and never has a field without content', () => {
    assert(
      property(object({ maxDepth: 4 }), (block) => {
        const once = withoutEmpty(block)

        expect(withoutEmpty(once)).toStrictEqual(once)
        expect(emptyFields(once)).toEqual([])
      }),
    )
  })
})

/** Paths of fields that hold nothing. */
function emptyFields(value: unknown, path = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const isItem = Array.isArray(value)
    const isBare = member === undefined || (typeof member === 'object' && member !== null && Object.keys(member).length === 0)
    return [...(isBare && !isItem ? [`${path}.${name}`] : []), ...emptyFields(member, `${path}.${name}`)]
  })
}

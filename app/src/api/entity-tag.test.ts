import { describe, expect, it } from 'vitest'
import { entityTag, isFresh, parseTags, requireMatch } from './entity-tag.ts'
import { ApiProblem } from './problem.ts'

const tag = entityTag('note', 7, 3)

function kindOf(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof ApiProblem) return error.kind
    throw error
  }
}

describe('requireMatch', () => {
  it.each([
    [undefined, 'precondition-required'],
    ['"note-7-2"', 'precondition-failed'],
    ['"pad-7-3"', 'precondition-failed'],
    ['W/"note-7-3"', 'precondition-failed'],
    ['"a", "note-7-3"', undefined],
    ['"note-7-3"', undefined],
    ['*', undefined],
    ['', 'bad-request'],
    ['note-7-3', 'bad-request'],
    ['"note-7-3', 'bad-request'],
    ['"a" "b"', 'bad-request'],
  ])('takes If-Match %j as %s', (header, expected) => {
    expect(kindOf(() => requireMatch(header, tag))).toBe(expected)
  })
})

describe('isFresh', () => {
  it.each([
    [undefined, false],
    ['"note-7-2"', false],
    ['W/"note-7-3"', true],
    ['"x","note-7-3"', true],
    ['*', true],
  ])('takes If-None-Match %j as %s', (header, expected) => {
    expect(isFresh(header, tag)).toBe(expected)
  })
})

it('reads a list of tags in linear time', () => {
  expect((parseTags(Array.from({ length: 1000 }, (_, index) => `"${index}"`).join(' , '), 'If-Match') as Set<string>).size).toBe(1000)
})

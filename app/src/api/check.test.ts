import { describe, expect, it } from 'vitest'
import { check, readQuery } from './check.ts'
import { ApiProblem, type FieldProblem } from './problem.ts'
import { noteInput, noteListQuery, notePatch, padInput, searchQuery } from './schemas.ts'

function problemsOf(work: () => unknown): readonly FieldProblem[] | string {
  try {
    return JSON.stringify(work())
  } catch (error) {
    if (error instanceof ApiProblem) return (error.toJSON()['errors'] as readonly FieldProblem[] | undefined) ?? error.kind
    throw error
  }
}

const emoji = '\u{1F389}'

describe('what a client may send', () => {
  it.each([
    ['a note', noteInput, { name: 'a', text: 'b' }, { name: 'a', text: 'b', pad_id: null }],
    ['the longest name', padInput, { name: emoji.repeat(100) }, { name: emoji.repeat(100) }],
    ['one field of a patch', notePatch, { pad_id: null }, { pad_id: null }],
    ['no query', noteListQuery, {}, { page: 1, per_page: 20, order: '-updated_at' }],
    ['a query', searchQuery, { q: ' x ', page: '2' }, { q: 'x', page: 2, per_page: 20 }],
  ])('takes %s', (_, schema, value, expected) => {
    expect(check(schema, value, 'invalid-fields')).toEqual(expected)
  })

  it.each([
    ['no object', noteInput, [], [{ field: '', message: 'must be an object' }]],
    [
      'missing and wrong fields',
      noteInput,
      { name: 3 },
      [
        { field: 'name', message: 'must be a string' },
        { field: 'text', message: 'is required' },
      ],
    ],
    [
      'a name too long by one',
      padInput,
      { name: emoji.repeat(101) },
      [{ field: 'name', message: expect.stringContaining('at most 100 characters') as string }],
    ],
    [
      'a text too long',
      noteInput,
      { name: 'a', text: 'x'.repeat(100_001) },
      [{ field: 'text', message: expect.stringContaining('at most 100000 characters') as string }],
    ],
    ['fields that we do not know', padInput, { name: 'a', user_id: 1 }, [{ field: 'user_id', message: 'is not known here' }]],
    ['a prototype', padInput, JSON.parse('{"name":"a","__proto__":{}}') as unknown, [{ field: '__proto__', message: 'is not known here' }]],
    ['an empty patch', notePatch, {}, [{ field: '', message: 'must change at least one field' }]],
    ['a page of 0', noteListQuery, { page: '0' }, [{ field: 'page', message: 'must be a whole number from 1' }]],
    ['too many on a page', noteListQuery, { per_page: '101' }, [{ field: 'per_page', message: 'must be at most 100' }]],
    [
      'an order of ours that is none',
      noteListQuery,
      { order: 'user_id' },
      [{ field: 'order', message: 'must be one of name, -name, updated_at, -updated_at' }],
    ],
  ])('refuses %s', (_, schema, value, expected) => {
    expect(problemsOf(() => check(schema, value, 'invalid-fields'))).toEqual(expected)
  })

  it.each(['a\u0000b', '\uD800', 'a\uDC00', '  ', ''])('refuses the name %j', (name) => {
    expect(problemsOf(() => check(padInput, { name }, 'invalid-fields'))).toMatchObject([{ field: 'name' }])
  })

  it('does not let an answer grow with the request', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`${'k'.repeat(1000)}${index}`, 1]))

    expect(JSON.stringify(problemsOf(() => check(padInput, many, 'invalid-fields'))).length).toBeLessThan(3000)
  })
})

describe('readQuery', () => {
  it.each([
    ['', {}],
    ['?', {}],
    ['?a=1&b=%C3%A9+x', { a: '1', b: 'é x' }],
  ])('reads %j', (search, expected) => {
    expect(readQuery(search)).toEqual(expected)
  })

  it.each(['?a=1&a=2', '?q=%ff', '?q=%zz'])('refuses %j', (search) => {
    expect(() => readQuery(search)).toThrow(ApiProblem)
  })
})

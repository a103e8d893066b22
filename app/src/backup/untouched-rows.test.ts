import { expect, test } from 'vitest'
import type { Migration } from '../db/migrations/migration.ts'
import { lostRows, untouchedColumns, type Measured } from './untouched-rows.ts'

const notes = { name: 'notes', columns: ['id', 'name', 'name_key'] }
const before: Measured = { columns: [notes], sums: [{ name: 'notes', rows: 2, hash: 'rows1:a' }] }

test.each<readonly [string, Measured, readonly string[]]>([
  ['the same', before, []],
  ['a column more', { ...before, columns: [{ name: 'notes', columns: ['id', 'name', 'name_key', 'colour'] }] }, []],
  ['a row less', { ...before, sums: [{ name: 'notes', rows: 1, hash: 'rows1:b' }] }, ['notes has 1 rows, it had 2']],
  ['another value', { ...before, sums: [{ name: 'notes', rows: 2, hash: 'rows1:b' }] }, ['the 2 rows of notes do not hold what they held']],
  ['a column less', { ...before, columns: [{ name: 'notes', columns: ['id'] }] }, ['notes has lost name, name_key']],
  ['no table', { columns: [], sums: [] }, ['table notes is gone']],
])('%s', (_name, after, lost) => {
  expect(lostRows(before, after)).toEqual(lost)
})

test('what a step declares to rewrite is not compared', () => {
  const step = (rewrites?: readonly string[]): Migration => ({
    ...{ number: 4, name: 'four', phase: 'contract', transaction: false, steps: [] },
    ...(rewrites === undefined ? {} : { rewrites }),
  })
  const tables = [notes, { name: 'note_search', columns: ['note_id', 'words'] }]

  expect(untouchedColumns(tables, [step()])).toEqual(tables)
  expect(untouchedColumns(tables, [step(['notes.name_key', 'note_search'])])).toEqual([{ name: 'notes', columns: ['id', 'name'] }])
})

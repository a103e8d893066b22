import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findMissingTests } from './named-tests.ts'

const page = 'docs/security/asvs.md'

test('every test that the table of ASVS names is there', () => {
  expect(findMissingTests(readFileSync(page, 'utf8'))).toEqual([])
})

test('finds a file and a title that are not there, and leaves other quotes alone', () => {
  const table = [
    '| 1 | says "x" | `test/a.test.ts`: "one"; "two" |',
    '| 2 | | `test/b.test.ts`: "three" |',
    'text with "quotes" in `test/c.test.ts`',
  ].join('\n')

  const missing = findMissingTests(table, (file) => (file === 'test/a.test.ts' ? "test('one', () => {})" : undefined))

  expect(missing).toEqual(['test/a.test.ts has no test "two"', 'test/b.test.ts is named, but is not there'])
})

test('each row of the table says by what it is shown', () => {
  const rows = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => /^\| \d/.test(line))

  expect(rows.length).toBeGreaterThan(60)
  expect(rows.filter((row) => row.split('|').length !== 5 || row.split('|')[3]?.trim() === '')).toEqual([])
})

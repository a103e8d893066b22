import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RowSum } from '../row-hash.ts'
import { MysqlDumpReader } from './mysql-dump-reader.ts'

type Value = string | number | null

/** As mariadb-dump writes it: mysql_real_escape_string. */
const letters: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\n': '\\n',
  '\r': '\\r',
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '\u001A': '\\Z',
}
const written = (value: Value) =>
  typeof value === 'string' ? `'${value.replaceAll(/[^]/gu, (letter) => letters[letter] ?? letter)}'` : (value ?? 'NULL')

const encoded = (row: readonly Value[]) =>
  Buffer.from(row.map((value) => (value === null ? 'n' : `${Buffer.byteLength(String(value))}:${value}`)).join(''))

const dumpOf = (rows: readonly (readonly Value[])[], between: string) =>
  rows.length === 0
    ? ''
    : `INSERT INTO \`t\` VALUES${between}${rows.map((row) => `(${row.map(written).join(',')})`).join(`,${between === '\n' ? between : ''}`)};\n`

const whole = (body: string) =>
  Buffer.from(`/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n\nSET x=1;\n${body}\n-- Dump completed\n`)

describe('reading a dump of mariadb-dump', () => {
  const value = fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom("\\'", '),(', 'NULL', '', "'"),
  )
  const rows = fc.array(fc.array(value, { minLength: 3, maxLength: 3 }), { maxLength: 12 })

  test('finds the very rows, whatever they hold and wherever the pipe cuts', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(' ', '\n'), fc.integer({ min: 1, max: 50 }), (some, between, size) => {
        const dump = whole(dumpOf(some, between))
        const reader = new MysqlDumpReader(['t', 'empty'])
        for (let at = 0; at < dump.length; at += size) reader.read(dump.subarray(at, at + size))

        const sum = new RowSum()
        for (const row of some) sum.add(encoded(row))
        expect(reader.sums()).toEqual([
          { name: 't', rows: some.length, hash: sum.hash() },
          { name: 'empty', rows: 0, hash: new RowSum().hash() },
        ])
      }),
    )
  })

  test('a dump that does not say it is complete is none', () => {
    const reader = new MysqlDumpReader(['t'])
    reader.read(Buffer.from("INSERT INTO `t` VALUES\n(1,'a',NULL);\n"))

    expect(() => reader.sums()).toThrow('complete')
  })

  test.each([
    ['INSERT INTO `other` VALUES\n(1);\n', 'not asked for'],
    ['(1,2);\n', 'outside a statement'],
    ['INSERT INTO `t` VALUES (1), (2);\n', 'not understood'],
    ["INSERT INTO `t` VALUES\n(1,'a\n", 'not understood'],
  ])('what mariadb-dump never writes is refused: %s', (text, message) => {
    expect(() => {
      new MysqlDumpReader(['t']).read(Buffer.from(text))
    }).toThrow(message)
  })
})

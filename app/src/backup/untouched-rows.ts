import type { Migration } from '../db/migrations/migration.ts'
import type { TableSum } from './row-hash.ts'
import type { SummedTable } from './row-sum-query.ts'

/** What is there of each table: its columns, and what its rows come to. */
export interface Measured {
  readonly columns: readonly SummedTable[]
  readonly sums: readonly TableSum[]
}

/** The columns that migrations have to leave as they are: all but those that they declare to rewrite. */
export function untouchedColumns(tables: readonly SummedTable[], pending: readonly Migration[]): readonly SummedTable[] {
  const rewritten = new Set(pending.flatMap(({ rewrites = [] }) => rewrites))
  return tables
    .filter(({ name }) => !rewritten.has(name))
    .map(({ name, columns }) => ({ name, columns: columns.filter((column) => !rewritten.has(`${name}.${column}`)) }))
}

/**
 * Says what a migration did to rows that it had to leave alone, a line for each table; nothing when all is as it was.
 *
 * @param before - the untouched columns, and their rows before the migration
 * @param after - the same columns, as far as they are still there
 */
export function lostRows(before: Measured, after: Measured): readonly string[] {
  const columnsAfter = new Map(after.columns.map(({ name, columns }) => [name, new Set(columns)]))
  const sumsAfter = new Map(after.sums.map((sum) => [sum.name, sum]))
  return before.columns.flatMap(({ name, columns }) => {
    const left = columnsAfter.get(name)
    const was = before.sums.find((sum) => sum.name === name)
    const is = sumsAfter.get(name)
    if (left === undefined || was === undefined || is === undefined) return [`table ${name} is gone`]
    const gone = columns.filter((column) => !left.has(column))
    if (gone.length > 0) return [`${name} has lost ${gone.join(', ')}`]
    if (was.rows !== is.rows) return [`${name} has ${is.rows} rows, it had ${was.rows}`]
    return was.hash === is.hash ? [] : [`the ${is.rows} rows of ${name} do not hold what they held`]
  })
}

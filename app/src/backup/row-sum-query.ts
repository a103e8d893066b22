import type { Engine } from '../db/engine.ts'
import { hashOfLanes, lanes, type TableSum } from './row-hash.ts'

/** A table whose rows are summed up. */
export interface SummedTable {
  readonly name: string
  /** In the order of the table. */
  readonly columns: readonly string[]
}

/**
 * A query that answers one row: `n`, the number of rows, and `l0` … `l7`, the sums of the lanes (`row-hash.ts`). SQLite knows no SHA-256: see
 * {@link encodedRowsQuery}.
 */
export function rowSumQuery(engine: Exclude<Engine, 'sqlite'>, table: SummedTable, from = table.name): string {
  const sums = Array.from({ length: lanes }, (_, at) => `${laneSum[engine](at)} as l${at}`).join(', ')
  // Neither server may fold the inner query into the outer one: the hash would be computed eight times.
  const [hashed, wall] =
    engine === 'postgres'
      ? [`encode(sha256(convert_to(${encodedRow(engine, table.columns)}, 'UTF8')), 'hex')`, 'offset 0']
      : [`sha2(${encodedRow(engine, table.columns)}, 256)`, 'limit 18446744073709551615']
  return `select count(*) as n, ${sums} from (select ${hashed} as h from ${quoted(engine, from)} ${wall}) hashes`
}

/** The answer of {@link rowSumQuery}. */
export type SumRow = Readonly<Record<string, string | number>>

/** Reads the answer of {@link rowSumQuery}. */
export function tableSum(name: string, row: SumRow | undefined): TableSum {
  if (row === undefined) throw new Error(`the rows of ${name} could not be counted`)
  return { name, rows: Number(row['n']), hash: hashOfLanes(Array.from({ length: lanes }, (_, at) => row[`l${at}`] ?? 0)) }
}

/** A query that answers each row of a table of SQLite as one text, encoded as `row-hash.ts` says. */
export function encodedRowsQuery(table: SummedTable): string {
  return `select ${encodedRow('sqlite', table.columns)} from ${quoted('sqlite', table.name)}`
}

const laneSum = {
  postgres: (lane: number) => `coalesce(sum(('x' || substr(h, ${lane * 8 + 1}, 8))::bit(32)::bigint), 0)`,
  mysql: (lane: number) => `coalesce(sum(cast(conv(substr(h, ${lane * 8 + 1}, 8), 16, 10) as unsigned)), 0)`,
} as const

function encodedRow(engine: Engine, columns: readonly string[]): string {
  const values = columns.map((column) => encodedValue[engine](quoted(engine, column)))
  return engine === 'mysql' ? `concat(${values.join(', ')})` : values.join(' || ')
}

const encodedValue: Readonly<Record<Engine, (column: string) => string>> = {
  postgres: (column) => `case when ${column} is null then 'n' else octet_length(${column}::text) || ':' || ${column}::text end`,
  mysql: (column) => {
    const text = `cast(convert(${column} using utf8mb4) as binary)`
    return `if(${column} is null, 'n', concat(length(${text}), ':', ${text}))`
  },
  sqlite: (column) => `case when ${column} is null then 'n' else octet_length(${column}) || ':' || ${column} end`,
}

/** An identifier as SQL takes it. */
export function quoted(engine: Engine, name: string): string {
  return engine === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`
}

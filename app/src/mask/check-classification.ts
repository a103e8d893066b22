import { AppError } from '../errors.ts'
import type { Classification, TableRule } from './classification.ts'
import type { LiveColumn } from './live-columns.ts'

const maxNamed = 20

/** Names of the columns that a rule speaks of. */
export function columnsOf(rule: TableRule): readonly string[] {
  return 'emptied' in rule ? rule.emptied : Object.keys(rule.columns)
}

/**
 * Holds a database against the allow-list.
 *
 * @throws {@link AppError} `Unclassified` naming each table and column that nobody classified; `SchemaOlder` when a column that is to be masked is missing
 */
export function checkClassification(live: readonly LiveColumn[], classification: Classification): void {
  const unknown = live.filter(({ table, column }) => {
    const rule = classification[table]
    return rule === undefined || !columnsOf(rule).includes(column)
  })
  if (unknown.length > 0) {
    const names = unknown.slice(0, maxNamed).map(({ table, column }) => `${table}.${column}`)
    const more = unknown.length > maxNamed ? ` and ${unknown.length - maxNamed} more` : ''
    throw new AppError(
      `nobody has said how to mask ${names.join(', ')}${more}: classify it in app/src/mask/classification.ts; nothing was masked or written`,
      { code: 'Unclassified' },
    )
  }
  const missing = Object.entries(classification).flatMap(([table, rule]) =>
    'emptied' in rule
      ? []
      : Object.keys(rule.columns)
          .filter((column) => !live.some((each) => each.table === table && each.column === column))
          .map((column) => `${table}.${column}`),
  )
  if (missing.length > 0) {
    throw new AppError(`the database lacks ${missing.join(', ')}: run migrate first`, { code: 'SchemaOlder' })
  }
}

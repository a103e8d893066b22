import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { migrate } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import { openDatabase } from '../db/open-database.ts'
import { jobLimits } from '../db/pool-limits.ts'
import { checkClassification, columnsOf } from './check-classification.ts'
import { classification } from './classification.ts'
import { listColumns } from './live-columns.ts'

test('names every column that the migrations make, and no other', async () => {
  const { db, engine, close } = await openDatabase({ engine: 'sqlite', path: ':memory:' }, { limits: jobLimits })
  const common = { db, engine, clock: systemClock, migrations, dryRun: false, claim: undefined, lockedForMs: 0 }
  await migrate({ ...common, phase: 'expand', offline: true })
  await migrate({ ...common, phase: 'contract' })

  const live = await listColumns(db, engine)
  await close()

  const named = Object.entries(classification).flatMap(([table, rule]) => columnsOf(rule).map((column) => `${table}.${column}`))
  // A full-text table of SQLite knows a note by the number of its row.
  const made = [...live.map(({ table, column }) => `${table}.${column}`), 'note_search.note_id']
  expect(made.toSorted()).toEqual(named.toSorted())
})

test.each([
  ['a column of a table that is masked', 'pads', 'color', 'pads.color'],
  ['a column of a table that is emptied', 'sessions', 'city', 'sessions.city'],
  ['a table', 'shares', 'email', 'shares.email'],
])('%s that nobody classified is named', (_what, table, column, name) => {
  expect(() => checkClassification([{ table, column }], classification)).toThrow(`nobody has said how to mask ${name}:`)
})

test('of many columns the first are named, and the others counted', () => {
  const live = Array.from({ length: 25 }, (_, at) => ({ table: 'extra', column: `c${at}` }))

  expect(() => checkClassification(live, classification)).toThrow('extra.c19 and 5 more: classify')
})

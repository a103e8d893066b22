import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { cheapCost, startApp } from '../testing/start-app.ts'
import { createServices } from '../http/services.ts'

// With many writes the index merges its segments within a statement, and SQLite then names a row of the index as the one that was inserted last.
test('ids of the full-text index, which are beyond what a number holds, break no later write', async () => {
  await using app = await startApp()
  const { accounts, notes } = createServices(app.context, { passwordCost: cheapCost })
  await accounts.signUp({ email: 'ada@example.org', password: 'correct horse' }, { address: '192.0.2.1', userAgent: '' })
  const { id: userId } = await app.context.db.selectFrom('users').select('id').executeTakeFirstOrThrow()
  const ids: number[] = []
  for (let count = 0; count < 330; count += 1) {
    ids.push((await notes.create(userId, { name: `Note ${count}`, text: `Text ${count}`, padId: null })).id)
  }

  for (let round = 0; round < 40; round += 1) {
    for (const id of [ids.at(-1) ?? 0, ids[5] ?? 0]) await notes.change(userId, id, { text: `Round ${round}` })
  }

  const changed = await app.context.db
    .selectFrom('notes')
    .select(sql<number>`count(*)`.as('count'))
    .where('text', '=', 'Round 39')
    .executeTakeFirst()
  expect(Number(changed?.count)).toBe(2)
})

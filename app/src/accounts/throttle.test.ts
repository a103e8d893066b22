import { expect, test } from 'vitest'
import { startApp } from '../testing/start-app.ts'

test('passing a limit is one line of the audit log a minute, without the address of the account', async () => {
  await using app = await startApp({ throttlePerAccount: 3 })
  const browser = app.browser()
  const guess = async (): Promise<number> => (await browser.post('/signin/', { email: 'person@example.org', password: 'a guess' })).status
  const told = (): readonly unknown[] =>
    app.lines.map((line) => JSON.parse(line) as { event?: string }).filter(({ event }) => event === 'throttled')

  const statuses = [await guess(), await guess(), await guess(), await guess(), await guess()]
  const first = told().length
  app.advance(60_000)
  for (let attempt = 0; attempt < 4; attempt += 1) await guess()

  expect(statuses).toEqual([200, 200, 200, 429, 429])
  expect([first, told().length]).toEqual([1, 2])
  expect(told()[0]).toMatchObject({ audit: true, what: 'sign-in', limit: 'account', address: '127.0.0.1' })
  expect(app.lines.join('')).not.toContain('person@example.org')
})

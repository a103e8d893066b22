import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'
import { searchCases, searchNotes } from './search-cases.ts'

let app: StartedApp
let user: Browser

beforeAll(async () => {
  app = await startApp()
  user = await app.member()
  for (const { name, text } of searchNotes) await user.createNote(name, text)
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

function found(body: string): string[] {
  return [...body.matchAll(/<li><a href="\/notes\/\d+\/">(.*?)<\/a>/g)].map(([, name = '']) =>
    name.replaceAll(/<\/?mark>/g, '').replaceAll('&#39;', "'"),
  )
}

describe('search', () => {
  test.each(searchCases)('%j finds %j', async (question, expected) => {
    const page = await user.get(`/search/?q=${encodeURIComponent(question)}`)

    expect(page.status).toBe(200)
    expect(found(page.body).toSorted()).toEqual([...expected].toSorted())
    expect(page.body).toContain(`<title>Search (${expected.length})</title>`)
  })

  test('nobody finds what is not theirs', async () => {
    expect(found((await (await app.member()).get('/search/?q=kubernetes')).body)).toEqual([])
  })

  test('a change and a deletion are found at once', async () => {
    const someone = await app.member()
    const id = await someone.createNote('First', 'alpha')
    expect(found((await someone.get('/search/?q=alpha')).body)).toEqual(['First'])

    await someone.post(`/notes/${id}/edit/`, { name: 'Second', text: 'omega' })
    expect(found((await someone.get('/search/?q=alpha')).body)).toEqual([])
    expect(found((await someone.get('/search/?q=omega')).body)).toEqual(['Second'])
  })

  test('hits are paged, and the question stays in the field and in the links', async () => {
    const someone = await app.member()
    for (let n = 0; n < 25; n += 1) await someone.createNote(`Needle ${n}`, 'x & y')

    const second = await someone.get('/search/?q=needle&page=2')

    expect(found(second.body)).toHaveLength(5)
    expect(second.body).toContain('value="needle"')
    expect(second.body).toContain('<a href="/search/?q=needle&amp;page=1" aria-label="Page 1">1</a>')
  })

  test.each([
    '"',
    '*',
    '%',
    '_',
    "'",
    '\\',
    '[',
    ']',
    '^',
    '(a',
    'a OR b',
    'NEAR(a b)',
    '-x',
    ':*',
    '<->',
    '&',
    '!',
    'a'.repeat(5000),
    '🦄',
    '\u0301',
    'rowid:1',
  ])('the question %j is no syntax', async (question) => {
    expect((await user.get(`/search/?q=${encodeURIComponent(question)}`)).status).toBe(200)
  })
})

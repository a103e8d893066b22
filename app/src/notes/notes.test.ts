import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nameKey } from '../db/text-keys.ts'
import type { Browser } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'

let app: StartedApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

async function storedNote(id: number) {
  return app.context.db.selectFrom('notes').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

async function countNotes(): Promise<number> {
  return (await app.context.db.selectFrom('notes').select('id').execute()).length
}

function names(body: string): string[] {
  return [...body.matchAll(/<tr><td><a href="\/notes\/\d+\/">([^<]*)<\/a>/g)].map(([, name = '']) => name)
}

describe('making a note', () => {
  test('NT1: without a pad it leads home; its maker owns it', async () => {
    const user = await app.member('nt1@example.com')

    const answer = await user.post('/notes/create/', { name: 'Name', text: 'Text' })
    const home = await user.get(answer.location ?? '')

    expect([answer.status, answer.location]).toEqual([302, '/'])
    expect(home.text).toContain('Note is successfully created')
    expect(home.body).toContain('<title>All notes (1)</title>')
    expect(home.text).toContain('Name No pad Today at')
    const [row] = await app.context.db
      .selectFrom('notes')
      .innerJoin('users', 'users.id', 'notes.user_id')
      .select(['users.email', 'text', 'pad_id'])
      .where('users.email', '=', 'nt1@example.com')
      .execute()
    expect(row).toEqual({ email: 'nt1@example.com', text: 'Text', pad_id: null })
  })

  test('in a pad it leads there; the pad that was asked for is chosen in the form', async () => {
    const user = await app.member()
    const pad = await user.createPad('Work')

    const form = await user.get(`/notes/create/?pad=${pad}`)
    const answer = await user.post('/notes/create/', { name: 'Name', text: 'Text', pad_id: String(pad) })

    expect(form.body).toContain(`<option value="${pad}" selected>Work</option>`)
    expect(answer.location).toBe(`/pads/${pad}/`)
  })

  test.each(['', '?pad=', '?pad=abc', '?pad=999999', '?pad=1&pad=2'])('the form shows whatever pad is asked for: %j', async (query) => {
    const page = await (await app.member()).get(`/notes/create/${query}`)

    expect(page.status).toBe(200)
    expect(page.body).toContain('<option value="" selected>---------</option>')
  })

  test('NT2: empty and blank fields are refused, what was typed stays', async () => {
    const user = await app.member()
    const before = await countNotes()

    for (const fields of [{}, { name: '', text: '' }, { name: ' ', text: '\n \n' }]) {
      const page = await user.post('/notes/create/', fields)

      expect(page.status).toBe(200)
      expect(page.errors).toEqual(['This field is required.', 'This field is required.'])
      expect(page.text).toContain('Name is required')
      expect(page.text).toContain('Text is required')
    }
    const half = await user.post('/notes/create/', { name: '', text: 'typed </textarea><b>' })
    expect(half.errors).toEqual(['This field is required.'])
    expect(half.body).toContain('typed &lt;/textarea&gt;&lt;b&gt;</textarea>')
    expect(await countNotes()).toBe(before)
  })

  test('NT3: who is not signed in is sent there, and nothing is stored', async () => {
    const before = await countNotes()

    const answer = await app.browser().post('/notes/create/', { name: 'x', text: 'x' })

    expect([answer.status, answer.location]).toEqual([302, '/signin/'])
    expect(await countNotes()).toBe(before)
  })

  test.each(['foreign', '999999', 'abc', '-1', '---------'])('NT4: the pad %j is refused, nothing is stored', async (pad) => {
    const user = await app.member()
    const foreign = await (await app.member()).createPad('Foreign')
    const before = await countNotes()

    const page = await user.post('/notes/create/', { name: 'x', text: 'x', pad_id: pad === 'foreign' ? String(foreign) : pad })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['Select a valid choice. That choice is not one of the available choices.'])
    expect(page.body).not.toContain('Foreign')
    expect(await countNotes()).toBe(before)
  })

  test('fields that are not in the form change nothing', async () => {
    const user = await app.member()
    const other = await app.member()
    const id = await user.createNote('Mine', 'x')
    const { user_id: owner } = await storedNote(id)

    await user.post('/notes/create/', { name: 'Forged', text: 'x', id: '424242', user_id: '1', deleted_at: '1', created_at: '1' })
    await user.post(`/notes/${id}/edit/`, { name: 'Mine', text: 'y', user_id: '1', id: '424243' })

    const forged = await app.context.db.selectFrom('notes').selectAll().where('name', '=', 'Forged').executeTakeFirstOrThrow()
    expect(forged.id).not.toBe(424_242)
    expect([forged.user_id, forged.deleted_at]).toEqual([owner, null])
    expect((await storedNote(id)).user_id).toBe(owner)
    expect((await other.get('/')).body).toContain('<title>All notes (0)</title>')
  })

  test.each([
    ['name', 100],
    ['text', 100_000],
  ])('%s holds %d characters, also if they are emoji, and not one more', async (field, limit) => {
    const user = await app.member()
    const longest = '🦄'.repeat(limit)

    const taken = await user.post('/notes/create/', { name: 'n', text: 't', [field]: longest })
    const refused = await user.post('/notes/create/', { name: 'n', text: 't', [field]: `${longest}x` })

    expect(taken.status).toBe(302)
    expect(refused.errors).toEqual([`Ensure this value has at most ${limit} characters (it has ${limit + 1}).`])
  })
})

describe('changing a note', () => {
  test('NT5: it is stored and shown; its pad stays unless the form says otherwise', async () => {
    const user = await app.member()
    const pad = await user.createPad('Work')
    const id = await user.createNote('Old', 'old', pad)
    const form = await user.get(`/notes/${id}/edit/`)

    const answer = await user.post(`/notes/${id}/edit/`, { ...form.hidden, name: 'New', text: 'new', pad_id: String(pad) })
    const page = await user.get(answer.location ?? '')
    await user.post(`/notes/${id}/edit/`, { name: 'Newer', text: 'newer' })

    expect(answer.location).toBe(`/notes/${id}/`)
    expect(page.text).toContain('Note is successfully updated')
    expect(page.body).toContain('<title>New</title>')
    expect(await storedNote(id)).toMatchObject({ name: 'Newer', text: 'newer', pad_id: pad, version: 3 })
    await user.post(`/notes/${id}/edit/`, { name: 'Newer', text: 'newer', pad_id: '' })
    expect((await storedNote(id)).pad_id).toBeNull()
    expect((await user.get(`/pads/${pad}/`)).body).toContain('<title>Work (0)</title>')
  })

  test('NT6: empty fields are refused, the stored name stays in the title', async () => {
    const user = await app.member()
    const id = await user.createNote('Stays', 'x')

    const page = await user.post(`/notes/${id}/edit/`, { name: '', text: '' })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['This field is required.', 'This field is required.'])
    expect(page.body).toContain('<title>Error: Stays</title>')
    expect((await storedNote(id)).text).toBe('x')
  })

  test('NT7, NT8, NT10, NT12: to anyone else it does not exist', async () => {
    const user = await app.member()
    const stranger = await app.member()
    const pad = await user.createPad('Secret')
    const id = await user.createNote('Secret name', 'Secret text', pad)
    const before = await storedNote(id)

    const answers = [
      await stranger.get(`/notes/${id}`),
      await stranger.get(`/notes/${id}/edit/`),
      await stranger.post(`/notes/${id}/edit/`, { name: 'Mine', text: 'Mine' }),
      await stranger.post(`/notes/${id}/edit/`, { name: 'Mine', text: 'Mine', pad_id: String(pad) }),
      await stranger.post(`/notes/${id}/edit/`, {}),
      await stranger.post(`/notes/${id}/preview/`, {}),
      await stranger.get(`/notes/${id}/delete/`),
      await stranger.post(`/notes/${id}/delete/`),
    ]

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404))
    for (const answer of answers) expect(answer.body).not.toContain('Secret')
    expect(await storedNote(id)).toEqual(before)
  })

  test('a note cannot be moved into a foreign pad', async () => {
    const user = await app.member()
    const victim = await app.member()
    const id = await user.createNote('Mine', 'x')
    const pad = await victim.createPad('Theirs')

    const page = await user.post(`/notes/${id}/edit/`, { name: 'Mine', text: 'x', pad_id: String(pad) })

    expect(page.errors).toEqual(['Select a valid choice. That choice is not one of the available choices.'])
    expect((await storedNote(id)).pad_id).toBeNull()
    expect((await victim.get(`/pads/${pad}/`)).text).not.toContain('Mine')
  })

  test('the database itself refuses a note in a foreign pad', async () => {
    const id = await (await app.member()).createNote('Mine', 'x')
    const pad = await (await app.member()).createPad('Theirs')

    await expect(app.context.db.updateTable('notes').set({ pad_id: pad }).where('id', '=', id).execute()).rejects.toThrow(/foreign key/i)
  })

  test('two windows: the second sees both versions and chooses', async () => {
    const user = await app.member()
    const id = await user.createNote('Note', 'original')
    const { hidden } = await user.get(`/notes/${id}/edit/`)

    await user.post(`/notes/${id}/edit/`, { ...hidden, name: 'Note', text: 'from the first window' })
    const page = await user.post(`/notes/${id}/edit/`, { ...hidden, name: 'Note', text: 'from the second <window>' })

    expect(page.status).toBe(409)
    expect(page.text).toContain('from the first window')
    expect(page.body).toContain('from the second &lt;window&gt;')
    expect((await storedNote(id)).text).toBe('from the first window')
    expect((await user.post(`/notes/${id}/edit/`, { ...page.hidden, name: 'Note', text: 'both' })).status).toBe(302)
    expect((await storedNote(id)).text).toBe('both')
  })

  test('of ten saves of one version at once, one wins', async () => {
    const user = await app.member()
    const id = await user.createNote('Note', 'original')
    const { hidden } = await user.get(`/notes/${id}/edit/`)

    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => user.post(`/notes/${id}/edit/`, { ...hidden, name: 'Note', text: `save ${n}` })),
    )

    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9)
    expect((await storedNote(id)).version).toBe(2)
  })

  test('a preview shows Markdown and stores nothing', async () => {
    const user = await app.member()
    const id = await user.createNote('Note', 'original')

    const page = await user.post(`/notes/${id}/preview/`, {
      name: 'Typed',
      text: '# Big\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1))',
    })

    expect(page.status).toBe(200)
    expect(page.body).toContain('<h2>Big</h2>')
    expect(page.body).toContain('<strong>bold</strong>')
    expect(page.body).not.toMatch(/<script>alert|href="javascript/)
    expect(page.body).toContain('value="Typed"')
    expect((await storedNote(id)).text).toBe('original')
  })
})

describe('the page of a note', () => {
  test('NT9: shows name, text with its line breaks and links, and when it was edited', async () => {
    const user = await app.member()
    const id = await user.createNote('Name', 'one\r\ntwo <b>\nsee https://example.org/a?b=1&c=2.')

    const page = await user.get(`/notes/${id}/`)

    expect(page.status).toBe(200)
    expect(page.body).toContain('<title>Name</title>')
    expect(page.body).toContain(
      'one<br>two &lt;b&gt;<br>see <a href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer nofollow ugc">https://example.org/a?b=1&amp;c=2</a>.',
    )
    expect(page.body).toMatch(/Last edited at <time datetime="[^"]+" data-form="full">\d\d \w{3}\. \d{4} \d\d:\d\d<\/time>/)
  })

  test('what people type never becomes markup, on any page', async () => {
    const user = await app.member()
    const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>'--{{7*7}}`
    const pad = await user.createPad(attack)
    const id = await user.createNote(attack, attack, pad)

    for (const path of [
      '/',
      `/pads/${pad}/`,
      `/pads/${pad}/edit/`,
      `/pads/${pad}/delete/`,
      `/notes/${id}/`,
      `/notes/${id}/?format=markdown`,
      `/notes/${id}/edit/`,
      `/notes/${id}/delete/`,
      `/search/?q=${encodeURIComponent(attack)}`,
      '/notes/create/',
    ]) {
      const page = await user.get(path)

      expect(page.status).toBe(200)
      expect(page.body).not.toMatch(/<script>alert|<img|onerror=alert\(1\)>(?!&)[^&]*'/)
    }
  })

  test('names and texts come back as they were, whatever the script', async () => {
    const user = await app.member()
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((text) => text.replaceAll(/[\p{Cc}\p{Cs}\s]/gu, '_')),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).map((text) => `.${text.replaceAll('\0', '').replaceAll('\r', '')}`),
        async (name, text) => {
          const id = await user.createNote(name, text)

          expect(await storedNote(id)).toMatchObject({ name, text })
        },
      ),
      { numRuns: 20 },
    )
  }, 30_000)
})

describe('deleting a note', () => {
  test('NT11: GET asks, POST deletes and leads to the pad or home, undo brings it back', async () => {
    const user = await app.member()
    const pad = await user.createPad('Work')
    const id = await user.createNote('Name', 'x', pad)

    const question = await user.get(`/notes/${id}/delete/`)
    expect(question.text).toContain('Are you sure you want to delete Name?')
    expect((await user.get(`/notes/${id}/`)).status).toBe(200)

    const answer = await user.post(`/notes/${id}/delete/`)
    expect(answer.location).toBe(`/pads/${pad}/`)
    const page = await user.get(answer.location ?? '')
    expect(page.text).toContain('Note is successfully deleted')
    expect(page.body).toContain('<title>Work (0)</title>')
    expect((await user.get(`/notes/${id}/`)).status).toBe(404)
    expect((await user.post(`/notes/${id}/delete/`)).status).toBe(404)
    expect((await user.get('/search/?q=Name')).body).toContain('<title>Search (0)</title>')

    await user.submit(`/pads/${pad}/delete/`)
    const back = await user.submit(/action="(\/deletions\/[^"]+)"/.exec(page.body)?.[1] ?? '')
    expect(back.text).toContain('Note is successfully restored')
    expect(back.text).toContain('Name No pad')
    expect((await user.get('/search/?q=Name')).body).toContain('<title>Search (1)</title>')
  })

  test('without a pad it leads home', async () => {
    const user = await app.member()

    expect((await user.post(`/notes/${await user.createNote('x', 'x')}/delete/`)).location).toBe('/')
  })
})

describe('lists', () => {
  let user: Browser
  let pad: number
  const sorted = ['Äpfel', 'apple', 'Banana', 'cherry']

  beforeAll(async () => {
    user = await app.member()
    pad = await user.createPad('Fruit')
    for (const name of ['cherry', 'Äpfel', 'Banana', 'apple']) await user.createNote(name, 'x', pad)
  })

  test('NT13: the list is there; an empty one says so', async () => {
    expect((await user.get('/')).status).toBe(200)
    expect((await (await app.member()).get('/')).text).toContain('Create your first note.')
  })

  test.each([
    ['', ['apple', 'Banana', 'Äpfel', 'cherry'], 'descending'],
    ['?order=-updated_at', ['apple', 'Banana', 'Äpfel', 'cherry'], 'descending'],
    ['?order=updated_at', ['cherry', 'Äpfel', 'Banana', 'apple'], 'ascending'],
    ['?order=name', sorted, 'ascending'],
    ['?order=user__password', ['apple', 'Banana', 'Äpfel', 'cherry'], 'descending'],
    ['?order=', ['apple', 'Banana', 'Äpfel', 'cherry'], 'descending'],
    ["?order=name';drop table notes", ['apple', 'Banana', 'Äpfel', 'cherry'], 'descending'],
    ['?order=name&order=-name', sorted, 'ascending'],
  ])('order %j', async (query, expected, sort) => {
    for (const path of ['/', `/pads/${pad}/`]) {
      const page = await user.get(`${path}${query}`)

      expect(names(page.body)).toEqual(expected)
      expect(page.body).toContain(`aria-sort="${sort}"`)
      expect(page.body.match(/aria-sort=/g)).toHaveLength(1)
    }
  })

  test('names of every script come in one order on every engine: without case and accents, by code point, then by id', async () => {
    const someone = await app.member()
    const words = [
      'Zebra',
      'zebra',
      'Ångström',
      'angstrom',
      'éa',
      'Eb',
      'ß',
      'ss',
      '10',
      '9',
      '_',
      '-',
      '~',
      'Ж',
      'ж',
      'α',
      'あ',
      '漢',
      'ﬁx',
      'fix',
      '\uFFFD',
      '🦄',
      '𠮷',
    ]
    const notes: { readonly id: number; readonly key: readonly number[] }[] = []
    for (const word of words) {
      const key = Array.from(nameKey(word), (char) => char.codePointAt(0) ?? 0)
      notes.push({ id: await someone.createNote(word, 'x'), key })
    }
    const before = (a: readonly number[], b: readonly number[]): number => {
      const at = a.findIndex((code, index) => code !== b[index])
      return at === -1 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1)
    }
    const expected = notes.toSorted((a, b) => before(a.key, b.key) || a.id - b.id).map(({ id }) => id)
    const listed = async (order: string): Promise<readonly number[]> => {
      const pages = [await someone.get(`/?order=${order}`), await someone.get(`/?order=${order}&page=2`)]
      return pages.flatMap(({ body }) => [...body.matchAll(/<tr><td><a href="\/notes\/(\d+)\/"/g)].map(([, id]) => Number(id)))
    }

    expect(await listed('name')).toEqual(expected)
    expect(await listed('-name')).toEqual(expected.toReversed())
  })

  test('equal names and times are ordered by id, both ways, so pages neither repeat nor lose a note', async () => {
    const someone = await app.member()
    for (let n = 0; n < 45; n += 1) await someone.createNote('same', 'x')
    await app.context.db.updateTable('notes').set({ updated_at: 1_700_000_000_000 }).where('name', '=', 'same').execute()

    for (const order of ['name', '-name', 'updated_at', '-updated_at']) {
      const ids: number[] = []
      for (const page of [1, 2, 3]) {
        const { body } = await someone.get(`/?order=${order}&page=${page}`)
        ids.push(...[...body.matchAll(/<tr><td><a href="\/notes\/(\d+)\/"/g)].map(([, id]) => Number(id)))
      }

      expect(ids).toHaveLength(45)
      expect(ids).toEqual(ids.toSorted((a, b) => (order.startsWith('-') ? b - a : a - b)))
    }
  })

  test('pages: twenty notes each, the title counts all, links keep the order, nonsense falls back', async () => {
    const someone = await app.member()
    for (let n = 1; n <= 41; n += 1) await someone.createNote(`n${String(n).padStart(2, '0')}`, 'x')

    const first = await someone.get('/?order=name')
    const third = await someone.get('/?order=name&page=3')

    expect(first.body).toContain('<title>All notes (41)</title>')
    expect(names(first.body)).toHaveLength(20)
    expect(names(third.body)).toEqual(['n41'])
    expect(first.body).toContain('<span aria-current="page">1</span>')
    expect(first.body).toContain('<a href="/?order=name&amp;page=3" aria-label="Page 3">3</a>')
    for (const nonsense of ['0', '-1', 'abc', '1.5', '', '99999999999999999999'])
      expect(names((await someone.get(`/?order=name&page=${nonsense}`)).body)[0]).toBe('n01')
    expect(names((await someone.get('/?order=name&page=99')).body)).toEqual(['n41'])
    expect((await user.get('/')).body).not.toContain('class="pagination"')
  })

  test('a page is a fixed number of queries, whatever the number of notes and pads', async () => {
    const few = await app.member()
    const many = await app.member()
    const only = await few.createPad('Only')
    await few.createNote('One', 'x', only)
    for (let n = 0; n < 12; n += 1) {
      const id = await many.createPad(`Pad ${n}`)
      for (let m = 0; m < 3; m += 1) await many.createNote(`Note ${m}`, 'x', id)
    }
    const count = async (browser: Browser, path: string): Promise<number> => {
      const before = app.queryCount()
      expect((await browser.get(path)).status).toBe(200)
      return app.queryCount() - before
    }
    const idIn = async (browser: Browser, what: string): Promise<string> =>
      new RegExp(`/${what}/(\\d+)/`).exec((await browser.get('/')).body)?.[1] ?? ''

    for (const browser of [few, many]) {
      expect(await count(browser, '/')).toBe(3)
      expect(await count(browser, `/pads/${await idIn(browser, 'pads')}/?order=name`)).toBe(3)
      expect(await count(browser, `/notes/${await idIn(browser, 'notes')}/`)).toBe(3)
      expect(await count(browser, '/search/?q=note')).toBe(browser === many ? 5 : 4)
    }
  })

  test('no page needs more queries for more data', async () => {
    const pathsOf = async (pads: number, notes: number): Promise<readonly [Browser, readonly string[]]> => {
      const someone = await app.member()
      for (let n = 0; n < pads; n += 1) await someone.createPad(`Pad ${n}`)
      const pad = await someone.createPad('Last')
      for (let n = 0; n < notes; n += 1) await someone.createNote(`Note ${n}`, 'x', pad)
      const note = await someone.createNote('Last note', 'x', pad)
      for (let n = 0; n <= pads; n += 1) await someone.post(`/notes/${await someone.createNote('Gone', 'x')}/delete/`)
      const ofNote = ['', 'edit/', 'delete/'].map((rest) => `/notes/${note}/${rest}`)
      const ofPad = ['', '?order=name', 'edit/', 'delete/'].map((rest) => `/pads/${pad}/${rest}`)
      return [
        someone,
        ['/', '/?order=-name', '/notes/create/', '/search/?q=last', '/search/?q=st', '/deletions/', '/settings/', ...ofNote, ...ofPad],
      ]
    }
    const count = async ([someone, paths]: readonly [Browser, readonly string[]]): Promise<readonly number[]> => {
      const counts: number[] = []
      for (const path of paths) {
        const before = app.queryCount()
        expect([path, (await someone.get(path)).status]).toEqual([path, 200])
        counts.push(app.queryCount() - before)
      }
      return counts
    }

    const few = await count(await pathsOf(0, 0))

    expect(await count(await pathsOf(8, 30))).toEqual(few)
    expect(Math.max(...few)).toBeLessThanOrEqual(5)
  })

  test('when something was edited is said in words', async () => {
    await using other = await startApp()
    const someone = await other.member()
    await someone.createNote('x', 'x')
    const when = async (): Promise<string> => /<time[^>]*>([^<]*)</.exec((await someone.get('/')).body)?.[1] ?? ''

    expect(await when()).toMatch(/^Today at \d\d:\d\d$/)
    other.advance(86_400_000)
    expect(await when()).toBe('Yesterday')
    other.advance(86_400_000)
    expect(await when()).toBe('2 days ago')
    other.advance(6 * 86_400_000)
    expect(await when()).toMatch(/^\d\d \w{3}\. \d{4}$/)
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser, type BrowsedPage } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'

// What every page shows and who may see it (docs/reference/pages.md).
let app: StartedApp
let user: Browser
let ids: Readonly<Record<'pad' | 'empty' | 'note' | 'loose' | 'deletion' | 'session' | 'token', string>>

beforeAll(async () => {
  app = await startApp()
  user = await app.member('frame@example.com')
  await app.browser().post('/signin/', { email: 'frame@example.com', password: 'correct horse' })
  const pad = await user.createPad('Work')
  const empty = await user.createPad('Later')
  const gone = await user.createNote('Gone', 'x')
  await user.post(`/notes/${gone}/delete/`)
  await user.post('/settings/tokens/', { name: 't', scope: 'read', days: '30' })
  const first = (body: string, pattern: RegExp): string => pattern.exec(body)?.[1] ?? 'missing'
  ids = {
    pad: String(pad),
    empty: String(empty),
    note: String(await user.createNote('Milk', 'two litres', pad)),
    loose: String(await user.createNote('Loose', 'x')),
    deletion: first((await user.get('/deletions/')).body, /\/deletions\/([0-9a-f-]{36})\/undo\//),
    session: first((await user.get('/settings/')).body, /\/settings\/sessions\/(\d+)\/end\//),
    token: first((await user.get('/settings/tokens/')).body, /\/settings\/tokens\/(\d+)\/revoke\//),
  }
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

/** Puts the ids where `{pad}` and the like stand. */
function filled(text: string): string {
  return text.replaceAll(/\{(\w+)\}/g, (_all, name: keyof typeof ids) => ids[name])
}

function titleOf(page: BrowsedPage): readonly (string | undefined)[] {
  return [/<title>([^<]*)<\/title>/.exec(page.body)?.[1], /<h1>.*?<span>([^<]*)<\/span><\/h1>/.exec(page.body)?.[1]]
}

function linksOf(page: BrowsedPage): readonly string[] {
  return [...page.body.matchAll(/<a [^>]*?href="([^"]*)"[^>]*>(.*?)<\/a>/gs)].map(
    ([, href = '', text = '']) => `${text.replaceAll(/<[^>]*>/g, '')} → ${href}`,
  )
}

function buttonsOf(page: BrowsedPage): readonly string[] {
  return [...page.body.matchAll(/<main.*?<\/main>/gs)].flatMap(([main]) =>
    [...main.matchAll(/<button[^>]*>(.*?)<\/button>/gs)].map(([, text = '']) => text.replaceAll(/<[^>]*>/g, '')),
  )
}

describe('anonymous pages: title, heading, buttons, ways on', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    ['/signup/', 'Sign Up', ['Sign Up'], ['Sign in → /signin/']],
    ['/signin/', 'Sign In', ['Sign In'], ['Forgot password? → /forgot-password/']],
    ['/forgot-password/', 'Forgot password?', ['Get new password'], ['Sign in → /signin/']],
    ['/nothing/', 'Page not found', [], ['Go to all notes → /']],
  ])('%s', async (path, title, buttons, links) => {
    const page = await app.browser().get(path)

    expect(titleOf(page)).toEqual([title, title])
    expect(buttonsOf(page)).toEqual(buttons)
    expect(linksOf(page)).toEqual(expect.arrayContaining([...links, 'Sign up → /signup/', 'Sign in → /signin/', 'notejam: → /']))
    expect(page.body).not.toContain('My pads')
  })
})

describe('pages of a member: title, heading, buttons, ways on', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    ['/', 'All notes (2)', ['Search'], ['New note → /notes/create/', 'Milk → /notes/{note}/', 'Work → /pads/{pad}/']],
    [
      '/pads/{pad}/',
      'Work (1)',
      ['Search'],
      ['New note → /notes/create/?pad={pad}', 'Pad settings → /pads/{pad}/edit/', 'Milk → /notes/{note}/'],
    ],
    ['/pads/{empty}/', 'Later (0)', ['Search'], ['New note → /notes/create/?pad={empty}', 'Pad settings → /pads/{empty}/edit/']],
    ['/notes/create/', 'New note', ['Search', 'Save', 'Preview'], []],
    ['/notes/{note}/', 'Milk', ['Search'], ['Edit → /notes/{note}/edit/', 'Delete it → /notes/{note}/delete/', 'Work → /pads/{pad}/']],
    ['/notes/{note}/edit/', 'Milk', ['Search', 'Save', 'Preview'], []],
    ['/notes/{note}/delete/', 'Milk', ['Search', 'Yes, I want to delete this note'], ['Cancel → /notes/{note}/']],
    ['/pads/create/', 'New pad', ['Search', 'Save'], []],
    ['/pads/{pad}/edit/', 'Work', ['Search', 'Save'], ['Delete pad → /pads/{pad}/delete/']],
    ['/pads/{pad}/delete/', 'Work', ['Search', 'Yes, I want to delete this pad'], ['Cancel → /pads/{pad}/edit/']],
    ['/notes/999999/', 'Page not found', ['Search'], ['Go to all notes → /']],
    ['/nothing/', 'Page not found', ['Search'], ['Go to all notes → /']],
  ])('%s', async (path, title, buttons, links) => {
    const page = await user.get(filled(path))

    expect(titleOf(page)).toEqual([title, title])
    expect(buttonsOf(page)).toEqual(buttons)
    const frame = [
      'Account settings → /settings/',
      'New pad → /pads/create/',
      'Work → /pads/{pad}/',
      'Later → /pads/{empty}/',
      'notejam: → /',
    ]
    expect(linksOf(page)).toEqual(expect.arrayContaining([...links, ...frame].map(filled)))
    expect(page.text).toContain('frame@example.com: Account settings Sign out')
    expect(page.text).toContain('My pads')
    expect(page.body).toContain('<form method="post" action="/signout/">')
  })

  test.each([
    ['/settings/', 'Account Settings'],
    ['/settings/tokens/', 'API tokens'],
    ['/settings/export/', 'Export your notes'],
    ['/settings/delete/', 'Delete account'],
    ['/signout/', 'Sign out'],
  ])('%s has no left column', async (path, title) => {
    const page = await user.get(path)

    expect(titleOf(page)).toEqual([title, title])
    expect(page.text).not.toContain('My pads')
  })

  test('the words of empty lists', async () => {
    const newcomer = await app.member()

    expect((await newcomer.get('/')).text).toContain('No pads')
    expect((await newcomer.get('/')).text).toContain('Create your first note.')
    expect((await user.get(filled('/pads/{empty}/'))).text).toContain('Create your first note in the pad.')
  })

  test('every link of every page leads somewhere', async () => {
    const seen = new Set<string>(['/'])
    for (const path of seen) {
      const page = await user.get(path)

      expect([path, page.status]).toEqual([path, 200])
      // Sorting and paging would go on without end.
      for (const [, href = ''] of page.body.matchAll(/(?:href|src)="(\/[^"#]*)"/g)) if (!/[?&](?:order|page)=/.test(href)) seen.add(href)
    }
    expect(seen.size).toBeGreaterThan(20)
  })
})

const reading = [
  '/',
  '/pads/{pad}/',
  '/pads/{pad}/edit/',
  '/pads/{pad}/delete/',
  '/pads/create/',
  '/notes/create/',
  '/notes/{note}/',
  '/notes/{note}/edit/',
  '/notes/{note}/delete/',
  '/search/?q=milk',
  '/deletions/',
  '/settings/',
  '/settings/tokens/',
  '/settings/export/',
  '/settings/export/notes.zip',
  '/settings/export/notes.json',
  '/settings/delete/',
]
const writing: readonly [string, Readonly<Record<string, string>>][] = [
  ['/pads/create/', { name: 'x' }],
  ['/pads/{pad}/edit/', { name: 'x' }],
  ['/pads/{pad}/delete/', { notes: 'delete' }],
  ['/notes/create/', { name: 'x', text: 'x' }],
  ['/notes/preview/', { name: 'x', text: 'x' }],
  ['/notes/{note}/edit/', { name: 'x', text: 'x' }],
  ['/notes/{note}/preview/', { name: 'x', text: 'x' }],
  ['/notes/{note}/delete/', {}],
  ['/deletions/{deletion}/undo/', {}],
  ['/settings/', { old_password: 'correct horse', new_password: 'another horse', confirm_new_password: 'another horse' }],
  ['/settings/sign-out-everywhere/', {}],
  ['/settings/sessions/{session}/end/', {}],
  ['/settings/tokens/', { name: 'x', scope: 'read', days: '30' }],
  ['/settings/tokens/{token}/revoke/', {}],
  ['/settings/delete/', { password: 'correct horse' }],
]

/** All rows of an account, to be compared. */
async function everything(): Promise<unknown> {
  const { db } = app.context
  const { id } = await db.selectFrom('users').select('id').where('email', '=', 'frame@example.com').executeTakeFirstOrThrow()
  const rows = await Promise.all(
    (['pads', 'notes', 'api_tokens'] as const).map(async (table) =>
      db.selectFrom(table).selectAll().where('user_id', '=', id).orderBy('id').execute(),
    ),
  )
  const sessions = await db.selectFrom('sessions').select('id').where('user_id', '=', id).orderBy('id').execute()
  return [await db.selectFrom('users').selectAll().where('id', '=', id).execute(), sessions, ...rows]
}

describe('who may', () => {
  test.each(reading)('who is not signed in is sent from %s to sign in, and back', async (path) => {
    const to = filled(path)

    const answer = await app.browser().get(to)

    expect(answer.status).toBe(302)
    expect(answer.location).toBe(to === '/' ? '/signin/' : `/signin/?next=${encodeURIComponent(to)}`)
  })

  test.each(writing)('POST %s of nobody, of a stranger and from another site changes nothing', async (path, fields) => {
    const to = filled(path)
    const stranger = new Browser(app.baseUrl)
    await stranger.signUp(`stranger${crypto.randomUUID()}@example.com`, 'correct horse')
    const before = await everything()

    const nobody = await app.browser().post(to, fields)
    const foreign = await stranger.post(to, fields)
    const forged = await user.post(to, fields, { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' })

    expect([nobody.status, nobody.location]).toEqual([302, '/signin/'])
    if (path.includes('{')) expect(foreign.status).toBe(404)
    expect(forged.status).toBe(403)
    expect(await everything()).toEqual(before)
  })

  test.each(writing)('GET %s changes nothing', async (path) => {
    const before = await everything()

    await user.get(filled(path))

    expect(await everything()).toEqual(before)
  })
})

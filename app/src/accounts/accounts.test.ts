import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StartedApp, startApp } from '../testing/start-app.ts'

// SU1 and the like (SI, FP, ST, PD, NT in other tests) number what the suites of earlier Notejam implementations assert: sign-up, sign-in, and so on.
let app: StartedApp
const password = 'correct horse'

beforeAll(async () => {
  app = await startApp()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

async function countUsers(): Promise<number> {
  const { count } = await app.context.db
    .selectFrom('users')
    .select((builder) => builder.fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

describe('sign-up', () => {
  test('SU1: right input makes one account, leads to sign-in and says so', async () => {
    const browser = app.browser()
    const before = await countUsers()

    const answer = await browser.post('/signup/', { email: 'su1@example.com', password, confirm_password: password })
    const next = await browser.get(answer.location ?? '')

    expect(answer.status).toBe(302)
    expect(answer.location).toBe('/signin/')
    expect(next.text).toContain('Account is created. Now you can sign in.')
    expect(await countUsers()).toBe(before + 1)
    expect((await browser.submit('/signin/', { email: 'su1@example.com', password })).text).toContain('My pads')
  })

  test('SU2: everything absent or empty is said at each field, nothing is stored', async () => {
    const before = await countUsers()

    for (const fields of [{}, { email: '', password: '', confirm_password: '' }]) {
      const page = await app.browser().post('/signup/', fields)

      expect(page.status).toBe(200)
      expect(page.errors).toEqual(['This field is required.', 'This field is required.', 'This field is required.'])
      expect(page.text).toContain('Email is required')
      expect(page.text).toContain('Password is required')
      expect(page.body).toContain('<title>Error: Sign Up</title>')
    }
    expect(await countUsers()).toBe(before)
  })

  test.each([
    'invalid',
    'invalid@mail',
    '@example.com',
    'a@',
    'a b@example.com',
    'a@b@example.com',
    '.a@example.com',
    'a..b@example.com',
    'a@example..com',
    'a\u200B@example.com',
    '<a@example.com>',
    'a@example.com\r\nBcc: b@example.com',
  ])('SU3: %j is no address', async (email) => {
    const page = await app.browser().post('/signup/', { email, password, confirm_password: password })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['Invalid email address.'])
  })

  test.each(['su4@example.com', 'SU4@EXAMPLE.COM', ' su4@example.com '])(
    'SU4: an address is taken once, without regard to case: %j',
    async (email) => {
      await app.browser().post('/signup/', { email: 'su4@example.com', password, confirm_password: password })
      const before = await countUsers()

      const page = await app.browser().post('/signup/', { email, password, confirm_password: password })

      expect(page.status).toBe(200)
      expect(page.errors).toEqual(['User with this email is already signed up'])
      expect(await countUsers()).toBe(before)
    },
  )

  test('SU5: two different passwords are refused, and what was typed stays', async () => {
    const page = await app.browser().post('/signup/', { email: 'su5@example.com', password, confirm_password: 'another horse' })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['Your passwords do not match'])
    expect(page.body).toContain('value="su5@example.com"')
    expect(page.body).not.toContain(password)
  })

  test('all that is wrong is said at once', async () => {
    const page = await app.browser().post('/signup/', { email: 'x', password, confirm_password: 'another horse' })

    expect(page.errors).toEqual(['Invalid email address.', 'Your passwords do not match'])
  })

  test.each([
    [7, false],
    [8, true],
    [128, true],
    [129, false],
  ])('a password of %d characters', async (length, taken) => {
    const secret = '🐎'.repeat(length)

    const page = await app.browser().post('/signup/', { email: `length${length}@example.com`, password: secret, confirm_password: secret })

    expect(page.status).toBe(taken ? 302 : 200)
    expect(page.errors).toEqual(taken ? [] : ['Please use a password which has between 8 and 128 characters.'])
  })

  test.each([
    [254, true],
    [255, false],
  ])('an address of %d characters', async (length, taken) => {
    const email = `${'a'.repeat(length - 12)}@example.com`

    const page = await app.browser().post('/signup/', { email, password, confirm_password: password })

    expect(page.status).toBe(taken ? 302 : 200)
    expect(page.errors).toEqual(taken ? [] : ['Ensure this value has at most 254 characters (it has 255).'])
  })

  test('twenty at once with one address make one account', async () => {
    const before = await countUsers()

    const answers = await Promise.all(
      Array.from({ length: 20 }, async () =>
        app.browser().post('/signup/', { email: 'race@example.com', password, confirm_password: password }),
      ),
    )

    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
    expect(answers.filter(({ errors }) => errors[0] === 'User with this email is already signed up')).toHaveLength(19)
    expect(await countUsers()).toBe(before + 1)
  })
})

describe('sign-in', () => {
  test('SI1: right credentials lead home, without regard to the case of the address', async () => {
    await app.member('si1@example.com')
    const browser = app.browser()

    const answer = await browser.post('/signin/', { email: 'SI1@example.com', password })
    const home = await browser.get('/')

    expect([answer.status, answer.location]).toEqual([302, '/'])
    expect(home.body).toContain('<title>All notes (0)</title>')
    expect(home.text).toContain('si1@example.com: Account settings Sign out')
  })

  test('SI2, SI3: an unknown address and a wrong password are told nothing apart', async () => {
    await app.member('si2@example.com')
    const email = 'si2@example.com'

    const unknown = await app.browser().post('/signin/', { email: 'nobody@example.com', password })
    const wrong = await app.browser().post('/signin/', { email, password: 'wrong password' })

    expect(unknown.status).toBe(200)
    expect(unknown.text).toContain('Wrong email or password')
    expect(unknown.headers.getSetCookie()).toEqual([])
    expect(wrong.body.replaceAll(email, 'nobody@example.com')).toBe(unknown.body)
  })

  test('SI4: empty fields', async () => {
    const page = await app.browser().post('/signin/', { email: '', password: '' })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['This field is required.', 'This field is required.'])
    expect(page.text).toContain('Email is required')
    expect(page.text).toContain('Password is required')
  })

  test('SI5: a malformed address', async () => {
    const page = await app.browser().post('/signin/', { email: 'invalid', password })

    expect(page.errors).toEqual(['Invalid email address.'])
  })

  test('SI6: a page asked for before signing in is reached after it', async () => {
    await app.member('si6@example.com')
    const browser = app.browser()

    const home = await browser.get('/')
    const create = await browser.get('/notes/create/?pad=1')
    const form = await browser.get(create.location ?? '')
    const action = /<form method="post" action="(\/signin[^"]*)"/.exec(form.body)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const answer = await browser.post(action, { email: 'si6@example.com', password })

    expect([home.status, home.location]).toEqual([302, '/signin/'])
    expect(create.location).toBe('/signin/?next=%2Fnotes%2Fcreate%2F%3Fpad%3D1')
    expect(answer.location).toBe('/notes/create/?pad=1')
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example/',
    '/\t/evil.example',
    '/%09/evil.example\n',
    'javascript:alert(1)',
    '/a\\b',
  ])('next=%j leads nowhere else', async (next) => {
    await app.member(`next${Math.random()}@example.com`.replace('0.', ''))
    const email = 'si6b@example.com'
    await app.browser().post('/signup/', { email, password, confirm_password: password })

    const answer = await app.browser().post(`/signin/?next=${encodeURIComponent(next)}`, { email, password })

    expect(answer.location).toMatch(/^\/(?![/\\])/)
    expect(new URL(answer.location ?? '', app.baseUrl).origin).toBe(app.baseUrl)
  })

  test('a session is new at each sign-in, and one that was planted is worth nothing', async () => {
    const browser = await app.member('fixation@example.com')
    const before = browser.cookies.get('notejam-session') ?? ''
    const planted = app.browser()
    planted.cookies.set('notejam-session', before)

    await planted.post('/signin/', { email: 'fixation@example.com', password })
    const after = planted.cookies.get('notejam-session')

    expect(after).toMatch(/^[\w-]{43}$/)
    expect(after).not.toBe(before)
    expect((await browser.get('/')).location).toBe('/signin/')
    expect((await planted.get('/')).status).toBe(200)
  })

  test('the cookie is out of reach of scripts and of other sites; the database does not hold it', async () => {
    await app.member('cookie@example.com')

    const answer = await app.browser().post('/signin/', { email: 'cookie@example.com', password })
    const [line = ''] = answer.headers.getSetCookie()
    const token = /=([^;]*)/.exec(line)?.[1] ?? ''
    const rows = await app.context.db.selectFrom('sessions').selectAll().execute()

    expect(line).toMatch(/^notejam-session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/)
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  test('a session ends after two idle weeks, and after thirty days whatever happens', async () => {
    await using other = await startApp()
    const idle = await other.member('idle@example.com')
    const busy = await other.member('busy@example.com')

    for (let day = 0; day < 29; day += 1) {
      other.advance(86_400_000)
      expect((await busy.get('/')).status).toBe(200)
    }
    expect((await idle.get('/')).location).toBe('/signin/')
    other.advance(86_400_000)
    expect((await busy.get('/')).location).toBe('/signin/')
  })

  test('a hash with other parameters is renewed when its owner signs in', async () => {
    const browser = await app.member('rehash@example.com')
    await app.context.db
      .updateTable('users')
      .set({ password_hash: '$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })
      .where('email', '=', 'rehash@example.com')
      .execute()

    expect((await browser.post('/signin/', { email: 'rehash@example.com', password })).text).toContain('Wrong email or password')

    const { createPasswords } = await import('./passwords.ts')
    const old = await createPasswords({ memoryKiB: 16, passes: 2, parallelism: 1 }).hash(password)
    await app.context.db.updateTable('users').set({ password_hash: old }).where('email', '=', 'rehash@example.com').execute()
    expect((await browser.post('/signin/', { email: 'rehash@example.com', password })).location).toBe('/')
    const { password_hash: renewed } = await app.context.db
      .selectFrom('users')
      .select('password_hash')
      .where('email', '=', 'rehash@example.com')
      .executeTakeFirstOrThrow()
    expect(renewed).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$/)
  })
})

describe('sign-out', () => {
  test('GET shows a button and changes nothing; POST ends the session and leads to sign-in', async () => {
    const browser = await app.member()
    const token = browser.cookies.get('notejam-session') ?? ''

    const page = await browser.get('/signout/')
    expect(page.status).toBe(200)
    expect(page.body).toContain('<form method="post" action="/signout/">')
    expect((await browser.get('/')).status).toBe(200)

    const answer = await browser.post('/signout/')
    expect([answer.status, answer.location]).toEqual([302, '/signin/'])
    expect(browser.cookies.has('notejam-session')).toBe(false)
    browser.cookies.set('notejam-session', token)
    expect((await browser.get('/')).location).toBe('/signin/')
  })
})

describe('forgotten password', () => {
  test('FP1: one link by mail that works once; every session ends; no password is mailed', async () => {
    const member = await app.member('fp1@example.com')
    const browser = app.browser()

    const answer = await browser.submit('/forgot-password/', { email: 'FP1@example.com' })
    const mail = app.mails.findLast(({ to }) => to === 'fp1@example.com')
    const link = new URL(/http:\/\/\S+/.exec(mail?.text ?? '')?.[0] ?? '')
    expect(answer.text).toContain('Sign In')
    expect(mail?.subject).toBe('Notejam password reset')
    expect(link.origin).toBe(app.baseUrl)
    expect(mail?.text).not.toContain(password)
    // Longer lines or other letters would be encoded, and the link torn apart.
    expect(mail?.text).toMatch(/^[\n\x20-\x7E]+$/)
    expect(Math.max(...(mail?.text ?? '').split('\n').map((line) => line.length))).toBeLessThanOrEqual(76)

    // Mail scanners open links: that uses nothing up.
    await browser.get(link.pathname)
    const form = await browser.get(link.pathname)
    expect(form.status).toBe(200)
    expect((await browser.post(link.pathname, { password: 'short', confirm_password: 'short' })).errors).toHaveLength(1)
    const saved = await browser.submit(link.pathname, { password: 'new password', confirm_password: 'new password' })
    expect(saved.text).toContain('Password is successfully changed')
    expect((await browser.post(link.pathname, { password: 'third password', confirm_password: 'third password' })).status).toBe(404)
    expect((await member.get('/')).location).toBe('/signin/')
    expect((await browser.post('/signin/', { email: 'fp1@example.com', password })).status).toBe(200)
    expect((await browser.post('/signin/', { email: 'fp1@example.com', password: 'new password' })).location).toBe('/')
  })

  test('the password stays until the link is used, so nobody is locked out', async () => {
    await app.member('fp1b@example.com')
    await app.browser().post('/forgot-password/', { email: 'fp1b@example.com' })

    expect((await app.browser().post('/signin/', { email: 'fp1b@example.com', password })).location).toBe('/')
  })

  test('FP2: a malformed address', async () => {
    const page = await app.browser().post('/forgot-password/', { email: 'invalid' })

    expect(page.status).toBe(200)
    expect(page.text).toContain('Invalid email')
  })

  test('FP3: an unknown address gets the same answer, and no mail', async () => {
    await app.member('fp3@example.com')
    const before = app.mails.length

    const unknown = await app.browser().submit('/forgot-password/', { email: 'nobody@example.com' })
    expect(app.mails).toHaveLength(before)
    const known = await app.browser().submit('/forgot-password/', { email: 'fp3@example.com' })

    expect(known.body).toBe(unknown.body)
    expect(app.mails).toHaveLength(before + 1)
  })

  test('a link is good for an hour, and only the newest one', async () => {
    await using other = await startApp()
    await other.member('fp4@example.com')
    const ask = async (): Promise<string> => {
      await other.browser().post('/forgot-password/', { email: 'fp4@example.com' })
      return new URL(/http:\/\/\S+/.exec(other.mails.at(-1)?.text ?? '')?.[0] ?? '').pathname
    }

    const first = await ask()
    const second = await ask()
    expect((await other.browser().get(first)).status).toBe(404)
    expect((await other.browser().get(second)).status).toBe(200)
    other.advance(3_600_000)
    expect((await other.browser().get(second)).status).toBe(404)
    expect((await other.browser().post(second, { password: 'new password', confirm_password: 'new password' })).status).toBe(404)
  })

  test.each(['x', '%00', '%zz', 'A'.repeat(22), 'A'.repeat(43), 'a'.repeat(5000)])('the link %j opens nothing', async (token) => {
    const page = await app.browser().get(`/recover-password/${token}/`)

    expect([400, 404]).toContain(page.status)
  })
})

describe('settings', () => {
  test('ST1: the password changes, all other sessions end, this one goes on under a new token', async () => {
    const browser = await app.member('st1@example.com')
    const other = app.browser()
    await other.post('/signin/', { email: 'st1@example.com', password })
    const before = browser.cookies.get('notejam-session')

    const next = await browser.submit('/settings/', {
      old_password: password,
      new_password: 'new password',
      confirm_new_password: 'new password',
    })

    expect(next.text).toContain('Password is successfully changed')
    expect(next.text).toContain('Account settings')
    expect(browser.cookies.get('notejam-session')).not.toBe(before)
    expect((await other.get('/')).location).toBe('/signin/')
    expect((await app.browser().post('/signin/', { email: 'st1@example.com', password })).status).toBe(200)
    expect((await app.browser().post('/signin/', { email: 'st1@example.com', password: 'new password' })).location).toBe('/')
  })

  test('ST2: empty fields', async () => {
    const browser = await app.member()

    const page = await browser.post('/settings/', { old_password: '', new_password: '', confirm_new_password: '' })

    expect(page.status).toBe(200)
    expect(page.text).toContain('Current password is required')
    expect(page.text).toContain('New password is required')
  })

  test('ST3: a wrong current password changes nothing', async () => {
    const browser = await app.member('st3@example.com')

    const page = await browser.post('/settings/', {
      old_password: 'wrong',
      new_password: 'new password',
      confirm_new_password: 'new password',
    })

    expect(page.errors).toEqual(['Invalid current password'])
    expect((await app.browser().post('/signin/', { email: 'st3@example.com', password })).location).toBe('/')
  })

  test('ST4: two different new passwords', async () => {
    const browser = await app.member()

    const page = await browser.post('/settings/', {
      old_password: password,
      new_password: 'new password',
      confirm_new_password: 'other password',
    })

    expect(page.errors).toEqual(['New passwords must match'])
  })

  test('anonymous GET and POST lead to sign-in', async () => {
    expect((await app.browser().get('/settings')).location).toBe('/signin/?next=%2Fsettings')
    expect((await app.browser().post('/settings', { old_password: 'x' })).location).toBe('/signin/')
  })

  test('sessions are listed, and end one by one or all at once', async () => {
    const browser = await app.member('sessions@example.com')
    const others = [app.browser(), app.browser(), app.browser()]
    for (const other of others)
      await other.send('POST', '/signin/', `email=sessions@example.com&password=${encodeURIComponent(password)}`, {
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': '<b>phone</b>',
      })

    const page = await browser.get('/settings/')
    const ends = [...page.body.matchAll(/action="(\/settings\/sessions\/\d+\/end\/)"/g)].map(([, path = '']) => path)
    expect(page.text).toContain('<b>phone</b>')
    expect(ends).toHaveLength(3)

    const stranger = await app.member()
    expect((await stranger.post(ends[0] ?? '')).status).toBe(404)
    await browser.post(ends[0] ?? '')
    const alive = async (): Promise<number> =>
      (await Promise.all(others.map(async (other) => other.get('/')))).filter(({ status }) => status === 200).length
    expect(await alive()).toBe(2)
    const next = await browser.submit('/settings/sign-out-everywhere/')
    expect(next.text).toContain('All other sessions are signed out')
    expect(await alive()).toBe(0)
  })

  test('deleting the account takes everything along, and nobody else', async () => {
    const browser = await app.member('gone@example.com')
    const pad = await browser.createPad('Gone')
    await browser.createNote('Gone', 'unfindable words', pad)
    const neighbour = await app.member()
    await neighbour.createNote('Stays', 'here')
    const { id } = await app.context.db.selectFrom('users').select('id').where('email', '=', 'gone@example.com').executeTakeFirstOrThrow()

    expect((await browser.get('/settings/delete/')).text).toContain('all notes (1)')
    expect((await browser.post('/settings/delete/', { password: 'wrong' })).errors).toEqual(['Invalid current password'])
    const next = await browser.submit('/settings/delete/', { password })

    expect(next.text).toContain('Your account and everything in it is deleted')
    expect((await browser.post('/signin/', { email: 'gone@example.com', password })).status).toBe(200)
    for (const table of ['sessions', 'pads', 'notes', 'api_tokens', 'password_resets'] as const) {
      expect(await app.context.db.selectFrom(table).select('id').where('user_id', '=', id).execute()).toEqual([])
    }
    expect(await app.context.db.selectFrom('note_search').select('words').where('words', '=', 'x').execute()).toEqual([])
    expect((await neighbour.get('/')).text).toContain('Stays')
  })
})

test('the audit log has a line for each event, and no line holds a password or a token', async () => {
  await using other = await startApp()
  const browser = await other.member('audit@example.com', 'secret of audit')
  const token = browser.cookies.get('notejam-session') ?? ''
  await other.browser().post('/signin/', { email: 'audit@example.com', password: 'wrong secret' })
  await browser.post('/settings/', { old_password: 'secret of audit', new_password: 'next secret', confirm_new_password: 'next secret' })
  await browser.post('/signout/')

  const events = other.lines
    .map((line) => JSON.parse(line) as { readonly audit?: boolean; readonly event?: string })
    .filter(({ audit }) => audit === true)
  expect(events.map(({ event }) => event)).toEqual(['signed-up', 'signed-in', 'sign-in-failed', 'password-changed', 'signed-out'])
  for (const secret of ['secret of audit', 'wrong secret', 'next secret', token]) expect(other.lines.join('')).not.toContain(secret)
})

describe('throttling', () => {
  test('attempts against one account are limited, and the answer says when to try again', async () => {
    await using other = await startApp({ throttlePerAccount: 3 })
    await other.member('throttle@example.com')
    const attempt = async (email: string) => other.browser().post('/signin/', { email, password: 'wrong password' })

    const answers = [await attempt('throttle@example.com'), await attempt('THROTTLE@example.com'), await attempt('throttle@example.com')]
    const page = answers.at(-1)

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(Number(page?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(page?.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(page?.text).toContain('Too many attempts')
    expect((await attempt('someone.else@example.com')).status).toBe(200)
    other.advance(60_000)
    expect((await other.browser().post('/signin/', { email: 'throttle@example.com', password })).location).toBe('/')
  })

  test('attempts of one address are limited; a forwarded address counts from a trusted proxy only', async () => {
    for (const [trustedProxies, expected] of [
      [['loopback'], [200, 200, 200, 200]],
      [[], [200, 200, 429, 429]],
    ] as const) {
      await using other = await startApp({ throttlePerAddress: 2, trustedProxies })

      const statuses: number[] = []
      for (const n of [1, 2, 3, 4]) {
        const answer = await other
          .browser()
          .post('/signin/', { email: 'nobody@example.com', password }, { 'x-forwarded-for': `198.51.100.${n}` })
        statuses.push(answer.status)
      }

      expect(statuses).toEqual(expected)
    }
  })
})

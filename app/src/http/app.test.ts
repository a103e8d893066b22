import { connect } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BrowsedPage } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'

let app: StartedApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

function expectPage(page: BrowsedPage, ...statuses: readonly number[]): void {
  expect(statuses).toContain(page.status)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.body).toContain('<strong>note</strong>jam:')
  expect(page.text).not.toMatch(/\bat .*\.ts:\d+|node:internal|SQLITE|select .* from/i)
}

describe('headers', () => {
  test('every answer carries them: pages, redirects, errors, files', async () => {
    const style = /href="(\/assets\/notejam\.[0-9a-f]{12}\.css)"/.exec((await app.browser().get('/signin/')).body)?.[1] ?? ''

    for (const path of ['/signin/', '/', '/nope', style]) {
      const { headers } = await app.browser().get(path)

      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none';style-src 'self';script-src 'self';img-src 'self';connect-src 'self';form-action 'self';frame-ancestors 'none';base-uri 'none'",
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('referrer-policy')).toBe('same-origin')
      expect(headers.has('x-powered-by')).toBe(false)
      expect(headers.has('strict-transport-security')).toBe(false)
    }
  })

  test('with an https address: HSTS, and cookies with __Host- and Secure', async () => {
    await using other = await startApp({ publicUrl: 'https://notes.example.org' })
    const browser = other.browser()
    await browser.post('/signup/', { email: 'a@example.com', password: 'correct horse', confirm_password: 'correct horse' })

    const { headers } = await browser.post('/signin/', { email: 'a@example.com', password: 'correct horse' })

    expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
    expect(headers.getSetCookie()[0]).toMatch(
      /^__Host-notejam-session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    )
  })

  test('pages are kept nowhere, files for good', async () => {
    const user = await app.member()
    const page = await user.get('/')
    const [, style = ''] = /href="(\/assets\/[^"]+\.css)"/.exec(page.body) ?? []
    const file = await user.get(style)

    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(file.status).toBe(200)
    expect(file.headers.get('content-type')).toBe('text/css; charset=utf-8')
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await user.get(style.replace(/[0-9a-f]{12}/, '0123456789ab'))).headers.get('cache-control')).toBe('public, max-age=60')
    expect((await user.get('/assets/nope.css')).status).toBe(404)
  })

  test('no page has inline code, inline style, or anything from elsewhere', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')
    const note = await user.createNote('Note', 'x', pad)

    for (const path of [
      '/',
      '/settings/',
      '/settings/delete/',
      '/deletions/',
      '/notes/create/',
      `/notes/${note}/edit/`,
      `/notes/${note}/delete/`,
      `/pads/${pad}/`,
      `/pads/${pad}/delete/`,
      '/search/?q=x',
      '/signin/',
      '/signup/',
      '/forgot-password/',
      '/signout/',
    ]) {
      const { body, status } = await user.get(path)

      expect(status).toBe(200)
      expect(body).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?! type="module" src="\/assets\/)|(?:src|href)="(?:https?:)?\/\//)
      expect(body).not.toMatch(/maximum-scale|user-scalable/)
    }
  })
})

describe('paths', () => {
  test.each(['/signin', '/signup', '/forgot-password', '/settings', '/notes/create', '/pads/create', '/search', '/deletions', '/signout'])(
    '%s answers with and without a slash',
    async (path) => {
      const user = await app.member()

      expect((await user.get(path)).status).toBe(200)
      expect((await user.get(`${path}/`)).status).toBe(200)
    },
  )

  test('what is not there is a page in the layout, for members with their pads', async () => {
    const user = await app.member()
    await user.createPad('Mine')

    expectPage(await app.browser().get('/nope'), 404)
    const page = await user.get('/nope')
    expectPage(page, 404)
    expect(page.text).toContain('Mine')
  })

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])('%s is not allowed', async (method) => {
    const page = await app.browser().send(method, '/signin/', undefined, {})

    expectPage(page, 405)
    expect(page.headers.get('allow')).toBe('GET, HEAD, POST')
  })

  test('HEAD is GET without the body', async () => {
    const page = await app.browser().send('HEAD', '/signin/', undefined, {})

    expect([page.status, page.body]).toEqual([200, ''])
  })

  test.each([
    '/%',
    '/%zz',
    '/%ff',
    '/notes/%ff/',
    '/notes/%00/',
    '/search/?q=%00',
    '/search/?q=%ff',
    '/?order=%',
    `/${'a'.repeat(8000)}`,
    '/notes/1/../../..//',
    '//',
  ])('%j is answered with a page', async (path) => {
    const user = await app.member()
    const page = await user.get(path)

    expect(page.status).toBeLessThan(500)
    if (page.status !== 302) expect(page.body).toContain('<strong>note</strong>jam:')
  })
})

describe('requests from other sites', () => {
  test.each<[string, Record<string, string>, boolean]>([
    ['no header at all: no browser', {}, true],
    ['the same origin', { 'sec-fetch-site': 'same-origin' }, true],
    ['typed by the user', { 'sec-fetch-site': 'none' }, true],
    ['another site', { 'sec-fetch-site': 'cross-site' }, false],
    ['a sibling host', { 'sec-fetch-site': 'same-site' }, false],
    ['an old browser, another origin', { origin: 'https://evil.example' }, false],
    ['an old browser, no origin to tell', { origin: 'null' }, false],
    ['an old browser, another port', { origin: 'http://127.0.0.1:1' }, false],
    ['an old browser, our origin', { origin: 'BASE' }, true],
    ['a forged pair', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, false],
  ])('%s', async (_what, headers, allowed) => {
    const user = await app.member()
    const id = await user.createNote('Note', 'x')
    const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value === 'BASE' ? app.baseUrl : value]))

    const answers = [
      await user.post('/pads/create/', { name: 'x' }, own),
      await user.post(`/notes/${id}/edit/`, { name: 'x', text: 'y' }, own),
      await user.post(`/notes/${id}/delete/`, {}, own),
      await user.post('/settings/sign-out-everywhere/', {}, own),
      await app.browser().post('/signin/', { email: 'x@example.com', password: 'x' }, own),
      await user.post('/signout/', {}, own),
    ]

    for (const answer of answers) {
      if (allowed) expect([200, 302]).toContain(answer.status)
      else expectPage(answer, 403)
    }
  })

  test('a page may be reached from anywhere', async () => {
    expect((await app.browser().get('/signin/', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' })).status).toBe(200)
  })
})

describe('bad input', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  test.each<[string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    ['a body that is too large', `name=${'x'.repeat(1_400_000)}`, form, 413],
    ['bytes that are not UTF-8', new Uint8Array([0x6e, 0x3d, 0xff, 0xfe]), form, 400],
    ['escapes that are not UTF-8', 'name=%ff', form, 400],
    ['a broken escape', 'name=%', form, 400],
    ['a lone surrogate', 'name=%ED%A0%80', form, 400],
    ['NUL', 'name=a%00b', form, 400],
    ['NUL in a name', 'na%00me=a', form, 400],
    ['10,000 fields', Array.from({ length: 10_000 }, (_, n) => `f${n}=x`).join('&'), form, 400],
    ['a field twice', 'name=a&name=b', form, 400],
    ['JSON', '{"name":{"a":[]}}', { 'content-type': 'application/json' }, 415],
    ['another type', '<a/>', { 'content-type': 'text/xml' }, 415],
    ['a compressed body', 'name=x', { ...form, 'content-encoding': 'gzip' }, 415],
    ['names of prototypes', '__proto__=x&constructor=y&toString=z', form, 200],
    ['nested names', 'name%5Ba%5D%5Bb%5D=x&name.c=y', form, 200],
  ])('%s', async (_what, body, headers, status) => {
    const user = await app.member()

    for (const path of ['/pads/create/', '/notes/create/', '/settings/', '/signin/', '/signup/', '/forgot-password/']) {
      expectPage(await user.send('POST', path, body, headers), status)
    }
  })

  test('the limit counts what arrives, also when no length was announced', async () => {
    const answer = await raw(
      `POST /signin/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(25)}`,
    )

    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toMatch(/connection: close/i)
  })

  test.each([
    ['a form', '/signup/', 413],
    ['JSON', '/api/v1/notes', 401],
  ])('who sends %s that is far too large to its end before listening gets the answer', async (_what, path, status) => {
    const size = 8_000_000
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${size}\r\n\r\n`

    const answer = await sendAllThenRead(head + 'x'.repeat(size))

    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close[^]*</html>|^HTTP/1\\.1 ${status} [^]*}$`, 'i'))
  })

  test.each([
    ['a header flood', `GET / HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(5000)}\r\n`, /^HTTP\/1\.1 431 /],
    ['a huge header', `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['two lengths', 'POST /signin/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\na=b', /^HTTP\/1\.1 400 /],
  ])('%s', async (_what, request, expected) => {
    expect(await raw(request)).toMatch(expected)
  })

  test.each([
    'x',
    'x; notejam-session',
    '=',
    ';;;',
    'notejam-session=',
    `notejam-session=${'A'.repeat(43)}`,
    "notejam-session=' or 1=1 --",
    'notejam-flash=<script>',
    'notejam-flash=note-deleted./../x',
    'notejam-flash=constructor',
  ])('the cookie %j is nobody', async (cookie) => {
    expect((await app.browser().get('/', { cookie })).location).toBe('/signin/')
    const page = await app.browser().get('/signin/', { cookie })
    expectPage(page, 200)
    expect(page.body).not.toMatch(/action="\/deletions|<script>/)
  })

  test(
    'whatever is sent to whatever form, the answer is a page or a redirect and never an error of ours',
    { timeout: 30_000 },
    async () => {
      const user = await app.member()
      const pad = await user.createPad('Pad')
      const note = await user.createNote('Note', 'x', pad)
      const paths = [
        '/signup/',
        '/signin/',
        '/forgot-password/',
        '/settings/',
        '/settings/delete/',
        '/pads/create/',
        `/pads/${pad}/edit/`,
        '/notes/create/',
        `/notes/${note}/edit/`,
        '/notes/preview/',
        `/notes/${note}/preview/`,
      ]
      const fields = [
        'email',
        'password',
        'confirm_password',
        'old_password',
        'new_password',
        'confirm_new_password',
        'name',
        'text',
        'pad_id',
        'version',
        'notes',
      ]
      const value = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.constantFrom('', '0', '-1', '1e9', '9007199254740993', "' or 1=1 --", '\u202E', '\uFEFF', 'a'.repeat(101), String(pad)),
      )

      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...paths), fc.dictionary(fc.constantFrom(...fields), value), async (path, input) => {
          const answer = await user.post(path, input)

          expect(answer.status).toBeLessThan(500)
          if (answer.status !== 302) expect(answer.body).toContain('<strong>note</strong>jam:')
        }),
        { numRuns: 100 },
      )
    },
  )
})

describe('messages for the next page', () => {
  test('a message shows once, on the next page whatever it is', async () => {
    const user = await app.member()
    await user.post('/pads/create/', { name: 'x' })

    expect((await user.get('/settings/')).text).toContain('Pad is successfully created')
    expect((await user.get('/settings/')).text).not.toContain('Pad is successfully created')
  })
})

describe('when things are not as they should be', () => {
  test('READ_ONLY refuses every write politely and goes on showing pages', async () => {
    await using other = await startApp()
    const user = await other.member()
    const id = await user.createNote('Note', 'x')
    Object.assign(other.context.config, { readOnly: true })

    const page = await user.post(`/notes/${id}/edit/`, { name: 'y', text: 'y' })

    expectPage(page, 503)
    expect(page.text).toContain('Notejam can only be read at the moment')
    expect(page.headers.get('retry-after')).toBe('60')
    for (const path of ['/signin/', '/signup/', '/signout/', '/pads/create/', `/notes/${id}/delete/`])
      expect((await user.post(path, { name: 'x' })).status).toBe(503)
    other.advance(86_400_000)
    expect((await user.get('/')).status).toBe(200)
    expect((await user.get('/')).text).toContain('Note')
  })

  test('an error of ours is a 500 without details, which are in the log', async () => {
    await using other = await startApp()
    const user = await other.member()
    await other.context.db.schema.alterTable('notes').renameTo('elsewhere').execute()

    const page = await user.get('/')

    expectPage(page, 500)
    const details = /no such table|does not exist|doesn't exist/
    expect(page.text).not.toMatch(details)
    expect(other.lines.join('')).toMatch(details)
  })
})

/** Sends all of a request before it reads anything, as many clients do; fails when the server closes before. */
async function sendAllThenRead(request: string): Promise<string> {
  const socket = connect(Number(new URL(app.baseUrl).port), '127.0.0.1')
  socket.pause()
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.write(request, () => {
      resolve()
    })
  })
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

/** Sends bytes as they are, and reads until the other side closes. */
async function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(app.baseUrl).port), '127.0.0.1')
    let answer = ''
    socket.setTimeout(4000, () => socket.destroy(new Error(`no end after: ${answer.slice(0, 200)}`)))
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server may close while we still send.
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve(answer)
      else reject(error)
    })
    socket.on('close', () => {
      resolve(answer)
    })
    socket.write(request)
  })
}

import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from '../testing/browser.ts'
import { startApp, type StartedApp } from '../testing/start-app.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- what comes back is what is tested
  readonly body: any
}

let app: StartedApp
let owner: Browser
let token: string

beforeAll(async () => {
  app = await startApp()
  owner = await app.member('owner@example.com')
  token = await createToken(owner, 'read write')
})

afterAll(async () => app[Symbol.asyncDispose]())

async function createToken(browser: Browser, scope: string, days = '30'): Promise<string> {
  const { body } = await browser.post('/settings/tokens/', { name: 'test', scope, days })
  const found = /njp_[\w-]{43}/.exec(body)?.[0]
  if (found === undefined) throw new Error(`no token on the page: ${body}`)
  return found
}

async function call(
  method: string,
  path: string,
  options: {
    readonly json?: unknown
    readonly raw?: string | Uint8Array<ArrayBuffer>
    readonly headers?: Record<string, string>
    readonly token?: string | null
  } = {},
): Promise<Answer> {
  const { json, raw } = options
  const bearer = options.token === undefined ? token : options.token
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
  const response = await fetch(`${app.baseUrl}/api/v1${path}`, {
    method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('{') ? (JSON.parse(text) as unknown) : undefined,
  }
}

const createNote = async (fields: Record<string, unknown> = {}): Promise<Answer> =>
  call('POST', '/notes', { json: { name: 'n', text: 't', ...fields } })

describe('authentication', () => {
  it.each([
    ['no header', null, {}, 'Bearer realm="notejam"'],
    ['an unknown token', `njp_${'A'.repeat(43)}`, {}, 'Bearer realm="notejam", error="invalid_token"'],
    ['another scheme', null, { authorization: 'Basic YTpi' }, 'Bearer realm="notejam", error="invalid_token"'],
    ['nonsense', null, { authorization: 'Bearer' }, 'Bearer realm="notejam", error="invalid_token"'],
  ])('answers 401 and what it wants to %s', async (_, bearer, headers, challenge) => {
    const answer = await call('GET', '/me', { token: bearer, headers })

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(challenge)
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(answer.body).toMatchObject({ type: 'urn:notejam:problem:unauthorized', status: 401 })
  })

  it('does not look at cookies', async () => {
    const cookie = [...owner.cookies].map(([name, value]) => `${name}=${value}`).join('; ')

    expect((await call('GET', '/me', { token: null, headers: { cookie } })).status).toBe(401)
  })

  it('tells whose token it is', async () => {
    expect((await call('GET', '/me')).body).toMatchObject({
      email: 'owner@example.com',
      token: { name: 'test', scopes: ['read', 'write'] },
    })
  })

  it('holds a token to its scope', async () => {
    const reader = await createToken(owner, 'read')

    const read = await call('GET', '/notes', { token: reader })
    const write = await call('POST', '/notes', { token: reader, json: { name: 'a', text: 'b' } })

    expect(read.status).toBe(200)
    expect(write.status).toBe(403)
    expect(write.headers.get('www-authenticate')).toContain('insufficient_scope')
  })

  it('ends a token when its time is over, and when it is revoked', async () => {
    const short = await createToken(owner, 'read', '30')
    const { context } = app
    const row = await context.db.selectFrom('api_tokens').select(['id', 'token_hash']).orderBy('id', 'desc').executeTakeFirstOrThrow()
    await context.db
      .updateTable('api_tokens')
      .set({ expires_at: Date.now() - 1 })
      .where('id', '=', row.id)
      .execute()
    const expired = await call('GET', '/me', { token: short })
    const other = await createToken(owner, 'read')
    const { id } = await context.db.selectFrom('api_tokens').select('id').orderBy('id', 'desc').executeTakeFirstOrThrow()
    const before = await call('GET', '/me', { token: other })
    const page = await owner.submit(`/settings/tokens/${id}/revoke/`)
    const after = await call('GET', '/me', { token: other })

    expect([expired.status, before.status, after.status]).toEqual([401, 200, 401])
    expect(page.text).toContain('Token is successfully revoked')
    expect(row.token_hash).not.toContain(short.slice(4))
  })

  it('shows a token once, and lists it without it', async () => {
    const once = await createToken(owner, 'read')

    const { body, text } = await owner.get('/settings/tokens/')

    expect(body).not.toContain(once)
    expect(body).toContain(`${once.slice(0, 8)}…`)
    expect(text).toContain('Last used')
  })

  it("does not revoke someone else's", async () => {
    const stranger = await app.member()
    const { id } = await app.context.db.selectFrom('api_tokens').select('id').orderBy('id', 'desc').executeTakeFirstOrThrow()

    expect((await stranger.post(`/settings/tokens/${id}/revoke/`)).status).toBe(404)
  })

  it('refuses a form for a token that is not right', async () => {
    const page = await owner.post('/settings/tokens/', { name: ' ', scope: 'everything', days: '-1' })

    expect(page.status).toBe(200)
    expect(page.errors).toHaveLength(3)
    expect(page.body).not.toMatch(/njp_[\w-]{43}/)
  })
})

describe('notes', () => {
  it('are made, read, changed and deleted', async () => {
    const pad = await call('POST', '/pads', { json: { name: 'P' } })
    const made = await createNote({ name: ' Title ', text: 'a\r\nb', pad_id: pad.body.id })
    const path = `/notes/${made.body.id}`
    const read = await call('GET', path)
    const changed = await call('PATCH', path, { json: { name: 'Other' }, headers: { 'if-match': read.headers.get('etag') ?? '' } })
    const replaced = await call('PUT', path, {
      json: { name: 'Third', text: 'c' },
      headers: { 'if-match': changed.headers.get('etag') ?? '' },
    })
    const deleted = await call('DELETE', path, { headers: { 'if-match': '*' } })
    const gone = await call('GET', path)

    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/v1${path}`)
    expect(read.body).toEqual(made.body)
    expect(read.body).toMatchObject({ name: 'Title', text: 'a\nb', pad_id: pad.body.id, version: 1 })
    expect(changed.body).toMatchObject({ name: 'Other', text: 'a\nb', pad_id: pad.body.id, version: 2 })
    expect(replaced.body).toMatchObject({ name: 'Third', text: 'c', pad_id: null, version: 3 })
    expect([deleted.status, deleted.text, gone.status]).toEqual([204, '', 404])
  })

  it('are not overwritten unseen', async () => {
    const { body, headers } = await createNote()
    const path = `/notes/${body.id}`
    const first = headers.get('etag') ?? ''
    await call('PATCH', path, { json: { text: 'mine' }, headers: { 'if-match': first } })

    const blind = await call('PATCH', path, { json: { text: 'yours' } })
    const late = await call('PATCH', path, { json: { text: 'yours' }, headers: { 'if-match': first } })
    const lateDelete = await call('DELETE', path, { headers: { 'if-match': first } })

    expect([blind.status, late.status, lateDelete.status]).toEqual([428, 412, 412])
    expect((await call('GET', path)).body.text).toBe('mine')
  })

  it('let exactly one of many writers of one version through', async () => {
    const { body, headers } = await createNote()
    const writers = Array.from({ length: 10 }, async (_, index) =>
      call('PATCH', `/notes/${body.id}`, { json: { text: `w${index}` }, headers: { 'if-match': headers.get('etag') ?? '' } }),
    )

    const statuses = (await Promise.all(writers)).map((answer) => answer.status).toSorted((a, b) => a - b)

    expect(statuses).toEqual([200, ...Array<number>(9).fill(412)])
  })

  it('are not sent again to a client that has them', async () => {
    const { body, headers } = await createNote()
    const etag = headers.get('etag') ?? ''

    const same = await call('GET', `/notes/${body.id}`, { headers: { 'if-none-match': `"x", W/${etag}` } })

    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag])
  })

  it('of someone else are not there, like those that never were, and no pad of theirs takes a note', async () => {
    const stranger = await app.member()
    const other = await createToken(stranger, 'read write')
    const mine = await createNote()
    const pad = await call('POST', '/pads', { json: { name: 'P' } })
    const any = { 'if-match': '*' }

    const answers = await Promise.all([
      call('GET', `/notes/${mine.body.id}`, { token: other }),
      call('PUT', `/notes/${mine.body.id}`, { token: other, json: { name: 'x', text: 'x' }, headers: any }),
      call('PATCH', `/notes/${mine.body.id}`, { token: other, json: { name: 'x' }, headers: any }),
      call('DELETE', `/notes/${mine.body.id}`, { token: other, headers: any }),
      call('GET', `/pads/${pad.body.id}`, { token: other }),
      call('GET', `/pads/${pad.body.id}/notes`, { token: other }),
      call('PUT', `/pads/${pad.body.id}`, { token: other, json: { name: 'x' }, headers: any }),
      call('DELETE', `/pads/${pad.body.id}`, { token: other, headers: any }),
      call('GET', '/notes/999999', { token: other }),
      call('GET', '/notes/abc', { token: other }),
      call('GET', '/notes/99999999999999999999', { token: other }),
    ])
    const intoPad = await call('POST', '/notes', { token: other, json: { name: 'x', text: 'x', pad_id: pad.body.id } })
    const intoNone = await call('POST', '/notes', { token: other, json: { name: 'x', text: 'x', pad_id: 999_999 } })

    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers[0]?.status).toBe(404)
    expect(intoPad.status).toBe(422)
    expect(intoPad.text).toBe(intoNone.text)
  })

  it('come page by page, in order, with links', async () => {
    const browser = await app.member()
    const mine = await createToken(browser, 'read write')
    for (const name of ['b', 'a', 'C', 'é', 'd']) await call('POST', '/notes', { token: mine, json: { name, text: 't' } })

    const first = await call('GET', '/notes?order=name&per_page=2', { token: mine })
    const last = await call('GET', '/notes?order=name&per_page=2&page=3', { token: mine })

    expect(first.body).toMatchObject({ page: 1, per_page: 2, total: 5 })
    expect(first.body.items.map((note: { name: string }) => note.name)).toEqual(['a', 'b'])
    expect(first.body.items[0]).not.toHaveProperty('text')
    expect(first.headers.get('link')).toBe(
      '</api/v1/notes?order=name&page=1&per_page=2>; rel="first", </api/v1/notes?order=name&page=2&per_page=2>; rel="next", </api/v1/notes?order=name&page=3&per_page=2>; rel="last"',
    )
    expect(last.body.items.map((note: { name: string }) => note.name)).toEqual(['é'])
    expect(last.headers.get('link')).not.toContain('rel="next"')
  })

  it('are found', async () => {
    const made = await createNote({ name: 'Zebra crossing', text: 'stripes' })

    const found = await call('GET', '/search?q=zebra')

    expect(found.body.items.map((note: { id: number }) => note.id)).toEqual([made.body.id])
  })
})

describe('pads', () => {
  it('are made, renamed, listed and deleted, with or without their notes', async () => {
    const one = await call('POST', '/pads', { json: { name: 'One' } })
    const two = await call('POST', '/pads', { json: { name: 'Two' } })
    const kept = await createNote({ pad_id: one.body.id })
    const dropped = await createNote({ pad_id: two.body.id })
    const renamed = await call('PUT', `/pads/${one.body.id}`, {
      json: { name: 'Uno' },
      headers: { 'if-match': one.headers.get('etag') ?? '' },
    })
    const stale = await call('PUT', `/pads/${one.body.id}`, {
      json: { name: 'Eins' },
      headers: { 'if-match': one.headers.get('etag') ?? '' },
    })
    const inside = await call('GET', `/pads/${one.body.id}/notes`)
    const list = await call('GET', '/pads?per_page=100')
    await call('DELETE', `/pads/${one.body.id}?notes=keep`, { headers: { 'if-match': '*' } })
    await call('DELETE', `/pads/${two.body.id}`, { headers: { 'if-match': '*' } })

    expect([renamed.body.name, renamed.body.version, stale.status]).toEqual(['Uno', 2, 412])
    expect(inside.body).toMatchObject({ total: 1, items: [{ id: kept.body.id }] })
    expect(list.body.items).toContainEqual(expect.objectContaining({ name: 'Uno', note_count: 1 }))
    expect((await call('GET', `/notes/${kept.body.id}`)).body.pad_id).toBeNull()
    expect((await call('GET', `/notes/${dropped.body.id}`)).status).toBe(404)
  })
})

describe('what is not right', () => {
  it.each([
    ['no body', 'POST', '/notes', {}, 400],
    ['no JSON', 'POST', '/notes', { raw: '{"name":' }, 400],
    ['no UTF-8', 'POST', '/notes', { raw: Uint8Array.from([0x22, 0xff, 0x22]) }, 400],
    ['a form', 'POST', '/notes', { raw: 'name=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['another charset', 'POST', '/notes', { raw: '{}', headers: { 'content-type': 'application/json; charset=latin1' } }, 415],
    ['a packed body', 'POST', '/notes', { raw: '{}', headers: { 'content-encoding': 'gzip' } }, 415],
    ['too much', 'POST', '/notes', { raw: `"${'x'.repeat(1_280_000)}"` }, 413],
    ['deep nesting', 'POST', '/notes', { raw: '['.repeat(600_000) }, 400],
    ['an unknown field', 'POST', '/notes', { json: { name: 'a', text: 'b', user_id: 1 } }, 422],
    ['the wrong type', 'POST', '/notes', { json: { name: {}, text: ['b'] } }, 422],
    ['a body where there is none', 'DELETE', '/notes/1', { json: {}, headers: { 'if-match': '*' } }, 400],
    ['an unknown parameter', 'GET', '/notes?sort=name', {}, 400],
    ['a page of 0', 'GET', '/notes?page=0', {}, 400],
    ['too many on a page', 'GET', '/notes?per_page=101', {}, 400],
    ['an unknown order', 'GET', '/notes?order=user_id', {}, 400],
    ['an unknown address', 'GET', '/nothing', {}, 404],
    ['another method', 'POST', '/me', {}, 405],
    ['tags that are none', 'DELETE', '/pads/1', { headers: { 'if-match': 'abc' } }, 400],
  ])('is answered with a problem: %s', async (_, method, path, options, status) => {
    const answer = await call(method, path, options)

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(answer.body.status).toBe(status)
    expect(answer.text).not.toMatch(/node_modules|at [\w.]+ \(|SQLITE|ZodError/)
  })

  it('names the methods that there are', async () => {
    expect((await call('DELETE', '/notes')).headers.get('allow')).toBe('GET, HEAD, POST')
  })

  it('goes on with the connection after a problem, unless a body was left unread', async () => {
    const missing = await call('GET', '/notes/999999')
    const anonymous = await call('GET', '/me', { token: null })
    const unread = await call('POST', '/notes', { token: null, raw: 'x'.repeat(500_000) })

    expect([missing, anonymous, unread].map(({ headers }) => headers.get('connection'))).toEqual(['keep-alive', 'keep-alive', 'close'])
  })

  it('changes nothing while the deployment is read-only', async () => {
    const { context } = app
    Object.assign(context.config, { readOnly: true })
    const answers = [await createNote(), await call('GET', '/notes')]
    Object.assign(context.config, { readOnly: false })

    expect(answers.map((answer) => answer.status)).toEqual([503, 200])
    expect(answers[0]?.body.type).toBe('urn:notejam:problem:read-only')
    expect(answers[0]?.headers.get('retry-after')).toBe('60')
  })
})

describe('limits', () => {
  it('are told with each answer, and end in 429 with the time to wait', { timeout: 30_000 }, async () => {
    const browser = await app.member()
    const mine = await createToken(browser, 'read')
    const first = await call('GET', '/me', { token: mine })
    for (let batch = 0; batch < 12; batch += 1)
      await Promise.all(Array.from({ length: 50 }, async () => call('GET', '/me', { token: mine })))
    const last = await call('GET', '/me', { token: mine })

    expect(first.headers.get('ratelimit-policy')).toBe('"token";q=600;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^"token";r=599;t=\d+$/)
    expect(last.status).toBe(429)
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call('GET', '/me')).status).toBe(200)
  })
})

describe('the description', () => {
  it('is accepted by an independent validator', async () => {
    const { body, headers } = await call('GET', '/openapi.json', { token: null })

    const result = await new Validator().validate(structuredClone(body) as Record<string, unknown>)

    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(result).toEqual({ valid: true })
    expect(body.openapi).toBe('3.1.1')
  })

  it('does not pass the validator when it is wrong', async () => {
    const { body } = await call('GET', '/openapi.json', { token: null })
    body.paths['/api/v1/notes'].get.responses['200'].description = 7

    expect((await new Validator().validate(body as Record<string, unknown>)).valid).toBe(false)
  })

  it('names every operation that answers, and no other', async () => {
    const { body } = await call('GET', '/openapi.json', { token: null })

    for (const [path, item] of Object.entries<Record<string, unknown>>(body.paths)) {
      for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
        const { status } = await call(method.toUpperCase(), path.replace('/api/v1', '').replace('{id}', '999999'), {
          headers: { 'if-match': '*' },
        })
        expect([`${method} ${path}`, status === 405]).toEqual([`${method} ${path}`, item[method] === undefined])
      }
    }
  })
})

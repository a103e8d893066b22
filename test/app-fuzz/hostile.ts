import type { RawRequest } from './raw-http.ts'
import type { Target } from './surface.ts'
import type { Expectations } from './verdict.ts'

/** A way of sending what no browser sends; made for one target at a time. */
export interface HostileClass {
  readonly name: string
  /** Undefined where it says nothing about the target. */
  readonly make: (target: HostileTarget) => HostileRequest | undefined
}

/** A target whose path exists and whose credentials are good. */
export interface HostileTarget {
  readonly target: Target
  readonly path: string
  /** `name: value\r\n`, so that the request gets as far as it can. */
  readonly credentials: string
}

/** Bytes, and what must come of them. */
export interface HostileRequest extends RawRequest {
  readonly expected?: Partial<Expectations>
}

const formType = 'application/x-www-form-urlencoded'
const megabyte = 1_048_576

/** All classes: each is tried on every target. */
export const hostileClasses: readonly HostileClass[] = [
  ...bodies(),
  ...addresses(),
  ...methods(),
  {
    name: 'a header flood',
    make: (to) =>
      request(to, { headers: 'X-A: b\r\n'.repeat(3000), expected: { statuses: [431], beforeRouting: true, mayBeSilent: true } }),
  },
  {
    name: 'a huge header',
    make: (to) =>
      request(to, { headers: `X-A: ${'b'.repeat(20_000)}\r\n`, expected: { statuses: [431], beforeRouting: true, mayBeSilent: true } }),
  },
  { name: '900 headers', make: (to) => request(to, { headers: Array.from({ length: 900 }, (_, n) => `X${n}: b\r\n`).join('') }) },
  {
    name: 'NUL in a header',
    make: (to) => request(to, { headers: 'X-A: a\0b\r\n', expected: { statuses: [400], beforeRouting: true } }),
  },
  {
    name: 'bytes beyond ASCII in headers',
    make: (to) => request(to, { headers: 'X-A: \u00FF\u00FE\r\nUser-Agent: \u0080\u009F\u00FF\r\n' }),
  },
  {
    name: 'cookies that are none',
    make: (to) => request(to, { headers: 'Cookie: =;;;notejam-session;notejam-session=%00;__proto__=x\r\n', bare: true }),
  },
  { name: 'a thousand cookies', make: (to) => request(to, { headers: `Cookie: ${'notejam-session=x; '.repeat(700)}\r\n`, bare: true }) },
  { name: 'credentials twice', make: (to) => request(to, { headers: 'Authorization: Bearer x\r\nAuthorization: Basic y\r\n' }) },
  { name: 'an expectation', make: (to) => request(to, { headers: 'Expect: 100-continue\r\n' }) },
  {
    name: 'another protocol',
    make: (to) => request(to, { headers: 'Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n', connection: 'close, upgrade' }),
  },
  {
    name: 'a length and chunks',
    make: (to) =>
      request(to, {
        method: 'POST',
        headers: 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
        body: '0\r\n\r\n',
        expected: { statuses: [400], beforeRouting: true },
      }),
  },
  {
    name: 'two lengths',
    make: (to) =>
      request(to, {
        method: 'POST',
        headers: 'Content-Length: 3\r\nContent-Length: 4\r\n',
        body: 'a=b',
        expected: { statuses: [400], beforeRouting: true },
      }),
  },
  {
    name: 'a length that is no number',
    make: (to) => request(to, { method: 'POST', headers: 'Content-Length: -1\r\n', expected: { statuses: [400], beforeRouting: true } }),
  },
  {
    name: 'chunks that are none',
    make: (to) =>
      request(to, {
        method: 'POST',
        headers: `Content-Type: ${formType}\r\nTransfer-Encoding: chunked\r\n`,
        body: 'zz\r\nabc\r\n',
        expected: { beforeRouting: true, mayBeSilent: true },
      }),
  },
  {
    name: 'a header without a name',
    make: (to) => request(to, { headers: ': x\r\n', expected: { statuses: [400], beforeRouting: true } }),
  },
  { name: 'an old version of HTTP', make: (to) => request(to, { version: '1.0' }) },
  {
    name: 'a version that is none',
    make: (to) => request(to, { version: '9.9', expected: { statuses: [400, 505], beforeRouting: true } }),
  },
]

function bodies(): readonly HostileClass[] {
  const form = (name: string, body: string | Buffer, statuses: readonly number[], headers = ''): HostileClass => ({
    name,
    make: (to) => (takesForms(to) ? withBody(to, formType, body, { statuses, headers }) : undefined),
  })
  const json = (name: string, body: string | Buffer, statuses: readonly number[], headers = ''): HostileClass => ({
    name,
    make: (to) => (takesJson(to) ? withBody(to, 'application/json', body, { statuses, headers }) : undefined),
  })
  return [
    form('a form that is too large', Buffer.alloc(2 * megabyte, 'x'), [413]),
    json('JSON that is too large', Buffer.alloc(2 * megabyte, ' '), [413]),
    {
      name: 'a body that is too large, in chunks',
      make: (to) =>
        takesForms(to) || takesJson(to)
          ? {
              ...request(to, {
                headers: `Content-Type: ${takesJson(to) ? 'application/json' : formType}\r\nTransfer-Encoding: chunked\r\n`,
                expected: { statuses: [413] },
              }),
              parts: [
                ...request(to, {
                  headers: `Content-Type: ${takesJson(to) ? 'application/json' : formType}\r\nTransfer-Encoding: chunked\r\n`,
                }).parts,
                Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(25)),
              ],
            }
          : undefined,
    },
    form('bytes that are not UTF-8', Buffer.from([0x6e, 0x3d, 0xff, 0xfe]), [400]),
    form('escapes that are not UTF-8', 'name=%ff', [400]),
    form('a surrogate', 'name=%ED%A0%80', [400]),
    form('an overlong form', 'name=%C0%AE', [400]),
    form('half an escape', 'name=%4', [400]),
    form('NUL', 'name=a%00b', [400]),
    form('NUL as it is', Buffer.from('name=a\0b'), [400]),
    form('10,000 fields', Array.from({ length: 10_000 }, (_, n) => `f${n}=x`).join('&'), [400]),
    form('a field twice', 'name=a&name=b', [400]),
    form('a compressed form', 'name=x', [415], 'Content-Encoding: gzip\r\n'),
    json('JSON that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), [400]),
    json('JSON as deep as 200,000 lists', '['.repeat(200_000) + ']'.repeat(200_000), [400, 422]),
    json('JSON as deep as 100,000 objects', `${'{"name":'.repeat(100_000)}1${'}'.repeat(100_000)}`, [400, 422]),
    json('10,000 members', `{${Array.from({ length: 10_000 }, (_, n) => `"f${n}":1`).join(',')}}`, [400, 422]),
    json('a member named like a prototype', '{"__proto__":{"scope":"write"},"constructor":1}', [400, 422]),
    json('NUL in JSON', '{"name":"a\\u0000b","text":"\\u0000"}', [400, 422, 428]),
    json('a number beyond numbers', '{"name":1e999,"pad_id":1e999}', [400, 422, 428]),
    json('half of JSON', '{"name":"x', [400]),
    json('compressed JSON', '{}', [415], 'Content-Encoding: br\r\n'),
    {
      name: 'JSON for a form',
      make: (to) => (takesForms(to) ? withBody(to, 'application/json', '{"name":{"a":[]}}', { statuses: [415] }) : undefined),
    },
    { name: 'a form for JSON', make: (to) => (takesJson(to) ? withBody(to, formType, 'name=x', { statuses: [415] }) : undefined) },
    {
      name: 'XML',
      make: (to) =>
        takesForms(to) || takesJson(to)
          ? withBody(to, 'text/xml', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', { statuses: [415] })
          : undefined,
    },
    {
      name: 'files',
      make: (to) =>
        takesForms(to) || takesJson(to)
          ? withBody(
              to,
              'multipart/form-data; boundary=b',
              '--b\r\nContent-Disposition: form-data; name="name"; filename="../../x"\r\n\r\nx\r\n--b--\r\n',
              { statuses: [415] },
            )
          : undefined,
    },
    {
      name: 'another character set',
      make: (to) =>
        takesJson(to) ? withBody(to, 'application/json; charset=utf-16', Buffer.from('{}', 'utf16le'), { statuses: [415] }) : undefined,
    },
    {
      name: 'a body that breaks off',
      make: (to) => ({
        ...request(to, { method: 'POST', headers: `Content-Type: ${formType}\r\nContent-Length: 100\r\n`, body: 'name=' }),
        halfClose: true,
        expected: { mayBeSilent: true, beforeRouting: true },
      }),
    },
    {
      name: 'a page with a body',
      make: (to) =>
        to.target.method === 'GET'
          ? request(to, { headers: `Content-Type: ${formType}\r\nContent-Length: 6\r\n`, body: 'name=x' })
          : undefined,
    },
  ]
}

function addresses(): readonly HostileClass[] {
  const added = (name: string, suffix: string, statuses?: readonly number[]): HostileClass => ({
    name,
    make: (to) => request(to, { path: `${to.path}${suffix}`, ...(statuses === undefined ? {} : { expected: { statuses } }) }),
  })
  const known = [200, 201, 204, 302, 304, 400, 404, 405, 409, 422, 428]
  return [
    added('a query of 12,000 characters', `?x=${'y'.repeat(12_000)}`),
    {
      name: 'a query of 100,000 characters',
      make: (to) =>
        request(to, { path: `${to.path}?q=${'y'.repeat(100_000)}`, expected: { statuses: [431], beforeRouting: true, mayBeSilent: true } }),
    },
    added('3,000 parameters', `?${'a=b&'.repeat(3000)}`),
    added('a parameter twice', '?page=1&page=2&order=name&order=updated'),
    added('a parameter in brackets', '?page[]=1&q[a][b]=c&__proto__[x]=y'),
    added('NUL in the query', '?q=%00&page=%00', [400, 404, 405, 415, 422, 428]),
    added('a query that is not UTF-8', '?q=%ff&page=%C0%AE&order=%ED%A0%80'),
    added('a query with half an escape', '?q=%&page=%4&order=%zz'),
    {
      name: 'bytes beyond ASCII',
      make: (to) => request(to, { path: `${to.path}/\u00FF\u00FE?q=\u00E4`, expected: { statuses: [400], beforeRouting: true } }),
    },
    added('half an escape in the path', '/%'),
    added('an escape that is not UTF-8 in the path', '/%ff'),
    added('NUL in the path', '/%00'),
    added('dots', '/../../../../etc/passwd'),
    added('escaped dots', '/%2e%2e/%2e%2e/etc/passwd'),
    added('twice escaped dots', '/%252e%252e/etc/passwd'),
    added('a backslash', '\\..\\..'),
    added('many slashes', '/'.repeat(500)),
    added('a semicolon', ';jsessionid=1'),
    added('a long path', `/${'a'.repeat(7000)}`),
    ...['%', '%ff', '%ED%A0%80', '%00', '9'.repeat(400), '%2e%2e', '-0', '1%20'].map((id): HostileClass => ({
      name: `the id ${id.slice(0, 10)}`,
      make: (to) => (to.target.path.includes(':') ? request(to, { path: to.target.path.replaceAll(/:\w+/g, id) }) : undefined),
    })),
    { name: 'slashes before', make: (to) => request(to, { path: `//evil.example${to.path}`, expected: { api: false } }) },
    { name: 'an absolute address', make: (to) => request(to, { path: `http://evil.example${to.path}` }) },
    { name: 'a star', make: (to) => request(to, { path: '*', method: 'OPTIONS', expected: { statuses: [400, 404, 405], api: false } }) },
    {
      name: 'another case',
      make: (to) => request(to, { path: to.path.toUpperCase(), expected: { statuses: [...known, 401], api: false } }),
    },
  ]
}

function methods(): readonly HostileClass[] {
  return [
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK', 'QUERY', 'M-SEARCH'].map((method): HostileClass => ({
      name: `the method ${method}`,
      make: (to) => (to.target.kind === 'page' ? request(to, { method, expected: { statuses: [405] } }) : request(to, { method })),
    })),
    { name: 'HEAD', make: (to) => ({ ...request(to, { method: 'HEAD', expected: { head: true } }), head: true }) },
    { name: 'a tunnel', make: (to) => request(to, { method: 'CONNECT', expected: { mayBeSilent: true, beforeRouting: true } }) },
    { name: 'a method that is none', make: (to) => request(to, { method: 'FUZZ', expected: { statuses: [400], beforeRouting: true } }) },
    { name: 'a method in small letters', make: (to) => request(to, { method: 'get', expected: { statuses: [400], beforeRouting: true } }) },
    {
      name: 'another method by header',
      make: (to) =>
        to.target.method === 'GET' ? request(to, { headers: 'X-HTTP-Method-Override: DELETE\r\nX-Method-Override: POST\r\n' }) : undefined,
    },
  ]
}

const takesForms = ({ target }: HostileTarget): boolean => target.kind === 'page' && target.method === 'POST'
const takesJson = ({ target }: HostileTarget): boolean => target.kind === 'api' && target.fields.length > 0

interface Parts {
  readonly method?: string
  readonly path?: string
  readonly version?: string
  readonly headers?: string
  readonly connection?: string
  readonly body?: string | Buffer
  /** Leave the credentials out: the class brings its own. */
  readonly bare?: boolean
  readonly expected?: Partial<Expectations>
}

function request({ target, path, credentials }: HostileTarget, parts: Parts): HostileRequest {
  const line = `${parts.method ?? target.method} ${parts.path ?? path} HTTP/${parts.version ?? '1.1'}`
  const own = parts.bare === true ? '' : credentials
  const head = `${line}\r\nHost: 127.0.0.1\r\nConnection: ${parts.connection ?? 'close'}\r\n${own}${parts.headers ?? ''}\r\n`
  const body = parts.body === undefined ? [] : [Buffer.from(parts.body)]
  return { parts: [Buffer.from(head, 'latin1'), ...body], ...(parts.expected === undefined ? {} : { expected: parts.expected }) }
}

function withBody(
  to: HostileTarget,
  type: string,
  body: string | Buffer,
  { statuses, headers }: { readonly statuses: readonly number[]; readonly headers?: string },
): HostileRequest {
  const length = Buffer.byteLength(body)
  return request(to, { headers: `Content-Type: ${type}\r\nContent-Length: ${length}\r\n${headers ?? ''}`, body, expected: { statuses } })
}

import * as fc from 'fast-check'
import type { Surface, Target } from './surface.ts'

/** What is sent in a body. */
export type PlannedBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'form'; readonly fields: readonly (readonly [name: string, value: string])[]; readonly raw: boolean }
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Uint8Array }

/** One request before the ids, names and tokens of a running app are known: `«note»` and its like stand for them. Fit to be shrunk and printed. */
export interface RequestPlan {
  readonly target: Target
  readonly who: 'member' | 'nobody' | 'forged'
  /** Values of the parts of the path that vary. */
  readonly parts: readonly string[]
  readonly query: readonly (readonly [name: string, value: string])[]
  /** Values go into the address as they are, not percent-encoded. */
  readonly rawQuery: boolean
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: PlannedBody
}

/** Names that {@link RequestPlan} may hold; whoever sends fills them in. */
export const placeholders = [
  '«note»',
  '«pad»',
  '«session»',
  '«token»',
  '«deletion»',
  '«reset»',
  '«email»',
  '«password»',
  '«victim-note»',
  '«victim-pad»',
  '«victim-session»',
  '«victim-token»',
  '«victim-deletion»',
  '«victim-email»',
] as const

/** Found again on a page, it was not escaped. */
export const planted = '<script>fuzz()</script>'

/** Values that have broken programs before. */
const awkward = [
  '',
  ' ',
  '0',
  '-1',
  '1e9',
  '1.5',
  '007',
  'NaN',
  'null',
  'undefined',
  '2147483648',
  '9007199254740993',
  '9223372036854775808',
  '1'.repeat(40),
  'true',
  '[]',
  '{}',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  "' or 1=1 --",
  '%',
  '_',
  '\\',
  '"',
  "O'Brien",
  '`',
  '$1',
  '?',
  ':x',
  '${7*7}',
  '{{7*7}}',
  'a\u0000b',
  '\u0000',
  '\uD800',
  '\uDFFF\uD800',
  '\uFEFF',
  '\uFFFF',
  '\u202Eabc',
  '\u200D',
  'e\u0301'.repeat(60),
  '👩‍👩‍👧‍👦'.repeat(30),
  'ﷺ'.repeat(100),
  'İI',
  'ß',
  'x'.repeat(100),
  'x'.repeat(101),
  '𝒳'.repeat(100),
  'x'.repeat(255),
  'x'.repeat(4000),
  `${'a'.repeat(64)}@${'b.'.repeat(100)}org`,
  'a@b.cd',
  'a@[127.0.0.1]',
  'A@B.CD\r\nBcc: x@y.zz',
  'a\r\nX-Injected: yes',
  'a\nX-Injected: yes',
  '//evil.example/',
  '/\\evil.example/',
  'https://evil.example/',
  'javascript:fuzz()',
  planted,
  `">${planted}`,
  `</textarea>${planted}`,
  '<img src=x onerror=fuzz()>',
  `[x](javascript:fuzz()) ![x](x "${planted}")`,
  '> '.repeat(200),
  '*'.repeat(500),
  '['.repeat(500),
  `${'- '.repeat(100)}x`,
  '|a|b|\n|-|-|\n|c|d|',
  '```\n~~~\n',
  '&#0;&#x110000;',
] as const

/** What each field takes when nothing is wrong with it; other fields get `x`. */
const plausible: Readonly<Record<string, readonly string[]>> = {
  email: ['«email»', 'fuzz@example.org', '«victim-email»'],
  password: ['«password»'],
  confirm_password: ['«password»'],
  old_password: ['«password»'],
  new_password: ['«password»'],
  confirm_new_password: ['«password»'],
  name: ['A name', 'Another'],
  text: ['Some text', '# A title\n\n- one\n- two'],
  pad_id: ['«pad»', '', '«victim-pad»'],
  version: ['1', '2', '3'],
  order: ['name', '-name', 'updated', '-updated'],
  page: ['1', '2'],
  per_page: ['1', '20', '100'],
  q: ['name', 'text', 'x'],
  scope: ['read', 'read write'],
  days: ['30', '0'],
  next: ['/settings/', '/'],
  notes: ['keep', 'delete'],
}

const anyText = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...awkward) },
  { weight: 2, arbitrary: fc.constantFrom(...placeholders) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 120 }) },
)

function valueOf(name: string): fc.Arbitrary<string> {
  return fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...(plausible[name] ?? ['x'])) }, { weight: 2, arbitrary: anyText })
}

/** Values for a part of a path: ids of one's own, of somebody else, and what no id is. */
const part = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...placeholders) },
  { weight: 2, arbitrary: fc.constantFrom(...awkward) },
  { weight: 1, arbitrary: fc.integer().map(String) },
)

const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'cookie',
      'origin',
      'sec-fetch-site',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'accept',
      'accept-encoding',
    ),
    fc.constantFrom(
      '',
      'x',
      'a=b; c',
      'null',
      'https://evil.example',
      'cross-site',
      'same-origin',
      '1.2.3.4, x',
      'https',
      '*/*;q=x',
      'gzip, br;q=0',
    ),
  ),
  fc.tuple(
    fc.constantFrom(
      'if-match',
      'if-none-match',
      'if-modified-since',
      'range',
      'expect',
      'upgrade',
      'x-request-id',
      'user-agent',
      'referer',
      'te',
    ),
    fc.constantFrom(
      '',
      '*',
      '"1"',
      'W/"1"',
      '"',
      '"a","b",',
      '"note-«note»-1"',
      'bytes=0-1',
      'h2c',
      'x'.repeat(3000),
      "' or 1=1",
      'ÿþ',
      '👩',
    ),
  ),
  fc.tuple(
    fc.constantFrom('content-type', 'content-encoding', 'content-language', 'accept-language', 'x-http-method-override', 'authorization'),
    fc.constantFrom(
      '',
      'text/plain',
      'application/json; charset=utf-16',
      'multipart/form-data',
      'gzip',
      'DELETE',
      'Basic Og==',
      'Bearer',
      'Bearer x y',
    ),
  ),
)

function fieldsOf(names: readonly string[], surface: Surface): fc.Arbitrary<(readonly [string, string])[]> {
  const own = names.length === 0 ? fc.constant([]) : fc.tuple(...names.map((name) => valueOf(name).map((value) => [name, value] as const)))
  const other = fc.oneof(fc.constantFrom(...surface.names, 'x', '', 'name[]', 'name[a]', '__proto__', 'toString', planted), anyText)
  const extra = fc.array(fc.tuple(other, anyText), { maxLength: 3 })
  const all = fc
    .tuple(own, fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: extra }))
    .map(([a, b]) => [...a, ...b])
  return fc.oneof({ weight: 4, arbitrary: all }, { weight: 1, arbitrary: all.chain((list) => fc.shuffledSubarray(list)) })
}

function jsonOf(names: readonly string[], surface: Surface): fc.Arbitrary<string> {
  const value = (name: string): fc.Arbitrary<unknown> =>
    fc.oneof(
      { weight: 3, arbitrary: valueOf(name) },
      { weight: 2, arbitrary: fc.constantFrom<unknown>(null, true, 1, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[]], { id: 1 }) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    )
  const fields = names.length === 0 ? fc.constant([]) : fc.tuple(...names.map((name) => value(name).map((given) => [name, given] as const)))
  const more = fc.array(fc.tuple(fc.constantFrom(...surface.names, '__proto__', 'id', 'user_id', ''), fc.jsonValue({ maxDepth: 2 })), {
    maxLength: 2,
  })
  const whole = fc
    .tuple(fields, fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: more }))
    .map(([a, b]) => `{${[...a, ...b].map(([name, given]) => `${JSON.stringify(name)}:${JSON.stringify(given)}`).join(',')}}`)
  return fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 1, arbitrary: fc.jsonValue().map((given) => JSON.stringify(given)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        'null',
        '[]',
        '"x"',
        '1e999',
        '{"name":1e999}',
        '{"a":1,"a":2}',
        '\uFEFF{}',
        '{"name":"\\ud800"}',
      ),
    },
  )
}

function bodyOf({ kind, fields }: Target, surface: Surface): fc.Arbitrary<PlannedBody> {
  const form = fc.record({
    kind: fc.constant('form' as const),
    fields: fieldsOf(fields, surface),
    raw: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  })
  const json = fc.record({ kind: fc.constant('json' as const), text: jsonOf(fields, surface) })
  const bytes = fc.record({
    kind: fc.constant('bytes' as const),
    type: fc.constantFrom('application/x-www-form-urlencoded', 'application/json', 'text/xml', 'multipart/form-data; boundary=x', ''),
    bytes: fc.uint8Array({ maxLength: 300 }),
  })
  return fc.oneof(
    { weight: 10, arbitrary: kind === 'page' ? form : json },
    { weight: 1, arbitrary: kind === 'page' ? json : form },
    { weight: 1, arbitrary: bytes },
  )
}

/** Requests to one target: mostly what a person could send, with something wrong in it. */
export function plansFor(target: Target, surface: Surface): fc.Arbitrary<RequestPlan> {
  const holes = target.path.match(/:\w+/g) ?? []
  const takesBody = target.method !== 'GET' && target.method !== 'HEAD'
  return fc.record({
    target: fc.constant(target),
    who: fc.constantFrom('member' as const, 'member' as const, 'member' as const, 'member' as const, 'nobody' as const, 'forged' as const),
    parts: fc.tuple(
      ...holes.map((hole) => fc.oneof({ weight: 3, arbitrary: likelyPart(target.path, hole) }, { weight: 2, arbitrary: part })),
    ),
    query: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: target.query.length === 0 ? 1 : 6, arbitrary: fieldsOf(target.query, surface) },
    ),
    rawQuery: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(header, { maxLength: 3 }) }),
    body: takesBody
      ? bodyOf(target, surface)
      : fc.oneof({ weight: 12, arbitrary: fc.constant({ kind: 'none' } as const) }, { weight: 1, arbitrary: bodyOf(target, surface) }),
  })
}

/** The id that a path means: of a note below `/notes`, of a pad below `/pads`. */
function likelyPart(path: string, hole: string): fc.Arbitrary<string> {
  const kind = /\/(note|pad|session|token|deletion)s\/$/.exec(path.slice(0, path.indexOf(hole)))?.[1] ?? 'note'
  const name = hole === ':token' ? 'reset' : kind
  return fc.constantFrom(`«${name}»`, `«${name}»`, `«${name}»`, `«victim-${name === 'reset' ? 'token' : name}»`)
}

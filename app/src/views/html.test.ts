import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attributes, escapeHtml, html, type Renderable, safeUrl, trusted } from './html.ts'

describe('html', () => {
  test('escapes what is not markup and nests what is', () => {
    const inner = html`<b>${'<i>'}</b>`

    const out = html`<p title="${`"x" & 'y'`}">${inner}${null}${false}${undefined}${['a', html`<br>`, 3]}</p>`

    expect(out.value).toBe('<p title="&quot;x&quot; &amp; &#39;y&#39;"><b>&lt;i&gt;</b>a<br>3</p>')
  })

  test('no string breaks out of an element or a quoted attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (input) => {
        const text = html`<p>${input}</p>`.value.slice(3, -4)
        const double = html`<p title="${input}">`.value.slice(10, -2)
        const single = html`<p title='${input}'>`.value.slice(10, -2)

        for (const escaped of [text, double, single]) {
          expect(escaped).not.toMatch(/["'<>]/)
          expect(unescape(escaped)).toBe(input)
        }
      }),
    )
  })

  test('lists and nested lists are escaped part by part', () => {
    const nested = fc.letrec<{ value: Renderable }>((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 })),
    })).value
    fc.assert(
      fc.property(nested, (value) => {
        expect(html`<p>${value}</p>`.value.slice(3, -4)).not.toMatch(/["'<>]/)
      }),
    )
  })

  test.each<[string, () => unknown]>([
    ['an unquoted value', () => html`<a href=${'x'}>`],
    ['a bare string inside a tag', () => html`<a ${'onclick=alert(1)'}>`],
    ['a number inside a tag', () => html`<a ${1}>`],
    ['other markup inside a tag', () => html`<a ${html`x`}>`],
    ['markup in an attribute value', () => html`<a title="${trusted('">')}">`],
    ['a script', () => html`<script>const a = ${'1'}</script>`],
    ['a style', () => html`<STYLE>${'a{}'}</STYLE>`],
    ['a comment', () => html`<!-- ${'-->'} -->`],
  ])('refuses %s', (_what, build) => {
    expect(build).toThrow(TypeError)
  })
})

describe('attributes', () => {
  test('prints names, values and bare names', () => {
    const out = html`<input ${attributes({ name: 'a"b', required: true, disabled: false, max: 3, title: null })}>`

    expect(out.value).toBe('<input name="a&quot;b" required max="3">')
  })

  test('guards URLs', () => {
    expect(attributes({ href: 'javascript:alert(1)' }).value).toBe('href="#"')
    expect(attributes({ action: '/notes/?a=1&b=2' }).value).toBe('action="/notes/?a=1&amp;b=2"')
  })

  test.each(['onclick', 'style', 'a b', 'x"', 'HREF', ''])('refuses the name %j', (name) => {
    expect(() => attributes({ [name]: 'x' })).toThrow(TypeError)
  })
})

describe('safeUrl', () => {
  test.each([
    '/',
    '/pads/1/?order=-name#top',
    'https://example.org/a:b',
    'HTTP://example.org',
    'mailto:a@example.org',
    '?page=2',
    '#top',
    'notes/1:2',
  ])('keeps %s', (url) => {
    expect(safeUrl(url)).toBe(url)
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
  ])('refuses %j', (url) => {
    expect(safeUrl(url)).toBe('#')
  })

  test('whatever the string, what the browser would make of it is a harmless scheme', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.tuple(fc.string(), fc.constantFrom('javascript:', 'data:', 'https:')).map((parts) => parts.join('')),
        ),
        (url) => {
          const parsed = URL.parse(safeUrl(url), 'https://notes.example.org/')

          expect(['http:', 'https:', 'mailto:', undefined]).toContain(parsed?.protocol)
        },
      ),
    )
  })
})

test('escapeHtml returns a harmless text as it is', () => {
  expect(escapeHtml('Ünïcode 🦄 ‮text')).toBe('Ünïcode 🦄 ‮text')
})

function unescape(escaped: string): string {
  return escaped.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
}

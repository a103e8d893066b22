import { describe, expect, test } from 'vitest'
import { startApp } from '../testing/start-app.ts'

const office = ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7']

describe('an app that is open to some addresses', () => {
  test.each<[string, readonly string[], string | undefined, number]>([
    ['everybody, where no range is given', [], '192.0.2.1', 200],
    ['an address of a range', office, '203.0.113.9', 200],
    ['an address of a range behind two proxies', office, '192.0.2.1, 203.0.113.9', 200],
    ['an IPv6 address of a range', office, '2001:db8::9', 200],
    ['an address that is named', office, '198.51.100.7', 200],
    ['somebody else', office, '192.0.2.1', 403],
    ['somebody else who pretends', office, '203.0.113.9, 192.0.2.1', 403],
    ['somebody else by IPv6', office, '2001:db9::9', 403],
    ['what is no address', office, 'unknown', 403],
    ['a private address that a proxy saw', office, '10.1.2.3', 403],
    ['a Job inside, without a proxy', office, undefined, 200],
  ])('%s', async (_what, allowFrom, forwarded, expected) => {
    await using app = await startApp({ allowFrom, trustedProxies: ['loopback'] })
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }

    const page = await app.browser().get('/signin/', headers)
    const api = await app.browser().get('/api/v1/openapi.json', headers)

    expect([page.status, api.status === 403]).toEqual([expected, expected === 403])
  })

  test('believes nobody but trusted proxies', async () => {
    await using app = await startApp({ allowFrom: office, trustedProxies: [] })

    const page = await app.browser().get('/signin/', { 'x-forwarded-for': '203.0.113.9' })

    expect(page.status).toBe(403)
  })

  test('shows nothing of a person whose address is refused', async () => {
    await using app = await startApp({ allowFrom: office, trustedProxies: ['loopback'] })
    const person = await app.member('ada@example.org')

    const page = await person.get('/', { 'x-forwarded-for': '192.0.2.1' })

    expect(page.status).toBe(403)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.body).toBe('This Notejam is not open to the address that you come from.\n')
  })
})

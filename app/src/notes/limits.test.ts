import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codePoints } from '../views/validation.ts'
import type { Browser } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'

let app: StartedApp
let user: Browser

beforeAll(async () => {
  app = await startApp()
  user = await app.member()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

/** What people write with: letters, emoji (also those joined of several), letters with combining marks, right-to-left, rare planes. */
const piece = fc.oneof(
  fc.constantFrom(
    'x',
    'é',
    'e\u0301',
    '🦄',
    '👩‍👩‍👧‍👦',
    '🇺🇦',
    'ก็',
    'ﷺ',
    'שׁ',
    '漢',
    '𠮷',
    'ﬁ',
    'İ',
    'ẞ',
    '\u200D',
    '\uFFFD',
    '"',
    '&',
    '<',
    '%',
    "'",
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).filter((text) => !/[\p{Cc}\s]/u.test(text)),
)

/** A text of exactly so many code points, without blanks at its ends. */
function ofLength(length: number): fc.Arbitrary<string> {
  return fc.array(piece, { minLength: 1, maxLength: 30 }).map((pieces) => {
    const points = Array.from(pieces.join(''))
    return Array.from({ length }, (_, index) => points[index % points.length]).join('')
  })
}

/** As many as a test of some seconds can post to the slowest engine. */
const numRuns = 15

describe('limits count characters, whatever they are made of', () => {
  test('a name of 100 is stored as it is, and one of 101 refused: notes and pads', async () => {
    await fc.assert(
      fc.asyncProperty(ofLength(100), async (name) => {
        const note = await user.post('/notes/create/', { name, text: 'x' })
        const pad = await user.post('/pads/create/', { name })
        const refused = [
          await user.post('/notes/create/', { name: `${name}y`, text: 'x' }),
          await user.post('/pads/create/', { name: `${name}y` }),
        ]

        expect([note.status, pad.status]).toEqual([302, 302])
        for (const table of ['notes', 'pads'] as const) {
          const row = await app.context.db.selectFrom(table).select('name').orderBy('id', 'desc').limit(1).executeTakeFirst()
          expect(row?.name).toBe(name)
        }
        for (const page of refused) expect(page.errors).toEqual(['Ensure this value has at most 100 characters (it has 101).'])
      }),
      { numRuns },
    )
  })

  test('a text of 100,000 is stored as it is, and one more refused', async () => {
    await fc.assert(
      fc.asyncProperty(ofLength(100_000), async (text) => {
        const taken = await user.post('/notes/create/', { name: 'n', text })
        const refused = await user.post('/notes/create/', { name: 'n', text: `${text}y` })

        expect(taken.status).toBe(302)
        const row = await app.context.db.selectFrom('notes').select('text').orderBy('id', 'desc').limit(1).executeTakeFirst()
        expect(row?.text === text).toBe(true)
        expect(refused.errors).toEqual(['Ensure this value has at most 100000 characters (it has 100001).'])
      }),
      { numRuns: 4 },
    )
  })

  test('line breaks of a browser count once', async () => {
    const text = `${'x\r\n'.repeat(49_999)}yz`

    expect((await user.post('/notes/create/', { name: 'n', text })).status).toBe(302)
    const row = await app.context.db.selectFrom('notes').select('text').orderBy('id', 'desc').limit(1).executeTakeFirst()
    expect(row?.text).toBe(text.replaceAll('\r\n', '\n'))
  })

  test('an address of 254 is one account in every case, and one of 255 refused', async () => {
    const letter = fc.constantFrom(...'abcxyzäöüéñžабвгджαβγδ0189')
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { minLength: 20, maxLength: 40 }), async (letters) => {
        const local = letters.join('')
        const email = `${local}.${'é'.repeat(254 - codePoints(local) - 13)}@example.org`
        const password = 'correct horse'
        const signUp = async (address: string) => app.browser().post('/signup/', { email: address, password, confirm_password: password })

        const answer = await signUp(email)
        const again = [await signUp(email.toUpperCase()), await signUp(` ${email} `)]
        const signedIn = await app.browser().post('/signin/', { email: email.toUpperCase(), password })

        expect([codePoints(email), answer.status]).toEqual([254, 302])
        for (const page of again) expect(page.errors).toEqual(['User with this email is already signed up'])
        expect(signedIn.location).toBe('/')
        expect((await signUp(`x${email}`)).errors).toEqual(['Ensure this value has at most 254 characters (it has 255).'])
      }),
      { numRuns },
    )
  })

  test('an address that grows when it is compared is refused like any that is none', async () => {
    const email = `${'ﷺ'.repeat(200)}@example.org`

    const page = await app.browser().post('/signup/', { email, password: 'correct horse', confirm_password: 'correct horse' })

    expect([page.status, page.errors]).toEqual([200, ['Invalid email address.']])
  })
})

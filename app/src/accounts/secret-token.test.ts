import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLinkToken, isToken, newLinkToken, newToken, tokenHash } from './secret-token.ts'

test('tokenHash is HMAC-SHA-256 of purpose and token', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 150 }),
      fc.constantFrom('session' as const, 'api-token' as const),
      fc.stringMatching(/^[\w-]{0,256}$/),
      (key, purpose, token) => {
        expect(tokenHash(key, purpose, token)).toBe(createHmac('sha256', key).update(`${purpose}\0${token}`).digest('hex'))
      },
    ),
  )
})

test('a token too long to be one is an error, not another token', () => {
  expect(() => tokenHash('key', 'session', 'x'.repeat(300))).toThrow(RangeError)
})

test('tokens are 256 random bits and look like tokens', () => {
  const tokens = Array.from({ length: 100 }, () => newToken())

  expect(new Set(tokens).size).toBe(100)
  for (const token of tokens) expect(isToken(token)).toBe(true)
  expect(isToken('short')).toBe(false)
})

test('tokens of links are 128 random bits and look like them', () => {
  const tokens = Array.from({ length: 100 }, () => newLinkToken())

  expect(new Set(tokens).size).toBe(100)
  for (const token of tokens) expect([isLinkToken(token), isToken(token)]).toEqual([true, false])
})

import { describe, expect, test } from 'vitest'
import { createPseudonyms } from './pseudonyms.ts'

const secretKey = 'secret-key-of-tests-'.repeat(3)
const plain = createPseudonyms({ secretKey, keepOwn: false })
const again = createPseudonyms({ secretKey, keepOwn: true })
const other = createPseudonyms({ secretKey: `${secretKey}!`, keepOwn: true })

describe('the pseudonym of an address', () => {
  test('is one for all spellings of an account, and an address to which nothing is sent', () => {
    expect(plain.address('Anna@Example.org')).toBe(plain.address('anna@example.org '))
    expect(plain.address('anna@example.org')).toMatch(/^[a-z2-7]{28}@masked\.invalid$/)
    expect(plain.address('anna@example.org')).not.toBe(plain.address('anne@example.org'))
  })

  test('cannot be found without the key', () => {
    expect(other.address('anna@example.org')).not.toBe(plain.address('anna@example.org'))
  })

  test('is kept in a masked database, and nowhere else', () => {
    const masked = plain.address('anna@example.org')

    expect(again.address(masked)).toBe(masked)
    // Somebody may sign up with a pseudonym that they have seen.
    expect(plain.address(masked)).not.toBe(masked)
    expect(other.address(masked)).not.toBe(masked)
  })

  test('is not taken for one that only looks so', () => {
    const forged = plain.address('anna@example.org').replace(/^./, (letter) => (letter === 'a' ? 'b' : 'a'))

    expect(again.address(forged)).not.toBe(forged)
  })
})

describe('the pseudonym of an identifier', () => {
  test('is a UUID that stays when it is masked again', () => {
    const value = '0b6f7f3a-57ab-4b27-9c39-6a1f5b1f3f7e'
    const masked = plain.identifier(value)

    expect(masked).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/)
    expect(masked).toBe(plain.identifier(value))
    expect(again.identifier(masked)).toBe(masked)
    expect([other.identifier(masked), plain.identifier(masked)]).not.toContain(masked)
  })
})

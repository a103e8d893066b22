import { describe, expect, it } from 'vitest'
import { sealSecretKey } from '../../../app/src/backup/seal-secret-key.ts'
import { openSealedKey, recipientOf } from './sealed-key.ts'

const entries = (fill: number) => new Map([['private-key', Buffer.alloc(32, fill)]])

describe('a sealed key', () => {
  it('is opened by whom the command sealed it to, and by nobody else', () => {
    const sealed = sealSecretKey('the key of the app', recipientOf(entries(7)) ?? '')

    expect(openSealedKey(sealed, entries(7))).toBe('the key of the app')
    expect(openSealedKey(sealed, entries(8))).toBeUndefined()
  })

  it('is refused when a byte of it was changed, or there is none', () => {
    const sealed = Buffer.from(sealSecretKey('the key of the app', recipientOf(entries(7)) ?? ''), 'base64')
    sealed[50] = (sealed[50] ?? 0) ^ 1

    expect(openSealedKey(sealed.toString('base64'), entries(7))).toBeUndefined()
    expect(openSealedKey('', entries(7))).toBeUndefined()
    expect(recipientOf(new Map())).toBeUndefined()
  })
})

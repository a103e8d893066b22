import { hash, randomBytes } from 'node:crypto'

/** A new opaque token of 256 random bits, fit for a cookie and for a URL. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether a string has the shape of {@link newToken}; anything else need not be looked up. */
export function isToken(value: string | undefined): value is string {
  return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)
}

/** What the database holds instead of a token: an HMAC under the secret key, different for each purpose, so that a copy of the database opens nothing. */
export function tokenHash(secretKey: string, purpose: 'session' | 'password-reset' | 'api-token', token: string): string {
  const { inner, outer } = pads(secretKey)
  const first = hash('sha256', Buffer.concat([inner, Buffer.from(`${purpose}\0${token}`)]), 'buffer')
  return hash('sha256', Buffer.concat([outer, first]), 'hex')
}

const blockBytes = 64
const padsByKey = new Map<string, { readonly inner: Buffer; readonly outer: Buffer }>()

/** The two padded keys of HMAC (RFC 2104), made once: each page hashes a token, and `createHmac` takes longer than the query that follows. */
function pads(secretKey: string): { readonly inner: Buffer; readonly outer: Buffer } {
  let known = padsByKey.get(secretKey)
  if (known === undefined) {
    const long = Buffer.from(secretKey)
    const key = Buffer.alloc(blockBytes)
    ;(long.length > blockBytes ? hash('sha256', long, 'buffer') : long).copy(key)
    known = { inner: key.map((byte) => byte ^ 0x36) as Buffer, outer: key.map((byte) => byte ^ 0x5c) as Buffer }
    padsByKey.set(secretKey, known)
  }
  return known
}

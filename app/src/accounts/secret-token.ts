import { hash, randomBytes } from 'node:crypto'

/** A new opaque token of 256 random bits, fit for a cookie and for a URL. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether a string has the shape of {@link newToken}; anything else need not be looked up. */
export function isToken(value: string | undefined): value is string {
  return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)
}

/**
 * A new opaque token for a link in a mail: 128 random bits, so that the line of a link stays below 76 characters. A longer line would be sent as
 * quoted-printable (RFC 2045, 6.7), which tears the link apart for everyone who sees a mail as it was sent.
 */
export function newLinkToken(): string {
  return randomBytes(16).toString('base64url')
}

/** Whether a string has the shape of {@link newLinkToken}. */
export function isLinkToken(value: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(value)
}

/** What a token is for; the same token under another purpose has another hash. */
export type TokenPurpose = 'session' | 'password-reset' | 'api-token'

/** What the database holds instead of a token: an HMAC under the secret key, different for each purpose, so that a copy of the database opens nothing. */
export function tokenHash(secretKey: string, purpose: TokenPurpose, token: string): string {
  const { inner, outer, prefix } = keyed(secretKey, purpose)
  const end = prefix + inner.write(token, prefix, 'latin1')
  if (end - prefix !== token.length) throw new RangeError('a token has at most 256 characters')
  outer.set(hash('sha256', inner.subarray(0, end), 'buffer'), blockBytes)
  return hash('sha256', outer, 'hex')
}

interface Keyed {
  /** The inner padded key, the purpose, and room for a token. */
  readonly inner: Buffer
  /** The outer padded key, and room for the inner hash. */
  readonly outer: Buffer
  /** Bytes of `inner` before the token. */
  readonly prefix: number
}

const blockBytes = 64
const hashBytes = 32
const maxToken = 256
const kept = new Map<string, Keyed>()

/** HMAC's two messages (RFC 2104) but for the token, made once: each page hashes one, and `createHmac` takes longer than the query that follows. */
function keyed(secretKey: string, purpose: TokenPurpose): Keyed {
  const name = `${purpose}\0${secretKey}`
  let known = kept.get(name)
  if (known === undefined) {
    const long = Buffer.from(secretKey)
    const key = Buffer.alloc(blockBytes)
    ;(long.length > blockBytes ? hash('sha256', long, 'buffer') : long).copy(key)
    const label = Buffer.from(`${purpose}\0`)
    const inner = Buffer.concat([key.map((byte) => byte ^ 0x36), label, Buffer.alloc(maxToken)])
    const outer = Buffer.concat([key.map((byte) => byte ^ 0x5c), Buffer.alloc(hashBytes)])
    known = { inner, outer, prefix: blockBytes + label.length }
    kept.set(name, known)
  }
  return known
}

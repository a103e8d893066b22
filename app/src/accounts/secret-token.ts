import { createHmac, randomBytes } from 'node:crypto'

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
  return createHmac('sha256', secretKey).update(purpose).update('\0').update(token).digest('hex')
}

import { expect, test } from 'vitest'
import { type ApiError, isAlreadyExists, isConflict, isExpired, isNamespaceTerminating, isTooLargeResourceVersion } from './errors.ts'
import { answerToError, parseRetryAfter, statusToError } from './status-error.ts'

const wallClock = Date.UTC(2026, 0, 1)

test.each([
  ['5', 5],
  [' 0 ', 0],
  ['Thu, 01 Jan 2026 00:00:07 GMT', 7],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %o is %o seconds', (header, seconds) => {
  expect(parseRetryAfter(header, wallClock)).toBe(seconds)
})

test('an answer of the API server keeps its reason, details and patience', () => {
  const body = { kind: 'Status', reason: 'ServerTimeout', message: 'later', details: { name: 'a', retryAfterSeconds: 2 }, code: 504 }

  const error = answerToError('get pods a/b', { status: 504, headers: {} }, JSON.stringify(body), wallClock)

  expect(error).toMatchObject({ status: 504, reason: 'ServerTimeout', retryAfterSeconds: 2, retryable: true, details: { name: 'a' } })
  expect(error.message).toBe('The API server refused to get pods a/b: 504 ServerTimeout: later')
})

test('a page of a gateway becomes one short line', () => {
  const page = `<html><head><title>502</title></head><body>\n<h1>Bad   gateway</h1>${'x'.repeat(1000)}</body></html>`

  const error = answerToError('get pods', { status: 502, headers: { 'retry-after': '3' } }, page, wallClock)

  expect(error).toMatchObject({ reason: 'Unknown', retryAfterSeconds: 3 })
  expect(error.message).toMatch(/^The API server refused to get pods: 502 Unknown: 502 Bad gateway x+…$/)
  expect(error.message.length).toBeLessThan(300)
})

test('errors are told apart', () => {
  const make = (status: number, reason: string, cause?: string): ApiError =>
    statusToError('x', { kind: 'Status', code: status, reason, ...(cause !== undefined && { details: { causes: [{ reason: cause }] } }) })

  expect([isConflict, isAlreadyExists].map((is) => is(make(409, 'AlreadyExists')))).toEqual([false, true])
  expect([isConflict, isAlreadyExists].map((is) => is(make(409, 'Conflict')))).toEqual([true, false])
  expect(isExpired(make(410, 'Gone'))).toBe(true)
  expect(isExpired(make(410, 'Expired'))).toBe(true)
  expect(isTooLargeResourceVersion(make(504, 'Timeout', 'ResourceVersionTooLarge'))).toBe(true)
  expect(isTooLargeResourceVersion(make(504, 'Timeout'))).toBe(false)
  expect(isNamespaceTerminating(make(403, 'Forbidden', 'NamespaceTerminating'))).toBe(true)
  expect(make(403, 'Forbidden').retryable).toBe(false)
})

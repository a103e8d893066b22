import { expect, test } from 'vitest'
import { ApiError, ConnectionError, DeadlineExceeded, MalformedAnswer, type ConnectionFailure } from './errors.ts'
import { decideRetry } from './retry.ts'

const api = (status: number, retryAfterSeconds?: number) =>
  new ApiError({ call: 'x', status, reason: 'Unknown', message: '', retryAfterSeconds })
const connection = (failure: ConnectionFailure, maybeSent: boolean) => new ConnectionError({ call: 'x', failure, maybeSent, message: '' })

function retries(error: unknown, idempotent: boolean): number {
  let attempts = 1
  while (decideRetry({ error, attempts, idempotent, random: 0 }) !== undefined) attempts += 1
  return attempts - 1
}

test.each([
  ['429', api(429), 10, 10],
  ['500', api(500), 2, 0],
  ['500 with Retry-After', api(500, 1), 10, 0],
  ['502', api(502), 10, 0],
  ['503', api(503), 10, 0],
  ['504', api(504), 10, 0],
  ['refused', connection('Refused', false), 10, 10],
  ['no such host', connection('DNS', false), 10, 10],
  ['reset', connection('Reset', true), 10, 0],
  ['attempt too slow', new DeadlineExceeded('x', 1), 10, 0],
  ['HTML', new MalformedAnswer('x', 'y'), 10, 0],
  ['400', api(400), 0, 0],
  ['401', api(401), 0, 0],
  ['403', api(403), 0, 0],
  ['404', api(404), 0, 0],
  ['409', api(409), 0, 0],
  ['410', api(410), 0, 0],
  ['422', api(422), 0, 0],
  ['a bug', new TypeError('x'), 0, 0],
])('%s is tried again %i times by calls that may be repeated, otherwise %i times', (_, error, repeatable, other) => {
  expect([retries(error, true), retries(error, false)]).toEqual([repeatable, other])
})

test('waits double from 0.1 s to 5 s, half of it at random', () => {
  const waits = (random: number) =>
    Array.from({ length: 8 }, (_, index) => decideRetry({ error: api(503), attempts: index + 1, idempotent: true, random }))

  expect(waits(1)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
  expect(waits(0)).toEqual([50, 100, 200, 400, 800, 1600, 2500, 2500])
})

test('Retry-After is the least', () => {
  expect(decideRetry({ error: api(429, 3), attempts: 1, idempotent: false, random: 0 })).toBe(3000)
  expect(decideRetry({ error: api(429, 0), attempts: 3, idempotent: false, random: 1 })).toBe(400)
})

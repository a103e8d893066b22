import { describe, expect, it } from 'vitest'
import { RateLimiter } from './rate-limit.ts'

function limiterAt(start: number, requests = 2) {
  const clock = { time: start, now: () => clock.time }
  return { clock, limiter: new RateLimiter({ requests, windowSeconds: 60, clock }) }
}

describe('RateLimiter', () => {
  it('lets a client make what it may, then tells it how long to wait', () => {
    const { clock, limiter } = limiterAt(1000)

    const answers = [limiter.take('a'), limiter.take('a'), limiter.take('a')]
    clock.time += 59_001
    const later = limiter.take('a')

    expect(answers.map((answer) => answer.allowed)).toEqual([true, true, false])
    expect(answers[0]?.headers).toEqual({ 'RateLimit-Policy': '"token";q=2;w=60', RateLimit: '"token";r=1;t=60' })
    expect(answers[2]?.headers).toMatchObject({ RateLimit: '"token";r=0;t=60', 'Retry-After': '60' })
    expect(later).toMatchObject({ allowed: false, headers: { 'Retry-After': '1' } })
  })

  it('begins anew after the window, and for another client at once', () => {
    const { clock, limiter } = limiterAt(1000, 1)
    limiter.take('a')

    expect(limiter.take('b').allowed).toBe(true)
    expect(limiter.take('a').allowed).toBe(false)
    clock.time += 60_000
    expect(limiter.take('a').allowed).toBe(true)
  })

  it('does not lock a client out when the clock was set back', () => {
    const { clock, limiter } = limiterAt(10_000_000, 1)
    limiter.take('a')
    clock.time = 0

    expect(limiter.take('a').allowed).toBe(true)
  })

  it('forgets clients that went away', () => {
    const { clock, limiter } = limiterAt(1_000_000)
    for (let client = 0; client < 1000; client += 1) limiter.take(String(client))
    clock.time += 120_000

    limiter.take('new')

    expect(limiter.size).toBe(1)
  })

  it('is off at 0', () => {
    const { limiter } = limiterAt(0, 0)

    expect(limiter.take('a')).toEqual({ allowed: true, headers: {} })
  })

  it.each([
    { requests: -1, windowSeconds: 60 },
    { requests: 1.5, windowSeconds: 60 },
    { requests: 1, windowSeconds: 0 },
  ])('refuses the options %j', (options) => {
    expect(() => new RateLimiter({ ...options, clock: { now: () => 0 } })).toThrow(RangeError)
  })
})

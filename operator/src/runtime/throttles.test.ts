import { describe, expect, it } from 'vitest'
import { TokenBucket } from './backoff.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { HotLoopDetector } from './hot-loop.ts'
import { VirtualClock } from './virtual-clock.ts'

describe('circuit breaker', () => {
  const fail = (breaker: CircuitBreaker, times: number) => Array.from({ length: times }, () => breaker.failed('a'))

  it('lets events through until the twelfth failure in a row, then every 30 s', () => {
    const clock = new VirtualClock()
    const breaker = new CircuitBreaker({ clock })
    const opened = fail(breaker, 11)
    const before = breaker.delay('a')
    const last = breaker.failed('a')

    expect([opened.includes(true), before, last, breaker.open]).toEqual([false, 0, true, 1])
    expect(breaker.delay('a')).toBe(30_000)
    clock.advanceSync(12_000)
    expect(breaker.delay('a')).toBe(18_000)
    clock.advanceSync(18_000)
    expect(breaker.delay('a')).toBe(0)
  })

  it('closes with a success or an edit, and keeps nothing of the key', () => {
    const breaker = new CircuitBreaker({ clock: new VirtualClock() })
    fail(breaker, 12)

    expect([breaker.close('a'), breaker.close('a'), breaker.open, breaker.delay('a')]).toEqual([true, false, 0, 0])
  })

  it('leaves other keys alone', () => {
    const breaker = new CircuitBreaker({ clock: new VirtualClock() })
    fail(breaker, 12)

    expect(breaker.delay('b')).toBe(0)
  })
})

describe('hot loop', () => {
  const write = (detector: HotLoopDetector, times: number, object = 'ConfigMap/x') =>
    Array.from({ length: times }, () => detector.wrote('a', object))

  it('finds the 31st write to one object within a minute, says it once, and slows down for a minute', () => {
    const clock = new VirtualClock()
    const detector = new HotLoopDetector({ clock })

    expect(write(detector, 30).includes(true)).toBe(false)
    expect(write(detector, 3)).toEqual([true, false, false])
    expect(detector.delay('a')).toBe(10_000)
    clock.advanceSync(60_000)
    expect(detector.delay('a')).toBe(0)
  })

  it('does not mind many objects, or writes that take their time', () => {
    const clock = new VirtualClock()
    const detector = new HotLoopDetector({ clock })

    for (let index = 0; index < 100; index++) write(detector, 20, `ConfigMap/${index}`)
    for (let minute = 0; minute < 10; minute++) {
      write(detector, 30, 'ConfigMap/slow')
      clock.advanceSync(60_000)
    }

    expect(detector.delay('a')).toBe(0)
  })

  it('takes an edit as the explanation', () => {
    const detector = new HotLoopDetector({ clock: new VirtualClock() })
    write(detector, 40)

    detector.reset('a')

    expect(detector.delay('a')).toBe(0)
  })
})

it('a token bucket refuses beyond its burst and refills at its rate', () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket({ ratePerSecond: 2, burst: 3 }, clock)

  const atOnce = Array.from({ length: 5 }, () => bucket.tryTake())
  clock.advanceSync(500)

  expect(atOnce).toEqual([true, true, true, false, false])
  expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false])
})

import { describe, expect, it } from 'vitest'
import { microTime, sleep, SystemClock } from './clock.ts'
import { VirtualClock } from './virtual-clock.ts'

describe('sleep', () => {
  it('ends when its time is over', async () => {
    const clock = new VirtualClock()
    const over: string[] = []
    const waiting = (async () => {
      await sleep(clock, 1000)
      over.push('over')
    })()

    await clock.advance(999)
    const before = over.length
    await clock.advance(1)
    await waiting

    expect([before, over.length]).toEqual([0, 1])
  })

  it('ends with the reason of a signal, and leaves no timer', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const sleeping = sleep(clock, 1000, stop.signal)

    stop.abort(new Error('stop'))

    await expect(sleeping).rejects.toThrow('stop')
    expect(clock.timers).toBe(0)
    await expect(sleep(clock, 1, stop.signal)).rejects.toThrow('stop')
  })
})

it.each([
  [Date.UTC(2026, 0, 2, 3, 4, 5, 6), '2026-01-02T03:04:05.006000Z'],
  [Date.UTC(2026, 0, 2, 3, 4, 5, 6) + 0.5, '2026-01-02T03:04:05.006500Z'],
  [0, '1970-01-01T00:00:00.000000Z'],
])('writes %d as %s', (time, text) => {
  expect(microTime(time)).toBe(text)
})

it('the system clock calls back, and not after it was told not to', async () => {
  const clock = new SystemClock()
  const called: string[] = []
  clock.setTimeout(() => called.push('cancelled'), 1).cancel()
  await new Promise<void>((resolve) => {
    const hold = setTimeout(() => {}, 1000)
    clock.setTimeout(() => {
      called.push('fired')
      clearTimeout(hold)
      resolve()
    }, 5)
  })

  expect(called).toEqual(['fired'])
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000)
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WorkQueue, type QueueOptions } from './queue.ts'
import { agreesWithClientGo, keepsItsPromises } from './queue-models.ts'
import { VirtualClock } from './virtual-clock.ts'

function build(options: Partial<QueueOptions> = {}) {
  const clock = new VirtualClock()
  return { clock, queue: new WorkQueue({ clock, random: () => 0.5, ...options }) }
}

/** Takes everything that is ready, as one worker that finishes at once. */
async function drain(queue: WorkQueue): Promise<readonly string[]> {
  const keys: string[] = []
  while (queue.length > 0) {
    const item = await queue.get()
    if (item === undefined) break
    keys.push(item.key)
    queue.done(item.key)
  }
  return keys
}

describe('models', () => {
  it('agrees with client-go on random schedules', async () => {
    await fc.assert(agreesWithClientGo, { numRuns: 3000 })
  })

  it('keeps its promises with priorities, delays and time', async () => {
    await fc.assert(keepsItsPromises, { numRuns: 3000 })
  })
})

describe('dedupe', () => {
  it('hands out a key once, however often it was added', async () => {
    const { queue } = build()

    for (let count = 0; count < 5; count++) queue.add('a')

    expect(await drain(queue)).toEqual(['a'])
  })

  it('never gives one key to two workers, and runs it exactly once more when it was added meanwhile', async () => {
    const { queue } = build()
    queue.add('a')
    const first = await queue.get()
    queue.add('a')
    queue.add('a')
    queue.add('b')

    const second = await queue.get()
    queue.done('a')

    expect([first?.key, second?.key]).toEqual(['a', 'b'])
    expect(await drain(queue)).toEqual(['a'])
  })
})

describe('priorities', () => {
  it('goes by priority, then by order', async () => {
    const { queue } = build()
    for (const [key, priority] of [
      ['initial', -100],
      ['child', 0],
      ['second child', 0],
      ['deletion', 50],
      ['edit', 100],
    ] as const)
      queue.add(key, { priority })

    expect(await drain(queue)).toEqual(['edit', 'deletion', 'child', 'second child', 'initial'])
  })

  it('raises the priority of what waits and never lowers it', async () => {
    const { queue } = build()
    queue.add('a', { priority: -100 })
    queue.add('b', { priority: 0 })
    queue.add('a', { priority: 100 })
    queue.add('a', { priority: -100 })

    expect(await queue.get()).toEqual({ key: 'a', priority: 100 })
  })

  it('starves nobody: the lowest is overtaken for 200 seconds at most by a stream of the highest', async () => {
    const { clock, queue } = build()
    queue.add('low', { priority: -100 })
    const taken: string[] = []
    for (let second = 0; second <= 201 && !taken.includes('low'); second++) {
      queue.add(`edit ${second}`, { priority: 100 })
      const item = await queue.get()
      if (item !== undefined) {
        taken.push(item.key)
        queue.done(item.key)
      }
      clock.advanceSync(1000)
    }

    expect(taken).toContain('low')
    expect(taken.length).toBeGreaterThan(150)
  })
})

describe('delays', () => {
  it('waits for the earliest of several times', async () => {
    const { clock, queue } = build()
    queue.add('a', { afterMs: 1000 })
    queue.add('a', { afterMs: 10 })
    queue.add('a', { afterMs: 5000 })

    clock.advanceSync(9)
    const before = queue.length
    clock.advanceSync(1)

    expect([before, queue.length, queue.delayed]).toEqual([0, 1, 0])
  })

  it('wakes a worker that waits already', async () => {
    const { clock, queue } = build()
    const item = queue.get()
    queue.add('a', { afterMs: 10 })

    clock.advanceSync(10)

    expect((await item)?.key).toBe('a')
  })

  it('keeps one timer, whatever the number of delayed keys', () => {
    const { clock, queue } = build()

    for (let index = 0; index < 100; index++) queue.add(`k${index}`, { afterMs: 1000 - index })

    expect(clock.timers).toBe(1)
  })
})

describe('retries', () => {
  it('backs off per key, with full jitter, from 5 ms to 300 s', () => {
    const { queue } = build({ random: () => 0.999_999, retryBucket: { ratePerSecond: 1000, burst: 1000 } })

    const delays = Array.from({ length: 20 }, () => Math.ceil(queue.retry('a')))

    expect(delays.slice(0, 6)).toEqual([5, 10, 20, 40, 80, 160])
    expect(delays.at(-1)).toBe(300_000)
    expect(Math.ceil(queue.retry('b'))).toBe(5)
  })

  it('shares a bucket of 20 a second, burst 200', () => {
    const { queue } = build({ random: () => 0 })

    const delays = Array.from({ length: 240 }, (_, index) => queue.retry(`k${index}`))

    expect(delays.slice(0, 200).every((delay) => delay === 0)).toBe(true)
    expect(delays.slice(200).map(Math.round)).toEqual(Array.from({ length: 40 }, (_, index) => 50 * (index + 1)))
  })

  it('does not make first passes pay for the retries of others', async () => {
    const { queue } = build({ random: () => 0.9 })
    for (let index = 0; index < 1000; index++) queue.retry(`broken ${index}`)

    queue.add('fresh')

    expect((await queue.get())?.key).toBe('fresh')
  })

  it('forgets', () => {
    const { queue } = build({ random: () => 0.999_999 })
    queue.retry('a')
    queue.retry('a')

    queue.forget('a')

    expect(queue.failures('a')).toBe(0)
    expect(Math.ceil(queue.retry('a'))).toBe(5)
  })

  it('keeps workers for what did not fail: broken keys work in their own lanes', async () => {
    const { clock, queue } = build({ retryLanes: 2, random: () => 0 })
    for (const key of ['x', 'y', 'z']) queue.retry(key)
    clock.advanceSync(1)
    const broken = [await queue.get(), await queue.get()]
    queue.add('fresh', { priority: -100 })

    const next = await queue.get()

    expect(broken.map((item) => item?.key)).toEqual(['x', 'y'])
    expect(next?.key).toBe('fresh')
    queue.done('x')
    expect((await queue.get())?.key).toBe('z')
  })

  it('lets a key that was edited leave the lane of the broken', async () => {
    const { queue } = build({ retryLanes: 1, random: () => 0 })
    for (const key of ['x', 'y']) queue.retry(key)
    await queue.get()

    queue.forget('y')
    queue.add('y', { priority: 100 })

    expect(await queue.get()).toEqual({ key: 'y', priority: 100 })
  })
})

describe('the end', () => {
  it('hands out what is ready, drops what is delayed, and releases those who wait', async () => {
    const { clock, queue } = build()
    queue.add('ready')
    queue.add('later', { afterMs: 10 })
    queue.shutDown()
    queue.add('too late')

    expect((await queue.get())?.key).toBe('ready')
    queue.done('ready')
    expect(await queue.get()).toBeUndefined()
    expect([queue.length, queue.delayed, clock.timers]).toEqual([0, 0, 0])
  })

  it('says when nothing is being worked on any more', async () => {
    const { queue } = build()
    queue.add('a')
    await queue.get()
    const idle: string[] = []
    const waiting = (async () => {
      await queue.idle()
      idle.push('idle')
    })()
    await Promise.resolve()
    const before = idle.length

    queue.done('a')
    await waiting

    expect([before, idle.length]).toEqual([0, 1])
  })

  it('forgets an object that is gone, wherever it waits', () => {
    const { queue } = build({ random: () => 0.5 })
    queue.add('ready')
    queue.add('delayed', { afterMs: 10 })
    queue.retry('failed')

    for (const key of ['ready', 'delayed', 'failed', 'unknown']) queue.drop(key)

    expect([queue.length, queue.delayed, queue.failures('failed')]).toEqual([0, 0, 0])
  })
})

it('tells what waits, what is worked on, and for how long', async () => {
  const seen: Record<string, number[]> = { depth: [], waited: [], worked: [], unfinished: [] }
  const note = (name: string) => (value: number) => void seen[name]?.push(value)
  const metrics = {
    depth: note('depth'),
    waited: note('waited'),
    worked: note('worked'),
    unfinished: note('unfinished'),
    added: () => {},
    retried: () => {},
  }
  const { clock, queue } = build({ metrics })
  queue.add('a')
  clock.advanceSync(2000)
  await queue.get()
  clock.advanceSync(3000)
  queue.sample()
  queue.done('a')

  expect(seen).toMatchObject({ waited: [2], worked: [3], unfinished: [3] })
  expect(seen['depth']?.slice(0, 2)).toEqual([1, 0])
})

it.each([{ ageingPerSecond: 0 }, { retryLanes: 0 }, { retryBucket: { ratePerSecond: 0, burst: 1 } }])('refuses %o', (options) => {
  expect(() => build(options)).toThrow(RangeError)
})

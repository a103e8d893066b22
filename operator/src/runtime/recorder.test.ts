import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Client } from '../kube/client.ts'
import type { KubeObject } from '../kube/object.ts'
import { noMetrics } from './metrics.ts'
import { EventRecorder } from './recorder.ts'
import { openFence } from './election.ts'
import { silentLogger } from './log.ts'
import { VirtualClock } from './virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Written {
  readonly call: 'create' | 'patch'
  readonly body: {
    readonly metadata?: { readonly name: string }
    readonly note?: string
    readonly reason?: string
    readonly series?: { readonly count: number }
  }
}

/** A recorder whose writes are kept: hours of them, which no API server is needed for (`runtime.test.ts` shows that one takes them). */
function build({ fence = openFence, fail = false } = {}) {
  const clock = new VirtualClock()
  const written: Written[] = []
  const counts: Record<string, number> = {}
  let inFlight = 0
  let held: Promise<void> = Promise.resolve()
  const keep =
    (call: Written['call']) =>
    async (_resource: object, ...[first, second]: readonly unknown[]) => {
      if (fail) throw new Error('down')
      inFlight += 1
      await held
      inFlight -= 1
      written.push({ call, body: (call === 'create' ? first : second) as Written['body'] })
      return {}
    }
  const client = { create: keep('create'), patch: keep('patch') } as unknown as Client
  const metrics = { ...noMetrics, event: (action: string) => void (counts[action] = (counts[action] ?? 0) + 1) }
  const recorder = new EventRecorder({
    client,
    fence,
    clock,
    log: silentLogger,
    metrics,
    reportingController: 'x.test/y',
    reportingInstance: 'pod',
  })
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held = promise
    return resolve
  }
  return { clock, written, counts, recorder, hold, inFlight: () => inFlight }
}

const object = (name = 'a'): KubeObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'ns', uid: `uid-${name}` } })
const event = (note: string, reason = 'Failed') => ({ type: 'Warning', reason, action: 'Try', note }) as const

describe('many events', () => {
  it('are written one after the other, so that they give way to what they tell of', async () => {
    const { recorder, inFlight, hold } = build()
    const letGo = hold()

    for (let index = 0; index < 20; index++) recorder.event(object(`a${index}`), event('no'))
    await Promise.resolve()
    const atOnce = inFlight()
    letGo()
    await recorder.flush()

    expect(atOnce).toBe(1)
  })

  it('keep nothing of the objects that they are about while they wait', async () => {
    const { recorder, hold } = build()
    const letGo = hold()
    const told = (name: string): WeakRef<KubeObject> => {
      const about = object(name)
      recorder.event(about, { ...event('no'), related: about })
      recorder.event(about, { ...event('no'), related: about })
      return new WeakRef(about)
    }

    const waiting = Array.from({ length: 20 }, (_, index) => told(`a${index}`))
    // Objects live at least until the turn in which they were seen is over.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    const kept = waiting.filter((reference) => reference.deref() !== undefined)
    letGo()
    await recorder.flush()

    expect(kept).toEqual([])
  })

  it('rest in between four times as long as a write took, but not at the end', async () => {
    const { clock, recorder, written, hold, inFlight } = build()
    const letGo = hold()
    for (let index = 0; index < 3; index++) recorder.event(object(`a${index}`), event('no'))
    await clock.advance(100)
    letGo()
    await clock.advance(0)
    const atFirst = written.length

    const letGoAgain = hold()
    await clock.advance(399)
    const resting = inFlight()
    await clock.advance(101)
    letGoAgain()
    await clock.advance(0)
    const rested = written.length
    await recorder.flush()

    expect([atFirst, resting, rested, written.length]).toEqual([1, 0, 2, 3])
  })
})

it('does not rest any more once an event was a minute in line', async () => {
  const { clock, recorder, written, hold } = build()
  const letGo = hold()
  for (let index = 0; index < 3; index++) recorder.event(object(`a${index}`), event('no'))
  await clock.advance(60_000)
  letGo()
  await clock.advance(0)
  const letGoAgain = hold()
  // The first was not in line: the rest after it is as long as ever.
  await clock.advance(240_000)
  const rested = written.length
  await clock.advance(1000)
  letGoAgain()
  await clock.advance(0)

  expect([rested, written.length]).toEqual([1, 3])
})

describe('series', () => {
  it('writes the first, makes a series of the second, and then only refreshes every 30 minutes', async () => {
    const { clock, recorder, written } = build()

    for (let minute = 0; minute <= 65; minute++) {
      recorder.event(object(), event('no'))
      await clock.advance(60_000)
    }

    expect(written.map(({ call, body }) => `${call} ${body.series?.count ?? 1}`)).toEqual(['create 1', 'patch 2', 'patch 32', 'patch 62'])
  })

  it('begins anew after six minutes of silence', async () => {
    const { clock, recorder, written } = build()
    recorder.event(object(), event('no'))
    await clock.advance(6 * 60_000)

    recorder.event(object(), event('no'))
    await clock.advance(0)

    expect(written.map(({ call }) => call)).toEqual(['create', 'create'])
  })

  it('takes another note for another event', async () => {
    const { clock, recorder, written } = build()

    for (const note of ['one', 'two']) recorder.event(object(), event(note))
    await clock.advance(0)

    expect(written.map(({ body }) => body.note)).toEqual(['one', 'two'])
    expect(new Set(written.map(({ body }) => body.metadata?.name)).size).toBe(2)
  })
})

describe('budget', () => {
  it('writes at most twelve in an hour of a lasting failure, also when its note changes each time', async () => {
    const { clock, counts, recorder, written } = build()

    for (let second = 0; second < 3600; second += 5) {
      recorder.event(object(), event(`failed at ${second}`))
      await clock.advance(5000)
    }

    expect(written.length).toBeLessThanOrEqual(12)
    expect(counts['dropped']).toBe(720 - written.length)
  })

  it('does not let one loud reason hide another, or one object another', async () => {
    const { clock, recorder, written } = build()
    for (let index = 0; index < 100; index++) recorder.event(object(), event(`loud ${index}`))

    recorder.event(object(), event('the real one', 'Broken'))
    recorder.event(object('b'), event('another object'))
    await clock.advance(0)

    expect(written.map(({ body }) => body.note)).toEqual(expect.arrayContaining(['the real one', 'another object']))
  })

  it('writes at most 25 at once of one object, however many reasons there are', async () => {
    const { clock, recorder, written } = build()

    for (let index = 0; index < 100; index++) recorder.event(object(), event('x', `Reason${index}`))
    await clock.advance(0)

    expect(written).toHaveLength(25)
  })
})

it('forgets an object when its budgets are full again, and not before', async () => {
  const { clock, recorder, written } = build()
  for (let index = 0; index < 100; index++) recorder.event(object(`gone-${index}`), event('no'))
  for (let index = 0; index < 40; index++) recorder.event(object('loud'), event(`note ${index}`, `R${index}`))
  // One token of 25 comes back in five minutes, one of four in ten.
  await clock.advance(11 * 60_000)

  recorder.event(object('loud'), event('again', 'Other'))
  await clock.advance(0)

  expect(recorder.size).toBe(1)
  expect(written.filter(({ body }) => body.reason?.startsWith('R') === true)).toHaveLength(25)
  expect(written.at(-1)?.body.reason).toBe('Other')
})

it('forgets an object that is gone, once its events are written', async () => {
  const { recorder, written, hold } = build()
  const letGo = hold()
  for (const note of ['one', 'two']) recorder.event(object(), event(note))

  recorder.forget('uid-a')
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = recorder.size
  letGo()
  await recorder.flush()
  await new Promise((resolve) => setImmediate(resolve))

  expect([waiting, written.length, recorder.size]).toEqual([1, 2, 0])
})

it('cuts a long note at 1,024 bytes, not within a character', async () => {
  const { clock, recorder, written } = build()

  recorder.event(object(), event('ж'.repeat(2000)))
  await clock.advance(0)

  const note = written[0]?.body.note ?? ''
  expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024)
  expect(note).toMatch(/^ж{500,}…$/)
})

it('says nothing without the lease', async () => {
  const { clock, recorder, written } = build({ fence: { held: false, assertHeld: () => {} } })

  recorder.event(object(), event('no'))
  await clock.advance(0)

  expect(written).toEqual([])
})

it('never throws when an event cannot be written', async () => {
  const { counts, recorder } = build({ fail: true })

  recorder.event(object(), event('no'))
  recorder.event(object(), event('no'))
  await recorder.flush()
  recorder.event(object(), event('no'))
  await recorder.flush()

  expect(counts).toEqual({ failed: 2 })
})

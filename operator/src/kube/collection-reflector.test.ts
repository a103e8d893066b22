import * as fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import { CollectionReflector, type CollectionReflectorOptions } from './collection-reflector.ts'
import { ApiError, ConnectionError } from './errors.ts'
import { silentLogger } from './logger.ts'
import { resources } from './resource.ts'
import { VirtualCollection, type VirtualFault, type VirtualObject } from './virtual-collection.ts'

type Options = Partial<CollectionReflectorOptions<VirtualObject>>

const second = 1000
const minute = 60 * second
const hour = 60 * minute

function api(status: number, reason: string, retryAfterSeconds?: number): ApiError {
  return new ApiError({ call: 'watch', status, reason, message: '', retryAfterSeconds })
}

const cut = new ConnectionError({ call: 'watch', failure: 'Reset', maybeSent: true, message: 'cut' })

/** A reflector of a virtual collection, not started. */
function scene(options: Options = {}) {
  const clock = new VirtualClock()
  const collection = new VirtualCollection(clock)
  const reflector = new CollectionReflector<VirtualObject>({
    client: collection.client,
    resource: resources.configMaps,
    clock,
    random: () => 0,
    logger: silentLogger,
    ...options,
  })
  const stop = new AbortController()
  let running = Promise.resolve()
  const end = async () => {
    stop.abort(new Error('The test is over.'))
    await running
  }
  onTestFinished(end)
  const start = async (ms = 100) => {
    running = reflector.start(stop.signal)
    await clock.advance(ms)
  }
  return { clock, collection, reflector, start, end }
}

function names(objects: readonly VirtualObject[]): readonly string[] {
  return objects.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).toSorted()
}

function asked(collection: VirtualCollection): readonly string[] {
  return collection.requests.map(({ kind, options }) => {
    const { resourceVersion = '', resourceVersionMatch, limit, sendInitialEvents } = options
    const extras = [
      sendInitialEvents === true && 'initial events',
      resourceVersionMatch,
      limit === 0 && 'in one piece',
      options.continue !== undefined && `from ${options.continue}`,
    ]
    return [kind, `"${resourceVersion}"`, ...extras.filter((extra) => extra !== false && extra !== undefined)].join(' ')
  })
}

const faults: fc.Arbitrary<VirtualFault> = fc.oneof(
  fc.constantFrom<VirtualFault>(
    ...[
      api(410, 'Expired'),
      api(429, 'TooManyRequests', 2),
      api(500, 'InternalError'),
      api(503, 'ServiceUnavailable'),
      api(403, 'Forbidden'),
      cut,
    ].map((error): VirtualFault => ({ type: 'Refused', error })),
  ),
  fc.record({
    type: fc.constant('Broken' as const),
    afterEvents: fc.nat(4),
    how: fc.constantFrom('cut' as const, 'end' as const, 'expired' as const, 'serverError' as const, 'silent' as const),
  }),
  fc.constant<VirtualFault>({ type: 'Twice' }),
  fc.record({ type: fc.constant('Slow' as const), milliseconds: fc.nat(20_000) }),
)

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('fault' as const), fault: faults }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(1, 6, 900, 5000, 100_000) }) },
    { weight: 1, arbitrary: fc.constant({ type: 'compact' as const }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('jump' as const), ms: fc.integer({ min: -hour, max: hour }) }) },
  ),
  { maxLength: 40, size: 'max' },
)

/** After random faults while objects change, cache and server agree, and so does who followed the events alone; nobody was told what does not fit. */
function endsEqual(options: Options = {}) {
  return fc.asyncProperty(steps, fc.boolean(), fc.nat(3), async (happens, streamingList, staleBy) => {
    const { clock, collection, reflector, start, end } = scene({ streamingList, ...options })
    const followed = new Map<string, VirtualObject>()
    const unfit: string[] = []
    reflector.store.subscribe((event) => {
      const { name } = event.object.metadata
      const known = followed.get(name)
      if ((event.type === 'added') !== (known === undefined)) unfit.push(`${event.type} ${name}`)
      if (event.type === 'updated' && event.old !== known) unfit.push(`${name} changed from a state that was not told`)
      if (event.type === 'updated' && event.old.metadata.resourceVersion === event.object.metadata.resourceVersion)
        unfit.push(`${name} told twice`)
      if (event.type === 'deleted') followed.delete(name)
      else followed.set(name, event.object)
    })
    for (const name of ['a', 'b', 'c']) collection.put(name)
    collection.staleBy = staleBy
    await start(0)
    for (const step of happens) {
      if (step.type === 'put') collection.put(step.name)
      else if (step.type === 'delete') collection.delete(step.name)
      else if (step.type === 'fault') collection.faults.push(step.fault)
      else if (step.type === 'compact') collection.compact()
      else if (step.type === 'jump') clock.jumpWallClock(step.ms)
      else await clock.advance(step.ms)
    }
    collection.faults.length = 0
    await clock.advance(10 * minute)

    const [there, cached, told] = [names(collection.objects), names(reflector.store.list()), names([...followed.values()])]
    await end()
    expect({ cached, told, unfit }).toEqual({ cached: there, told: there, unfit: [] })
  })
}

describe('random faults', { timeout: 60_000 }, () => {
  test('end in a cache that equals the server, without a lost event', async () => {
    await fc.assert(endsEqual(), { numRuns: 400 })
  })

  test.each(['synthesizedDeletes', 'order', 'silenceCheck', 'retry'] as const)('without %s they do not', async (safety) => {
    const { failed } = await fc.check(endsEqual({ without: [safety] }), { numRuns: 1000 })

    expect(failed).toBe(true)
  })
})

describe('what is asked for', () => {
  test('is a streaming list, and the watch is the same request', async () => {
    const { clock, collection, reflector, start } = scene()
    collection.put('a')

    await start()
    collection.put('b')
    await clock.advance(second)

    expect(asked(collection)).toEqual(['watch "" initial events NotOlderThan'])
    expect(names(reflector.store.list())).toEqual(['a@101', 'b@102'])
  })

  test('is what the cache of the server has, in one piece, and then the changes since', async () => {
    const { collection, reflector, start } = scene({ streamingList: false })
    for (const name of ['a', 'b', 'c']) collection.put(name)
    collection.staleBy = 1

    await start()

    expect(asked(collection)).toEqual(['list "0" in one piece', 'watch "102"'])
    expect(names(reflector.store.list())).toEqual(['a@101', 'b@102', 'c@103'])
  })

  test('is a list where the server knows no streaming lists, and it is not asked for one again', async () => {
    const { clock, collection, start } = scene()
    collection.put('a')
    collection.streamingList = false

    await start()
    collection.compact()
    collection.faults.push({ type: 'Refused', error: api(410, 'Expired') })
    await clock.advance(20 * minute)

    expect(asked(collection).slice(0, 5)).toEqual([
      'watch "" initial events NotOlderThan',
      'list "0" in one piece',
      'watch "101"',
      'watch "101"',
      'list "101" NotOlderThan in one piece',
    ])
  })

  test('climbs down from the last version to the newest, page by page, to the newest in one piece', async () => {
    const { clock, collection, reflector, start } = scene({ streamingList: false })
    for (const name of ['a', 'b', 'c']) collection.put(name)
    await start()
    // The watch ends; its version, the list of that version and the second page are gone too.
    const gone: VirtualFault = { type: 'Refused', error: api(410, 'Expired') }
    collection.requests.length = 0
    collection.faults.push(gone, gone, { type: 'Slow', milliseconds: 1 }, gone)

    await clock.advance(12 * minute)

    expect(asked(collection).slice(0, 6)).toEqual([
      'watch "103"',
      'list "103" NotOlderThan in one piece',
      'list ""',
      'list "" from 2',
      'list "" in one piece',
      'watch "103"',
    ])
    expect(names(reflector.store.list())).toEqual(['a@101', 'b@102', 'c@103'])
  })

  test('is the newest when the server does not know the version yet', async () => {
    const { clock, collection, reflector, start } = scene()
    collection.put('a')
    await start()
    const details = { causes: [{ reason: 'ResourceVersionTooLarge' }] }
    collection.faults.push({ type: 'Refused', error: new ApiError({ call: '', status: 504, reason: 'Timeout', message: '', details }) })

    await clock.advance(12 * minute)

    expect(asked(collection).slice(1, 3)).toEqual(['watch "101"', 'watch "" initial events NotOlderThan'])
    expect(reflector.status.phase).toBe('Watching')
  })

  test.each([
    [0, 300],
    [0.999, 600],
  ])('is for 5 to 10 minutes, with bookmarks, and 90 s of silence at most (random %f: %i s)', async (random, seconds) => {
    const { collection, start } = scene({ random: () => random })

    await start()

    expect(collection.requests[0]?.options).toMatchObject({ timeoutSeconds: seconds, silenceMs: 90_000 })
    expect(collection.requests[0]?.options.allowBookmarks).not.toBe(false)
  })
})

test('an hour without a change costs a request each five to ten minutes, and no list', async () => {
  const { clock, collection, start } = scene()
  collection.put('a')
  await start()

  await clock.advance(hour)

  expect(collection.requests.length).toBeLessThanOrEqual(13)
  expect(collection.requests.filter(({ options }) => options.sendInitialEvents === true).length).toBe(1)
})

test('a bookmark moves on where the next watch begins, so that a quiet collection survives a compaction', async () => {
  const { clock, collection, start } = scene()
  collection.put('a')
  await start()
  collection.changeElsewhere()
  await clock.advance(2 * minute)
  collection.compact()

  await clock.advance(10 * minute)

  expect(asked(collection).slice(0, 2)).toEqual(['watch "" initial events NotOlderThan', 'watch "102"'])
})

describe('a lasting failure', () => {
  const lasting: readonly (readonly [string, Error])[] = [
    ['429', api(429, 'TooManyRequests')],
    ['500', api(500, 'InternalError')],
    ['403', api(403, 'Forbidden')],
    ['410', api(410, 'Expired')],
    ['a broken connection', cut],
  ]

  test.each(lasting)('%s costs 0.3 requests a second at most in the first hour and 0.035 at its end', async (_, error) => {
    const { clock, collection, start } = scene()
    for (let count = 0; count < 5000; count++) collection.faults.push({ type: 'Refused', error })
    await start()

    await clock.advance(hour)

    expect(collection.requests.length / 3600).toBeLessThan(0.3)
    expect(collection.requests.filter(({ at }) => at > hour - 10 * minute).length / 600).toBeLessThan(0.035)
  })

  test('backs off from 0.8 s to 30 s, twice as long each time, and begins anew after two minutes of health', async () => {
    const { clock, collection, start } = scene()
    for (let count = 0; count < 8; count++) collection.faults.push({ type: 'Refused', error: cut })
    await start(3 * minute)
    const gaps = collection.requests
      .slice(1)
      .map(({ at }, index) => Math.round((at - (collection.requests[index]?.at ?? 0) - 5) / 100) / 10)
    await clock.advance(6 * minute)
    const before = collection.requests.length
    collection.faults.push({ type: 'Refused', error: cut })
    await clock.advance(10 * minute)

    const [failed, retried] = collection.requests.slice(before)
    expect(gaps).toEqual([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])
    expect((retried?.at ?? 0) - (failed?.at ?? 0)).toBe(805)
  })

  test('is told once it began and ended; the old cache stays', async () => {
    const { clock, collection, reflector, start } = scene()
    collection.put('a')
    await start()
    collection.faults.push({ type: 'Refused', error: api(403, 'Forbidden') }, { type: 'Refused', error: api(403, 'Forbidden') })
    await clock.advance(5 * minute + 100)

    expect(reflector.status).toMatchObject({ phase: 'BackingOff', synced: true, failures: 1, lastError: { status: 403 } })
    expect(reflector.store.size).toBe(1)
    await clock.advance(minute)
    expect(reflector.status).toMatchObject({ phase: 'Watching', lastError: undefined })
  })
})

test('what the server asks for by Retry-After is waited for', async () => {
  const { collection, start } = scene()
  collection.faults.push({ type: 'Refused', error: api(429, 'TooManyRequests', 17) })

  await start(30 * second)

  expect(collection.requests.map(({ at }) => at)).toEqual([0, 17_005])
})

test('watches that are closed at once with nothing in them are failures, and back off', async () => {
  const { clock, collection, reflector, start } = scene({ streamingList: false })
  await start()
  for (let count = 0; count < 20; count++) collection.faults.push({ type: 'Broken', afterEvents: 0, how: 'end' })
  collection.put('a')
  await clock.advance(6 * minute)
  collection.requests.length = 0

  await clock.advance(2 * minute)

  expect(reflector.store.size).toBe(1)
  expect(collection.requests.length).toBeLessThan(6)
})

describe('resync', () => {
  test.each([
    [0, 9],
    [0.5, 10],
    [0.999_999, 11],
  ])(
    'tells all objects again after ten hours, give or take a tenth (random %f: %i h), and asks the server nothing',
    async (random, hours) => {
      const { clock, collection, reflector, start } = scene({ random: () => random })
      collection.put('a')
      await start()
      const told: number[] = []
      reflector.store.subscribe((event) => {
        if (event.type === 'updated' && event.old === event.object) told.push(Math.round((clock.monotonic() / hour) * 100) / 100)
      })

      await clock.advance(12 * hour)

      expect(told).toEqual([hours])
      expect(collection.requests.filter(({ kind, options }) => kind === 'list' || options.sendInitialEvents === true).length).toBe(1)
    },
  )

  test('does not happen where it is off', async () => {
    const { clock, collection, reflector, start } = scene({ resyncMs: 0 })
    collection.put('a')
    await start()
    let told = 0
    reflector.store.subscribe(({ type }) => void (told += type === 'updated' ? 1 : 0))

    await clock.advance(30 * hour)

    expect(told).toBe(0)
  })
})

describe('start and end', () => {
  test('whenSynced resolves when the handlers were told', async () => {
    const { collection, reflector, start } = scene()
    collection.put('a')
    const order: string[] = []
    reflector.store.subscribe(({ object }) => void order.push(object.metadata.name))
    void reflector.whenSynced().then(() => order.push('synced'))

    await start()

    expect(order).toEqual(['a', 'synced'])
  })

  test('whenSynced rejects with the reason of its signal', async () => {
    const { reflector } = scene()
    const waiting = new AbortController()
    const synced = reflector.whenSynced(waiting.signal)

    waiting.abort(new Error('waited for too long'))

    await expect(synced).rejects.toThrow('waited for too long')
  })

  test('a second start is refused, and the end leaves no timer', async () => {
    const { clock, reflector, start, end } = scene()
    await start()

    await expect(reflector.start(new AbortController().signal)).rejects.toThrow('was started before')
    await end()
    expect([reflector.status.phase, clock.timers]).toEqual(['Stopped', 0])
  })

  test('a defect of a transform is a failure like any other: it is tried again', async () => {
    let broken = true
    const { clock, collection, reflector, start } = scene({
      transform: (object) => {
        if (broken) throw new TypeError('not an object')
        return object
      },
    })
    collection.put('a')
    await start()
    expect(reflector.status).toMatchObject({ phase: 'BackingOff', synced: false })

    broken = false
    await clock.advance(minute)

    expect(reflector.status).toMatchObject({ phase: 'Watching', synced: true })
  })
})

test('what the cache keeps lacks what nobody reads', async () => {
  const { collection, reflector, start } = scene()
  collection.put('a')
  const [object] = collection.objects
  Object.assign(object?.metadata ?? {}, {
    managedFields: [{ manager: 'kubectl' }],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' },
  })

  await start()

  expect(reflector.store.list()[0]?.metadata).toEqual({
    name: 'a',
    namespace: 'notes',
    uid: 'a-101',
    resourceVersion: '101',
    annotations: { kept: 'yes' },
  })
})

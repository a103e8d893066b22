import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ApiError, ConnectionError, DeadlineExceeded, MalformedAnswer, WatchSilent } from './errors.ts'
import {
  classifyFailure,
  isShortWatch,
  serverFailureMs,
  startMachine,
  stepMachine,
  type Failure,
  type Machine,
  type MachineState,
  type Outcome,
} from './reflector-machine.ts'

function failed(failure: Failure, monotonic = 0, retryAfterMs = 0): Outcome {
  return { type: 'Failed', failure, retryAfterMs, monotonic }
}

const watching: MachineState = { phase: 'Watching', version: '7' }
const streaming: MachineState = { phase: 'StreamingList', version: '7' }
const streamingNewest: MachineState = { phase: 'StreamingList', version: '' }
const listing: MachineState = { phase: 'Listing', version: '7', paged: true }
const listingNewest: MachineState = { phase: 'Listing', version: '', paged: true }

function machine(state: MachineState, change: Partial<Machine> = {}): Machine {
  return { state, version: '7', streaming: true, failingSince: undefined, ...change }
}

/** What comes next, and whether there is a pause before it. */
function next(from: Machine, outcome: Outcome): readonly [pause: boolean, state: MachineState] {
  const { state } = stepMachine(from, outcome)
  return state.phase === 'BackingOff' ? [true, state.next] : [false, state]
}

test('it begins with a streaming list of the newest, or with whatever the cache of the server has', () => {
  expect(startMachine(true).state).toEqual(streamingNewest)
  expect(startMachine(false).state).toEqual({ phase: 'Listing', version: '0', paged: true })
})

const failures: readonly Failure[] = [
  'Expired',
  'TooLarge',
  'Throttled',
  'Connection',
  'Silent',
  'Server',
  'Unsupported',
  'Refused',
  'ShortWatch',
]

describe('the ladder of versions', () => {
  test.each<readonly [MachineState, Failure, boolean, MachineState]>([
    [streaming, 'Unsupported', false, listing],
    [streaming, 'Expired', true, streamingNewest],
    [streaming, 'TooLarge', true, streamingNewest],
    [streaming, 'Throttled', true, streaming],
    [streaming, 'Connection', true, streaming],
    [streaming, 'Silent', true, listing],
    [streaming, 'Server', true, listing],
    [streaming, 'Refused', true, listing],
    [listing, 'Expired', false, listingNewest],
    [listing, 'TooLarge', false, listingNewest],
    [listing, 'Throttled', true, listing],
    [listing, 'Connection', true, listing],
    [listing, 'Silent', true, listing],
    [listing, 'Server', true, listing],
    [listing, 'Refused', true, listing],
    [listing, 'Unsupported', true, listing],
    [listingNewest, 'Expired', true, { phase: 'Listing', version: '', paged: false }],
    [watching, 'Silent', false, watching],
    [watching, 'Throttled', true, watching],
    [watching, 'Connection', true, watching],
    [watching, 'ShortWatch', true, watching],
    [watching, 'Server', true, watching],
    [watching, 'Expired', true, streaming],
    [watching, 'TooLarge', true, streamingNewest],
    [watching, 'Refused', true, streaming],
    [watching, 'Unsupported', true, streaming],
  ])('%o after %s (pause: %s) → %o', (state, failure, pause, expected) => {
    expect(next(machine(state), failed(failure))).toEqual([pause, expected])
  })

  test('where streaming lists are not known, a watch that cannot go on is followed by a list', () => {
    expect(next(machine(watching, { streaming: false }), failed('Expired'))).toEqual([true, listing])
    expect(next(machine(watching, { streaming: false }), failed('TooLarge'))).toEqual([true, listingNewest])
  })

  test('a server that does not know streaming lists is not asked for one again', () => {
    const after = stepMachine(machine(streaming), failed('Unsupported'))

    expect(next(stepMachine(after, { type: 'Replaced', version: '8' }), failed('Expired'))).toEqual([
      true,
      { phase: 'Listing', version: '8', paged: true },
    ])
  })
})

describe('a watch', () => {
  test('goes on from the last event or bookmark', () => {
    expect(stepMachine(machine(watching), { type: 'Advanced', version: '12' })).toMatchObject({
      version: '12',
      state: { phase: 'Watching', version: '12' },
    })
  })

  test.each([
    [29_999, true],
    [30_000, false],
  ])('that the server ended after %i ms is followed by the next one, with a pause: %s', (livedMs, pause) => {
    expect(next(machine(watching), { type: 'Ended', livedMs, events: 1 })).toEqual([pause, watching])
  })

  test('that failed inside is resumed for a minute of failures in a row, then the collection is read anew', () => {
    const first = stepMachine(machine(watching), failed('Server', 1000))
    const resumed = stepMachine(first, { type: 'Waited' })

    expect(next(resumed, failed('Server', 1000 + serverFailureMs - 1))).toEqual([true, watching])
    expect(next(resumed, failed('Server', 1000 + serverFailureMs))).toEqual([true, streaming])
  })

  test('that brought something in between has another minute', () => {
    const failing = stepMachine(stepMachine(machine(watching), failed('Server', 1000)), { type: 'Waited' })
    const healthy = stepMachine(failing, { type: 'Advanced', version: '7' })

    expect(next(healthy, failed('Server', 1000 + serverFailureMs))).toEqual([true, watching])
  })

  test.each([
    [999, 0, true],
    [1000, 0, false],
    [1, 1, false],
  ])('of %i ms with %i events counts as too short: %s', (livedMs, events, short) => {
    expect(isShortWatch(livedMs, events)).toBe(short)
  })
})

test('a streaming list that ended before it was complete is no progress', () => {
  expect(next(machine(streaming), { type: 'Ended', livedMs: 60_000, events: 100 })).toEqual([true, listing])
})

test('what the server asks for is the least that a pause takes', () => {
  expect(stepMachine(machine(watching), failed('Throttled', 0, 4000)).state).toMatchObject({ phase: 'BackingOff', atLeastMs: 4000 })
})

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ type: fc.constant('Replaced' as const), version: fc.nat(100).map(String) }),
  fc.record({ type: fc.constant('Advanced' as const), version: fc.nat(100).map(String) }),
  fc.record({ type: fc.constant('Ended' as const), livedMs: fc.nat(60_000), events: fc.nat(2) }),
  fc.record({
    type: fc.constant('Failed' as const),
    failure: fc.constantFrom(...failures),
    retryAfterMs: fc.nat(1000),
    monotonic: fc.nat(1_000_000),
  }),
)

test('whatever happens, at most three requests that fail at once are made without a pause, and it never ends up with nothing to do', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(outcomes, { maxLength: 60 }), (withStreaming, happens) => {
      let current = startMachine(withStreaming)
      let failedInARow = 0
      for (const outcome of happens) {
        if (current.state.phase === 'BackingOff') {
          failedInARow = 0
          current = stepMachine(current, { type: 'Waited' })
        }
        expect(current.state.phase).not.toBe('BackingOff')
        const inWatch = outcome.type === 'Advanced' || outcome.type === 'Ended'
        if (inWatch && current.state.phase === 'Listing') continue
        // A silence took 90 s, and a watch that ended in good order without a pause at least 30.
        const tookLong = outcome.type === 'Failed' ? outcome.failure === 'Silent' : outcome.type !== 'Ended' || outcome.livedMs >= 30_000
        failedInARow = tookLong ? 0 : failedInARow + 1
        expect(failedInARow).toBeLessThanOrEqual(3)
        current = stepMachine(current, outcome)
      }
    }),
    { numRuns: 2000 },
  )
})

const api = (status: number, reason: string, causes: readonly { readonly reason: string }[] = []) =>
  new ApiError({ call: 'watch pods', status, reason, message: '', details: { causes } })

test.each<readonly [string, Error, Failure]>([
  ['410 as a status', api(410, 'Gone'), 'Expired'],
  ['410 by its reason', api(410, 'Expired'), 'Expired'],
  ['a version from the future', api(504, 'Timeout', [{ reason: 'ResourceVersionTooLarge' }]), 'TooLarge'],
  ['429', api(429, 'TooManyRequests'), 'Throttled'],
  ['500', api(500, 'InternalError'), 'Server'],
  ['503', api(503, 'ServiceUnavailable'), 'Server'],
  ['400', api(400, 'BadRequest'), 'Unsupported'],
  ['422', api(422, 'Invalid'), 'Unsupported'],
  ['403', api(403, 'Forbidden'), 'Refused'],
  ['404', api(404, 'NotFound'), 'Refused'],
  ['a broken connection', new ConnectionError({ call: '', failure: 'Reset', maybeSent: true, message: '' }), 'Connection'],
  ['silence', new WatchSilent('watch pods', 90_000), 'Silent'],
  ['no head in time', new DeadlineExceeded('watch pods', 30_000), 'Silent'],
  ['a page of HTML', new MalformedAnswer('watch pods', 'it is HTML'), 'Server'],
  ['a defect of ours', new TypeError('undefined is not a function'), 'Refused'],
])('%s is understood', (_, error, failure) => {
  expect(classifyFailure(error)).toBe(failure)
})

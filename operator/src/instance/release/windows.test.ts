import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ReleaseWindow } from './types.ts'
import { readWindows } from './windows.ts'

const at = (time: string) => Date.parse(time)
const nightly = (timeZone: string, hours = 1): readonly ReleaseWindow[] => [
  { schedule: '30 2 * * *', durationSeconds: hours * 3600, timeZone },
]

describe('readWindows', () => {
  // Kyiv goes to summer time on 29 March 2026 at 03:00 (UTC+2 to UTC+3), and back on 25 October 2026 at 04:00. New York: 8 March at 02:00.
  it.each<[string, readonly ReleaseWindow[], string, boolean, string]>([
    ['open at its beginning', nightly('UTC'), '2026-01-01T02:30:00Z', true, '2026-01-02T02:30:00Z'],
    ['closed a second before', nightly('UTC'), '2026-01-01T02:29:59Z', false, '2026-01-01T02:30:00Z'],
    ['open to its last second', nightly('UTC'), '2026-01-01T03:29:59Z', true, '2026-01-02T02:30:00Z'],
    ['closed at its end', nightly('UTC'), '2026-01-01T03:30:00Z', false, '2026-01-02T02:30:00Z'],
    ['in its own zone', nightly('Europe/Kyiv'), '2026-01-01T00:30:00Z', true, '2026-01-02T00:30:00Z'],
    ['an hour earlier by UTC in summer', nightly('Europe/Kyiv'), '2026-07-01T00:00:00Z', true, '2026-07-01T23:30:00Z'],
    ['before a gap that skips its beginning', nightly('America/New_York'), '2026-03-08T07:10:00Z', false, '2026-03-08T07:30:00Z'],
    ['as much later as the clocks jump', nightly('America/New_York'), '2026-03-08T07:40:00Z', true, '2026-03-09T06:30:00Z'],
    ['over midnight', [{ schedule: '0 23 * * 6', durationSeconds: 7200 }], '2026-01-04T00:30:00Z', true, '2026-01-10T23:00:00Z'],
  ])('%s', (_title, windows, now, open, next) => {
    const state = readWindows(windows, at(now))

    expect(state).toEqual({ open, nextStart: at(next) })
  })

  it('opens once on the day whose hour comes twice', () => {
    const openMinutes = Array.from({ length: 24 * 60 }, (_, minute) => at('2026-10-24T21:00:00Z') + minute * 60_000).filter((now) => {
      const state = readWindows([{ schedule: '30 3 * * *', durationSeconds: 900, timeZone: 'Europe/Kyiv' }], now)
      return 'open' in state && state.open
    })

    expect(openMinutes).toHaveLength(15)
  })

  it('never opens on a day that does not come', () => {
    expect(readWindows([{ schedule: '0 2 30 2 *', durationSeconds: 900 }], at('2026-01-01T00:00:00Z'))).toEqual({
      open: false,
      nextStart: undefined,
    })
  })

  it.each([
    ['61 2 * * *', 'UTC'],
    ['0 2 * * *', 'Moon/Sea'],
    ['0 0 2 * * *', 'UTC'],
  ])('says that %s in %s cannot be read', (schedule, timeZone) => {
    expect(readWindows([{ schedule, durationSeconds: 900, timeZone }], 0)).toMatchObject({
      invalid: expect.stringContaining(schedule) as string,
    })
  })

  it('is open exactly between the beginnings that it names and their ends', () => {
    const zones = ['UTC', 'Europe/Kyiv', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe']
    const input = fc.record({
      hour: fc.nat({ max: 23 }),
      minute: fc.nat({ max: 59 }),
      durationSeconds: fc.integer({ min: 900, max: 86_400 }),
      timeZone: fc.constantFrom(...zones),
      from: fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2026-12-31T00:00:00Z') }),
    })
    fc.assert(
      fc.property(input, ({ hour, minute, durationSeconds, timeZone, from }) => {
        const windows = [{ schedule: `${minute} ${hour} * * *`, durationSeconds, timeZone }]
        const state = readWindows(windows, from)
        const start = 'nextStart' in state ? (state.nextStart ?? 0) : 0

        expect(readWindows(windows, start)).toMatchObject({ open: true })
        expect(readWindows(windows, start + durationSeconds * 1000 - 1000)).toMatchObject({ open: true })
        expect(start).toBeGreaterThan(from)
      }),
      { numRuns: 200 },
    )
  })
})

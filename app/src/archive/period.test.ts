import { assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dayBefore, dayOf, formatDay, monthOf, parsePeriod, timeAfter, weekOf, type Period } from './period.ts'

const day = (text: string) => dayOf(new Date(`${text}T12:00:00Z`))
const period = (text: string): Period => parsePeriod(text) ?? expect.unreachable(text)

describe('a period', () => {
  test.each([
    ['P3Y', { years: 3, months: 0, days: 0 }],
    ['P30D', { years: 0, months: 0, days: 30 }],
    ['P1Y6M2W3D', { years: 1, months: 6, days: 17 }],
    ['P0D', { years: 0, months: 0, days: 0 }],
  ])('%s is read', (text, expected) => {
    expect(parsePeriod(text)).toEqual(expected)
  })

  test.each(['', 'P', '3Y', 'P3', 'PT1H', 'P1D2Y', 'P-1D', 'P1.5Y', 'P3Y ', 'p3y', 'P12345D'])('%j is none', (text) => {
    expect(parsePeriod(text)).toBeUndefined()
  })
})

describe('the day before', () => {
  test.each([
    // Three calendar years are 1,096 days or 1,095, and always the same day.
    ['2026-11-21', 'P3Y', '2023-11-21'],
    ['2028-02-28', 'P3Y', '2025-02-28'],
    ['2028-02-29', 'P3Y', '2025-02-28'],
    ['2028-03-01', 'P3Y', '2025-03-01'],
    ['2027-02-28', 'P3Y', '2024-02-28'],
    ['2027-03-01', 'P3Y', '2024-03-01'],
    ['2028-02-29', 'P4Y', '2024-02-29'],
    ['2026-03-31', 'P1M', '2026-02-28'],
    ['2024-03-31', 'P1M', '2024-02-29'],
    ['2026-01-15', 'P1M', '2025-12-15'],
    ['2026-01-31', 'P2M', '2025-11-30'],
    ['2026-03-29', 'P30D', '2026-02-27'],
    ['2026-05-31', 'P1Y3M1W', '2025-02-21'],
  ])('%s by %s is %s', (from, text, expected) => {
    expect(formatDay(dayBefore(day(from), period(text)))).toBe(expected)
  })

  test('never goes forward as time goes on, whatever the period', () => {
    assert(
      property(integer({ min: 0, max: 60_000 }), integer({ min: 0, max: 12 }), integer({ min: 0, max: 24 }), (at, years, months) => {
        const span = { years, months, days: 0 }

        expect(dayBefore(at, span)).toBeLessThanOrEqual(at)
        expect(dayBefore(at + 1, span)).toBeGreaterThanOrEqual(dayBefore(at, span))
      }),
    )
  })
})

test.each([
  ['2026-11-21T00:05:03.000Z', 'P3Y', '2029-11-21T00:05:03.000Z'],
  ['2028-02-29T23:00:00.000Z', 'P3Y', '2031-02-28T23:00:00.000Z'],
  ['2026-12-31T01:00:00.000Z', 'P2M', '2027-02-28T01:00:00.000Z'],
  ['2026-02-15T01:00:00.000Z', 'P30D', '2026-03-17T01:00:00.000Z'],
])('%s and %s is %s', (time, text, expected) => {
  expect(timeAfter(new Date(time), period(text)).toISOString()).toBe(expected)
})

test('weeks begin on Monday, months on their first', () => {
  expect(['2026-11-15', '2026-11-16', '2026-11-22', '2026-11-23'].map((text) => formatDay(weekOf(day(text))))).toEqual([
    '2026-11-09',
    '2026-11-16',
    '2026-11-16',
    '2026-11-23',
  ])
  expect(formatDay(weekOf(-1))).toBe('1969-12-29')
  expect(monthOf(day('2027-01-01')) - monthOf(day('2026-12-31'))).toBe(1)
  expect(monthOf(day('2026-12-01'))).toBe(monthOf(day('2026-12-31')))
})

import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../api/notejam.ts'
import { dataSince } from './data-since.ts'

type Status = NonNullable<NotejamInstance['status']>

const day = (number: number): string => `2026-11-${String(number).padStart(2, '0')}T00:00:00Z`
const past = (release: number, result: 'Succeeded' | 'Failed' = 'Succeeded') => ({
  id: `r${release}`,
  image: 'notejam:1',
  result,
  startTime: day(release),
  completionTime: day(release + 1),
})
const metadata = { name: 'notes', creationTimestamp: day(1) }
const sinceOf = (release: Status['release']) => dataSince({ metadata, status: { ...(release === undefined ? {} : { release }) } as Status })

describe('dataSince', () => {
  it.each<[string, Status['release'], string | undefined]>([
    ['there is nothing before the first release', { history: [past(1, 'Failed')] }, undefined],
    ['of the first release', { current: { image: 'notejam:1', since: day(3) }, history: [past(2), past(1, 'Failed')] }, day(3)],
    [
      'and not of the one that is served now',
      { current: { image: 'notejam:1', since: day(5) }, history: [past(4), past(2), past(1)] },
      day(2),
    ],
    [
      'of the creation, where the history is too short',
      { current: { image: 'notejam:1', since: day(9) }, history: [past(8), past(7)] },
      day(1),
    ],
  ])('%s', (_what, release, expected) => {
    expect(sinceOf(release)).toBe(expected)
  })
})

import { expect, test } from 'vitest'
import { patientReadiness } from './patient-readiness.ts'
import type { Readiness } from './readiness.ts'

const ready: Readiness = { ready: true }
const away: Readiness = { ready: false, reason: 'DatabaseUnavailable', message: 'gone' }
const behind: Readiness = { ready: false, reason: 'SchemaBehind', message: 'run migrate' }
const readOnly: Readiness = { ready: false, reason: 'DatabaseReadOnly', message: 'no writes' }
const believed: Readiness = { ready: true, warning: 'gone' }

interface Look {
  /** Seconds since the start. */
  readonly at: number
  readonly sees: Readiness
  /** When the database answered anybody, seconds; never if not given. */
  readonly answered?: number
  readonly says: Readiness
}

test.each<readonly [string, readonly Look[]]>([
  ['never ready: no patience', [{ at: 0, sees: away, answered: 0, says: away }]],
  [
    'away for a moment',
    [
      { at: 0, sees: ready, says: ready },
      { at: 19, sees: away, says: believed },
      { at: 20, sees: away, says: away },
      { at: 21, sees: ready, says: ready },
      { at: 40, sees: away, says: believed },
    ],
  ],
  [
    'slow: others get answers, so it goes on for as long as they do',
    [
      { at: 0, sees: ready, says: ready },
      { at: 100, sees: away, answered: 90, says: believed },
      { at: 109, sees: away, answered: 90, says: believed },
      { at: 110, sees: away, answered: 90, says: away },
      { at: 112, sees: away, answered: 111, says: believed },
    ],
  ],
  [
    'what the database says itself counts at once, and is not forgotten',
    [
      { at: 0, sees: ready, says: ready },
      { at: 1, sees: behind, answered: 1, says: behind },
      { at: 2, sees: away, answered: 1, says: away },
      { at: 3, sees: ready, says: ready },
      { at: 4, sees: readOnly, answered: 4, says: readOnly },
    ],
  ],
])('%s', async (_name, looks) => {
  let current: Look | undefined
  const look = patientReadiness({
    check: () => Promise.resolve(current?.sees ?? away),
    answeredAt: () => (current?.answered ?? Number.NEGATIVE_INFINITY) * 1000,
    patienceMs: 20_000,
    now: () => (current?.at ?? 0) * 1000,
  })
  const said: Readiness[] = []

  for (current of looks) said.push(await look())

  expect(said).toEqual(looks.map(({ says }) => says))
})

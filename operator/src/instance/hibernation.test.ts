import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../api/notejam.ts'
import { isOver, readHibernation } from './hibernation.ts'
import { samples } from './resources/sample-instances.ts'

const spec = (more: Partial<InstanceSpec>): InstanceSpec => ({ ...samples.development.instance.spec, ...more })
const nights = spec({ hibernation: { start: '0 20 * * 1-5', end: '0 7 * * 1-5', timeZone: 'Europe/Kyiv' } })
const at = (time: string) => Date.parse(time)

describe('readHibernation', () => {
  // Kyiv is two hours ahead of UTC in winter, three in summer. 2026-03-02 is a Monday.
  it.each([
    ['on a Monday noon', '2026-03-02T10:00:00Z', false, '2026-03-02T18:00:00Z'],
    ['on a Monday night', '2026-03-02T18:00:01Z', true, '2026-03-03T05:00:00Z'],
    ['over the weekend', '2026-03-07T12:00:00Z', true, '2026-03-09T05:00:00Z'],
    ['on a summer evening', '2026-07-01T17:00:01Z', true, '2026-07-02T04:00:00Z'],
    ['the moment before', '2026-03-02T17:59:59Z', false, '2026-03-02T18:00:00Z'],
  ])('%s', (_when, now, sleeps, nextChange) => {
    const found = readHibernation(nights, at(now))

    expect(found.reason !== undefined).toBe(sleeps)
    expect(new Date(found.nextChange ?? 0).toISOString()).toBe(nextChange.replace('Z', '.000Z'))
  })

  it('changes exactly when it said that it would', () => {
    fc.assert(
      fc.property(fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2026-12-31T00:00:00Z') }), (now) => {
        const { reason, nextChange = 0 } = readHibernation(nights, now)

        expect(nextChange).toBeGreaterThan(now)
        expect(readHibernation(nights, nextChange - 1).reason).toBe(reason)
        expect(readHibernation(nights, nextChange).reason === undefined).toBe(reason !== undefined)
      }),
      { numRuns: 100 },
    )
  })

  it('obeys a person, and the end of its time, whatever the schedule says', () => {
    const noon = at('2026-03-02T10:00:00Z')
    const expiration = { time: '2026-03-02T11:00:00Z', action: 'Hibernate' } as const

    expect(readHibernation({ ...nights, runPolicy: 'Hibernated' }, noon).reason).toContain('runPolicy')
    expect(readHibernation({ ...nights, expiration }, noon)).toMatchObject({ reason: undefined, nextChange: at(expiration.time) })
    expect(readHibernation({ ...nights, expiration }, at(expiration.time)).reason).toContain('2026-03-02T11:00:00Z has passed')
  })

  it.each([
    ['a schedule', { start: '99 20 * * *', end: '0 7 * * *' }],
    ['a zone', { start: '0 20 * * *', end: '0 7 * * *', timeZone: 'Europe/Nowhere' }],
  ])('says that %s cannot be read, and stays awake', (_what, hibernation) => {
    const found = readHibernation(spec({ hibernation }), 0)

    expect(found).toMatchObject({ reason: undefined, invalid: expect.stringContaining('spec.hibernation') })
  })

  it('knows when an instance is to be deleted', () => {
    const over = spec({ expiration: { time: '2026-03-02T11:00:00Z', action: 'Delete' } })

    expect(isOver(over, at('2026-03-02T10:59:59Z'))).toBe(false)
    expect(isOver(over, at('2026-03-02T11:00:00Z'))).toBe(true)
    expect(readHibernation(over, at('2026-03-02T11:00:00Z')).reason).toBeUndefined()
  })
})

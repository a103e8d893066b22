import { expect, test } from 'vitest'
import { lockedUntil } from './object-lock.ts'

const environment = { RETENTION_DAILY: 'P3Y', RETENTION_BEFORE_MIGRATION: 'P30D' }
const startTime = new Date('2026-11-21T00:05:00Z')

test.each([
  ['Scheduled', environment, '2029-11-21T00:05:00.000Z'],
  ['OnDemand', environment, '2026-12-21T00:05:00.000Z'],
  ['PreMigration', environment, '2026-12-21T00:05:00.000Z'],
  ['Masked', environment, undefined],
  ['Scheduled', { RETENTION_DAILY: '' }, undefined],
  ['Scheduled', {}, undefined],
] as const)('%s is locked by %o until %s', (reason, variables, expected) => {
  expect(lockedUntil(variables, { reason, startTime })?.toISOString()).toBe(expected)
})

test('a period that is none is a mistake of the environment', () => {
  expect(() => lockedUntil({ RETENTION_DAILY: 'three years' }, { reason: 'Scheduled', startTime })).toThrow('RETENTION_DAILY: must be')
})

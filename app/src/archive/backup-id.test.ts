import { expect, test } from 'vitest'
import { backupIdTime, createBackupId } from './backup-id.ts'

test('names sort as the backups began, also within a second, and say when that was', () => {
  const begin = Date.parse('2026-11-21T00:00:03.000Z')
  const times = [0, 9, 10, 255, 256, 999, 1000].map((milliseconds) => new Date(begin + milliseconds))

  const names = times.map((time) => createBackupId(time))

  expect(names.toSorted()).toEqual(names)
  expect(names[0]).toMatch(/^20261121T000003Z-000[0-9a-f]{5}$/)
  expect(names.map((name) => backupIdTime(name)?.toISOString())).toEqual([
    ...Array.from({ length: 6 }, () => '2026-11-21T00:00:03.000Z'),
    '2026-11-21T00:00:04.000Z',
  ])
})

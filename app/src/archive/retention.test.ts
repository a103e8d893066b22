import { describe, expect, test } from 'vitest'
import { parsePeriod, type Period } from './period.ts'
import { planRetention, type RetainedArchive, type RetentionInput, type RetentionPlan, type RetentionPolicy } from './retention.ts'

const period = (text: string): Period => parsePeriod(text) ?? expect.unreachable(text)
const standard: RetentionPolicy = { daily: period('P3Y'), beforeMigration: period('P30D') }
const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** An archive that began at this time, named by it, and was stored a minute later. */
function archive(time: string, facts: Partial<RetainedArchive> = {}): RetainedArchive {
  const startTime = new Date(time.length === 10 ? `${time}T00:05:00Z` : time)
  const storedTime = new Date(startTime.getTime() + 60_000)
  return { backupId: time, startTime, storedTime, reason: 'Scheduled', held: false, verification: undefined, ...facts }
}

/** One archive a day, the last of them on this one. */
function daily(last: string, count: number): RetainedArchive[] {
  return Array.from({ length: count }, (_, n) => archive(new Date(Date.parse(`${last}T00:05:00Z`) - n * dayMs).toISOString().slice(0, 10)))
}

function plan(archives: readonly RetainedArchive[], more: Partial<RetentionInput> & { readonly at?: string } = {}): RetentionPlan {
  const newest = Math.max(...archives.map(({ storedTime }) => storedTime.getTime()))
  const now = more.at === undefined ? new Date(newest + hourMs) : new Date(more.at)
  return planRetention({ policy: standard, incomplete: [], ...more, archives, now })
}

describe('a day', () => {
  test('is remembered by its last good archive', () => {
    const archives = [
      ...daily('2026-11-21', 5),
      archive('2026-11-10T01:00:00Z'),
      archive('2026-11-10T02:00:00Z'),
      archive('2026-11-10T03:00:00Z', { verification: 'Failed' }),
    ]

    expect(plan(archives).remove).toEqual(['2026-11-10T01:00:00Z', '2026-11-10T03:00:00Z'])
  })

  test('is remembered by its scheduled archive rather than by one before a migration that came later', () => {
    const archives = [...daily('2026-11-21', 5), archive('2026-08-10T01:00:00Z'), archive('2026-08-10T02:00:00Z', { reason: 'PreRestore' })]

    expect(plan(archives).remove).toEqual(['2026-08-10T02:00:00Z'])
  })

  test('is remembered by what there is, where its only archive is for an occasion or failed its trial', () => {
    const archives = [
      ...daily('2026-11-21', 5),
      archive('2026-08-10', { reason: 'PreRestore' }),
      archive('2026-08-11', { verification: 'Failed' }),
    ]

    expect(plan(archives).remove).toEqual([])
  })

  test('is kept three calendar years, as counted from the third newest day', () => {
    const archives = daily('2028-03-03', 1200)

    const { keep, remove, reference } = plan(archives)

    expect(reference).toEqual(new Date('2028-03-01T00:05:00Z'))
    expect(keep.get('2025-03-01')).toEqual(['Daily'])
    expect(remove.at(-1)).toBe('2025-02-28')
    expect(remove).toHaveLength(1200 - keep.size)
  })
})

test('coarser tiers keep the last archive of a week and of a month', () => {
  const policy = { daily: period('P10D'), weekly: period('P5W'), monthly: period('P6M'), beforeMigration: period('P30D') }

  const { keep } = plan(daily('2026-11-22', 300), { policy })

  const kept = (reason: 'Daily' | 'Weekly' | 'Monthly') => [...keep].filter(([, why]) => why.includes(reason)).map(([id]) => id)
  expect(kept('Daily').toSorted()[0]).toBe('2026-11-10')
  expect(kept('Weekly').toSorted()).toEqual(['2026-10-18', '2026-10-25', '2026-11-01', '2026-11-08', '2026-11-15', '2026-11-22'])
  expect(kept('Monthly').toSorted()).toEqual([
    '2026-05-31',
    '2026-06-30',
    '2026-07-31',
    '2026-08-31',
    '2026-09-30',
    '2026-10-31',
    '2026-11-22',
  ])
})

describe('archives for an occasion', () => {
  const policy = { daily: period('P1D'), beforeMigration: period('P30D') }

  test('are kept thirty days, those before a migration at least three of them', () => {
    const migrations = ['2026-01-10', '2026-02-10', '2026-03-10', '2026-04-10'].map((day) => archive(day, { reason: 'PreMigration' }))
    const restores = ['2026-10-19', '2026-10-20'].map((day) => archive(day, { reason: 'PreRestore' }))

    const { remove, keep } = plan([...daily('2026-11-21', 3), ...migrations, ...restores], { policy })

    expect(remove).toEqual(['2026-01-10', '2026-10-19'])
    expect(keep.get('2026-02-10')).toEqual(['LastBeforeMigration'])
    expect(keep.get('2026-10-20')).toEqual(['BeforeMigration'])
  })
})

describe('is kept in any case', () => {
  const policy = { daily: period('P1D'), beforeMigration: period('P1D') }
  const recent = daily('2026-11-21', 5)

  test.each<[string, string, Partial<RetainedArchive>]>([
    ['what is held', 'Held', { held: true }],
    ['the newest verified', 'NewestVerified', { verification: 'Verified' }],
  ])('%s', (_name, reason, facts) => {
    const { keep, remove } = plan([...recent, archive('2020-01-01', facts), archive('2020-01-02')], { policy })

    expect(keep.get('2020-01-01')).toEqual([reason])
    expect(remove).toContain('2020-01-02')
  })

  test('the newest, and the newest good one', () => {
    const bad = daily('2026-11-21', 30).map((one) => ({ ...one, verification: 'Failed' as const }))

    const { keep, remove } = plan([...bad, archive('2020-01-01')], { policy, at: '2020-01-01T10:00:00Z' })

    expect(keep.get('2026-11-21')).toContain('Newest')
    expect(keep.get('2020-01-01')).toContain('NewestGood')
    expect(remove).not.toContain('2020-01-01')
  })

  test('what is younger than two days', () => {
    const today = ['01', '02', '03'].map((hour) => archive(`2026-11-21T${hour}:00:00Z`))

    expect(plan([...recent, ...today], { policy }).remove).toEqual(['2026-11-17'])
  })

  test('what cannot be read, as long as the longest tier reaches', () => {
    const unreadable = { reason: undefined }

    const { keep, remove } = plan([...daily('2026-11-21', 5), archive('2024-01-01', unreadable), archive('2023-01-01', unreadable)])

    expect(keep.get('2024-01-01')).toEqual(['Unreadable'])
    expect(remove).toEqual(['2023-01-01'])
  })
})

describe('nothing is removed', () => {
  const old = [archive('2019-01-01'), archive('2019-01-02'), archive('2019-01-03')]
  const incomplete = [{ backupId: 'x', lastModified: new Date('2019-01-01') }]

  test('when no backup arrived for two days', () => {
    const input = { at: '2026-11-23T00:10:00Z', incomplete }

    const { remove, removeIncomplete, withheld, keep } = plan([...daily('2026-11-21', 5), ...old], input)

    expect([remove, removeIncomplete]).toEqual([[], []])
    expect(withheld).toContain('the newest good archive is of 2026-11-21T00:05:00.000Z')
    expect(keep.get('2019-01-02')).toEqual(['Withheld'])
    expect(plan([...daily('2026-11-21', 5), ...old], { at: '2026-11-22T23:00:00Z' }).remove).toHaveLength(3)
  })

  test('when all that arrives is bad, or unreadable', () => {
    const bad = daily('2026-11-21', 5).map((one) => ({ ...one, verification: 'Failed' as const }))
    const unreadable = daily('2026-11-21', 5).map((one) => ({ ...one, reason: undefined }))

    expect(plan([...bad, ...old]).remove).toEqual([])
    expect(plan([...unreadable, ...old]).remove).toEqual([])
  })

  test('when there are fewer than three days', () => {
    expect(plan([...daily('2026-11-21', 2), archive('2019-01-01')]).remove).toEqual([])
  })

  test('when there is nothing', () => {
    expect(planRetention({ policy: standard, archives: [], incomplete, now: new Date() })).toMatchObject({
      remove: [],
      removeIncomplete: [],
      withheld: 'nothing is removed: there is no good archive',
    })
  })

  test.each([40, 400, 4000])('too early by a clock that is %i days ahead, and took two backups so', (ahead) => {
    const jumped = ['2026-11-22', '2026-11-23'].map((day) =>
      archive(new Date(Date.parse(`${day}T00:05:00Z`) + ahead * dayMs).toISOString()),
    )

    const { remove, withheld } = plan([...daily('2026-11-21', 1150), ...jumped])

    expect(withheld).toBeUndefined()
    expect(remove.at(-1)).toBe('2023-11-20')
  })

  test('too early by a clock that is ahead for ever, where the clock of the store is right', () => {
    const jumped = daily('2026-11-21', 30).map((one) => ({ ...one, startTime: new Date(one.startTime.getTime() + 900 * dayMs) }))

    const { remove } = plan([...daily('2026-10-22', 1150), ...jumped], { at: '2029-05-09T00:10:00Z' })

    expect(remove).toEqual([])
  })
})

test('in a bucket that was copied every archive stays, and ages from then on', () => {
  const storedTime = new Date('2026-10-01T00:00:00Z')
  const copied = daily('2026-09-30', 1500).map((one) => ({ ...one, storedTime }))

  expect(plan([...daily('2026-11-21', 51), ...copied]).remove).toEqual([])
  expect(plan([...daily('2029-10-10', 1000), ...copied]).remove).toHaveLength(1500)
})

test('what was cut off goes when nothing was written to it for two days', () => {
  const incomplete = [
    { backupId: 'running', lastModified: new Date('2026-11-19T00:06:00Z') },
    { backupId: 'cut off', lastModified: new Date('2026-11-17T00:04:00Z') },
  ]

  expect(plan(daily('2026-11-21', 5), { incomplete }).removeIncomplete).toEqual(['cut off'])
})

import { describe, expect, test } from 'vitest'
import { simulateRetention, type WorldOptions } from '../testing/retention-world.ts'
import { dayBefore, dayOf, parsePeriod, type Period } from './period.ts'
import { planRetention } from './retention.ts'

const period = (text: string): Period => parsePeriod(text) ?? expect.unreachable(text)
const worlds: readonly (readonly [string, Pick<WorldOptions, 'storeClock' | 'changes'>])[] = [
  ['in a bucket', { storeClock: 'Own', changes: false }],
  ['in a folder', { storeClock: 'Same', changes: false }],
  ['in a bucket, with a retention that changes', { storeClock: 'Own', changes: true }],
  ['in a folder, with a retention that changes', { storeClock: 'Same', changes: true }],
]

describe.each(worlds)('1,600 days %s', (_name, world) => {
  test.each([1, 2])('keep every promise (seed %i)', (seed) => {
    const { broken, counts } = simulateRetention({ ...world, seed, plan: planRetention })

    expect(broken).toEqual([])
    // That the world was rough enough to show anything.
    expect(counts.backups).toBeGreaterThan(1200)
    expect(counts.removed).toBeGreaterThan(world.changes ? 600 : 200)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
  })
})

/** The same life with one rule broken; it has to be found out. */
const breaches: readonly (readonly [string, RegExp, Omit<WorldOptions, 'seed'>])[] = [
  [
    'three years are 1,095 days',
    /the restore point of 20\d\d-\d\d-\d\d is gone/,
    {
      storeClock: 'Own',
      changes: false,
      plan: (input) => planRetention({ ...input, policy: { ...input.policy, daily: { years: 0, months: 0, days: 1095 } } }),
    },
  ],
  [
    'a listing that lacks a page is gone by',
    /the restore point of .* is gone/,
    { storeClock: 'Own', changes: false, onTornListing: 'GoOn', plan: planRetention },
  ],
  [
    'the newest verified archive is not spared',
    /no verified archive is left/,
    {
      storeClock: 'Own',
      changes: true,
      plan: (input) => {
        const plan = planRetention(input)
        const spared = [...plan.keep].filter(([, why]) => why.join() === 'NewestVerified').map(([id]) => id)
        return plan.withheld === undefined ? { ...plan, remove: [...plan.remove, ...spared] } : plan
      },
    },
  ],
  [
    'any clock is believed',
    /the restore point of .* is gone/,
    {
      storeClock: 'Own',
      changes: false,
      plan: (input) => {
        const plan = planRetention(input)
        const first = dayBefore(dayOf(input.now), input.policy.daily)
        const old = input.archives.filter(({ startTime, held }) => dayOf(startTime) < first && !held)
        return { ...plan, remove: old.map(({ backupId }) => backupId) }
      },
    },
  ],
  [
    'nothing is ever removed',
    /is older than .* and still there/,
    { storeClock: 'Own', changes: false, plan: (input) => ({ ...planRetention(input), remove: [], removeIncomplete: [] }) },
  ],
  [
    'an archive that failed its trial is as good as any',
    /the only good archive of .* is gone/,
    {
      storeClock: 'Own',
      changes: false,
      plan: (input) =>
        planRetention({
          ...input,
          archives: input.archives.map((archive) => ({
            ...archive,
            verification: archive.verification === 'Failed' ? 'Verified' : undefined,
          })),
        }),
    },
  ],
  [
    'archives for an occasion go with their day',
    /taken for an occasion less than 30 days ago and is gone/,
    {
      storeClock: 'Own',
      changes: true,
      plan: (input) => planRetention({ ...input, policy: { ...input.policy, beforeMigration: period('P0D') } }),
    },
  ],
]

test.each(breaches)('it is found out when %s', (_name, complaint, world) => {
  // Not every life brings every trouble.
  const broken: string[] = []
  for (let seed = 1; seed <= 6 && !complaint.test(broken.join('\n')); seed += 1)
    broken.push(...simulateRetention({ ...world, seed }).broken)

  expect(broken.join('\n')).toMatch(complaint)
})

import { planRetention } from '../../app/src/archive/retention.ts'
import { simulateRetention, type WorldOptions } from '../../app/src/testing/retention-world.ts'
import type { Proof } from './proof.ts'

const lives = 25
const worlds: readonly Pick<WorldOptions, 'storeClock' | 'changes'>[] = [
  { storeClock: 'Own', changes: false },
  { storeClock: 'Same', changes: false },
  { storeClock: 'Own', changes: true },
  { storeClock: 'Same', changes: true },
]

/** The unit tests live two of these lives in each kind of world. */
export const proof: Proof = {
  title: 'Retention keeps what it promises over 100 lives of 1,600 days with failures, gaps, jumping clocks, leap days and killed prunes',
  run: (report) => {
    const broken: string[] = []
    const sums = new Map<string, number>()
    for (const world of worlds) {
      for (let seed = 1; seed <= lives; seed += 1) {
        const result = simulateRetention({ ...world, seed, plan: planRetention })
        broken.push(...result.broken.map((what) => `${world.storeClock}, changes ${world.changes}, seed ${seed}: ${what}`))
        for (const [name, count] of Object.entries(result.counts)) sums.set(name, (sums.get(name) ?? 0) + count)
      }
      report(
        `clock of the store: ${world.storeClock}; retention changes: ${world.changes}; ${lives} lives, ${broken.length} promises broken so far`,
      )
    }
    return Promise.resolve({
      passed: broken.length === 0,
      figures: { lives: lives * worlds.length, ...Object.fromEntries(sums), broken: broken.slice(0, 3).join('; ') || 'none' },
      counterTest:
        'archive-safeties and the unit tests break seven rules (1,095 days, a torn listing, the newest verified, any clock believed …); each is found out',
    })
  },
}

import { startControlPlane } from '../cluster/control-plane.ts'
import { rowsOf, runKillMatrix, type KillMatrixFound, type Row } from '../control-plane/kill-matrix.ts'
import { badStories, goodStories } from '../control-plane/kill-matrix-stories.ts'
import type { Proof } from './proof.ts'

const parallel = Number(process.env['PARALLEL'] ?? 16)

/** Good releases: before and after every write. Failed ones: after every write, which leaves the cluster as "before the next" does. */
const rows: readonly Row[] = [
  ...rowsOf(goodStories, [{ when: 'before' }, { when: 'after' }]),
  ...rowsOf(badStories, [{ when: 'after' }]),
  ...rowsOf([...goodStories, ...badStories], [{ when: 'Each' }]),
]
/** By these writes an operator has begun the release and made a Job for it, in every strategy. */
const counterRows: readonly Row[] = rowsOf(
  goodStories.filter(({ engine }) => engine === 'SQLite'),
  [3, 4, 5].map((from) => ({ when: 'after', from, most: 1 })),
).map((row) => ({ ...row, withoutJournal: true }))

/** The operator is killed at each write of a release, for each strategy, engine and way to fail; `make test` runs six rows of it. */
export const proof: Proof = {
  title:
    'Wherever the operator is killed in a release, of whatever strategy and engine, the release ends the same: one wipe, one migration, one backup, one seed, a bad image remembered once',
  async run(report) {
    await using controlPlane = await startControlPlane({ name: 'proof-kill-matrix' })
    const found = await runKillMatrix({ controlPlane, rows, parallel, report })
    report('the same without the journal')
    const counter = await runKillMatrix({ controlPlane, rows: counterRows, parallel })
    return {
      passed: found.failures.length === 0 && counter.failures.length === counterRows.length,
      figures: {
        strategiesAndEngines: goodStories.length,
        waysToFail: badStories.length,
        releases: found.releases,
        kills: found.kills,
        failures: found.failures.length,
        writes: writesOf(found),
      },
      counterTest: `without the journal ${counter.failures.length} of ${counter.releases} releases end otherwise: ${noticedBy(counter)}`,
    }
  },
}

/** One failure of each strategy. */
function noticedBy({ failures }: KillMatrixFound): string {
  const first = Map.groupBy(failures, ({ row }) => row.story.strategy).values()
  return [...first].map(([failure]) => failure?.text.slice(0, 200)).join('; ') || 'NOTHING WAS FOUND'
}

/** What operators were killed at, and how often. */
function writesOf({ writes }: KillMatrixFound): string {
  return [...writes]
    .toSorted(([, a], [, b]) => b - a)
    .map(([write, count]) => `${write} ${count}`)
    .join(', ')
}

import { runSoak } from '../bench/operator/soak.ts'
import { startWorld } from '../bench/operator/world.ts'
import type { Proof } from './proof.ts'

/** Minutes; `MINUTES=90 make proof NAME=soak` runs the long variant. */
const minutes = Number(process.env['MINUTES'] ?? 30)
const warmUpMinutes = Math.min(6, minutes / 4)
const instances = 100
const operationsPerSecond = 50

/** MiB an hour that the heap may grow by, with 95 % confidence: the longer the run, the sharper (issue "The reconcile engine"). */
const slopeLimit = minutes >= 90 ? 2 : 6
const socketLimit = 40

/** Half an hour of churn: the heap does not grow, connections do not pile up, no event is missed. The control-plane tier runs 40 seconds of it. */
export const proof: Proof = {
  title: 'the heap stays flat, sockets stay few and no event is missed under 50 operations a second on instances and their children',
  async run(report) {
    await using world = await startWorld({ name: 'soak' })
    const namespace = await world.namespace('soak')
    const found = await runSoak({
      world,
      namespace,
      instances,
      operationsPerSecond,
      seconds: minutes * 60,
      warmUpSeconds: warmUpMinutes * 60,
      sampleSeconds: 15,
      seed: 11,
      report,
    })
    for (const missed of found.missed.slice(0, 10)) report(missed)
    const { fit, operations } = found
    return {
      passed: fit.slopeUpperBound < slopeLimit && found.socketsMax <= socketLimit && found.missed.length === 0,
      figures: {
        minutes,
        operations: found.total,
        operationsPerSecond: round(found.perSecond),
        kinds: Object.entries(operations)
          .map(([kind, count]) => `${kind} ${count}`)
          .join(', '),
        passes: found.passes,
        failedPasses: found.failedPasses,
        slopeMiBPerHour: round(fit.slope),
        slopeUpperBoundMiBPerHour: round(fit.slopeUpperBound),
        slopeLimitMiBPerHour: slopeLimit,
        heapFirstMiB: round(found.heapFirstMiB),
        heapLastMiB: round(found.heapLastMiB),
        rssMaxMiB: round(found.rssMaxMiB),
        socketsMax: found.socketsMax,
        missed: found.missed.length,
        slowestAnswerSeconds: round(found.slowestSeconds),
      },
      counterTest:
        'test/control-plane/soak.test.ts: an operator that is frozen for a while, and one that is stopped, are noticed by the auditor',
    }
  },
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

import { createProgress } from '../cluster/progress.ts'
import { connectionBudget, scaleUnderLoad, scalingShortcomings } from '../e2e/scaling.ts'
import { startTestCluster } from '../e2e/test-cluster.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import type { Proof } from './proof.ts'

/** R, in requests a second. */
const rate = Number(process.env['RATE'] ?? 25)
/** `MINUTES=2` for a try, in which pods are taken away after half a minute instead of five minutes. */
const minutes = Number(process.env['MINUTES'] ?? 5)
const quick = { scaleDown: { stabilizationWindowSeconds: 30, policies: [{ type: 'Percent', value: 50, periodSeconds: 15 }] } }

/** Load R, 4R, R. */
export const proof: Proof = {
  title:
    'Load R, 4R, R in open loop: replicas follow within 2 minutes and are back within 10, fewer than 0.1 % of requests fail, no dip at the hand-over to the autoscaler, connections within the budget',
  async run(report) {
    const { cluster, images } = await startTestCluster('scaling', createProgress(), { addons: ['metrics'] })
    try {
      const { api } = cluster
      const namespace = await createNamespace(api, { prefix: 'scaling', podSecurity: 'restricted' })
      const { app: image, postgres } = images
      const times = { baseSeconds: minutes * 20, peakSeconds: minutes * 40, ...(minutes < 5 ? { behavior: quick } : {}) }
      const result = await scaleUnderLoad({ cluster, namespace, image, postgres, rate, ...times, report })
      await deleteNamespace(api, namespace)
      const found = scalingShortcomings(result)
      for (const line of found) report(line)
      const { loads, ready } = result
      const sum = (of: (load: (typeof loads)[number]) => number): number => loads.reduce((total, load) => total + of(load), 0)
      return {
        passed: found.length === 0,
        figures: {
          requestsPerSecond: `${rate}, ${rate * 4}, ${rate}`,
          requests: sum(({ sent }) => sent),
          failedRequests: sum(({ failed }) => failed),
          acknowledgedNotes: sum(({ acknowledged }) => acknowledged),
          lostNotes: sum(({ missing }) => missing.length),
          leastReplicasAtHandOver: result.leastAtHandOver,
          replicas: `${result.baseReplicas}, ${result.peakReplicas}, ${result.backSeconds === undefined ? 'more than 2' : 2}`,
          followedUpSeconds: result.followedUpSeconds,
          backSeconds: result.backSeconds ?? 'more than 660',
          mostConnections: `${result.mostConnections} of ${connectionBudget}`,
          ready: ready.join(' → ').slice(0, 500),
        },
        counterTest: 'not part of this run',
      }
    } finally {
      await cluster.stop()
    }
  },
}

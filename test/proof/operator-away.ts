import { startObjectStore } from '../app/object-store.ts'
import { createProgress } from '../cluster/progress.ts'
import { createStoreAccess } from '../e2e/backup-store.ts'
import { operatorAway, operatorAwayShortcomings } from '../e2e/operator-away.ts'
import { startTestCluster } from '../e2e/test-cluster.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import type { Proof } from './proof.ts'

/** `MINUTES=3` for a try; fewer than twelve start a backup by hand. */
const minutes = Number(process.env['MINUTES'] ?? 15)

/** Nothing that serves depends on the operator being there. */
export const proof: Proof = {
  title: `The operator is away for ${minutes} minutes under load: the autoscaler scales, lost pods come back, backups run, no request fails; back again, it changes nothing`,
  async run(report) {
    const { cluster, images } = await startTestCluster('operator-away', createProgress(), { addons: ['metrics'] })
    try {
      const { api, ingressUrl } = cluster
      await using store = await startObjectStore({ host: cluster.hostAddress })
      const access = await createStoreAccess(store, store.endpoint)
      const namespace = await createNamespace(api, { prefix: 'away', podSecurity: 'restricted' })
      const { app: image, postgres } = images
      const options = { api, ingressUrl, namespace, image, postgres, store: access, minutes, rate: 15, autoscaled: true }
      const result = await operatorAway({ ...options, restSeconds: 30, counterTest: true, report })
      await deleteNamespace(api, namespace)
      const found = operatorAwayShortcomings(result)
      for (const line of found) report(line)
      const { loads, backups, comeBackSeconds } = result
      const sum = (of: (load: (typeof loads)[number]) => number): number => loads.reduce((total, load) => total + of(load), 0)
      return {
        passed: found.length === 0,
        figures: {
          minutesAway: minutes,
          requests: sum(({ sent }) => sent),
          failedRequests: sum(({ failed }) => failed),
          acknowledgedNotes: sum(({ acknowledged }) => acknowledged),
          lostNotes: sum(({ missing }) => missing.length),
          replicas: `${result.leastReplicas} to ${result.mostReplicas}`,
          scaledUpSeconds: result.scaledUpSeconds ?? 'none',
          podsDeleted: comeBackSeconds.length,
          slowestComeBackSeconds: Math.max(...comeBackSeconds),
          backupsSucceeded: backups.succeeded,
          backupsFailed: backups.failed,
          objectsChangedAtReturn: result.changed.length,
          writesUntilAllWasSeen: result.writesAtReturn,
          writesIn30SecondsAfter: result.writesAtRest,
        },
        counterTest: `with a readiness gate that only the operator sets, a pod deleted while it was away ${result.counterTest}`,
      }
    } finally {
      await cluster.stop()
    }
  },
}

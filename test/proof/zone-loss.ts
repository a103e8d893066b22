import { createProgress } from '../cluster/progress.ts'
import { startTestCluster } from '../e2e/test-cluster.ts'
import { loseZones, zoneLossShortcomings } from '../e2e/zone-loss.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import type { Proof } from './proof.ts'

const nodeLossSeconds = 30

/** A zone that is cut off, then another with the operator's leader in it, while people write. */
export const proof: Proof = {
  title:
    'Two of three zones cut off in turn under load, the second with the leading operator: errors only until the endpoints leave the Service, pods replaced, no acknowledged note lost, Degraded and back',
  async run(report) {
    const { cluster, images } = await startTestCluster('zone-loss', createProgress(), { nodes: 3, values: ['replicas=2'] })
    try {
      const { api } = cluster
      const namespace = await createNamespace(api, { prefix: 'zones', podSecurity: 'restricted' })
      const { app: image, postgres } = images
      const result = await loseZones({ cluster, namespace, image, postgres, rate: 20, nodeLossSeconds, report })
      await deleteNamespace(api, namespace)
      const found = zoneLossShortcomings(result, { nodeLossSeconds })
      for (const line of found) report(line)
      const { losses, throughIngress, throughService } = result
      const each = (of: (loss: (typeof losses)[number]) => number | string): string => losses.map(of).join(', ')
      return {
        passed: found.length === 0,
        figures: {
          zonesLost: losses.length,
          requests: throughIngress.sent + throughService.sent,
          endpointsGoneSeconds: each((loss) => loss.endpointsGoneSeconds),
          allPodsBackSeconds: each((loss) => loss.fullSeconds),
          startSeconds: each((loss) => loss.startSeconds),
          failedUntilEndpointsGone: each((loss) => `${loss.failedUntilEndpointsGone} (${Math.round(loss.failedShare * 100)} %)`),
          failedAfter: each((loss) => loss.failedAfter.length),
          ready: each((loss) => loss.ready.join(' → ')),
          acknowledgedNotes: throughIngress.acknowledged + throughService.acknowledged,
          lostNotes: throughIngress.missing.length + throughService.missing.length,
        },
        counterTest: 'not part of this run',
      }
    } finally {
      await cluster.stop()
    }
  },
}

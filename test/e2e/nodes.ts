import { inject } from 'vitest'
import { openCluster } from '../cluster/start-cluster.ts'

/** Restarts the kubelet of every node of the run's cluster, and returns when all are Ready again; pods go on. */
export async function restartKubelets(): Promise<void> {
  await using cluster = await openCluster(inject('cluster').name)
  for (const { layout } of cluster.nodes) await cluster.restartKubelet(layout.number)
  await cluster.nodesReady()
}

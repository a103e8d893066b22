import { medianOf } from '../statistics.ts'
import { startOperator } from './contenders.ts'
import type { FigureGroup } from './figure.ts'
import { startWorld } from './world.ts'

/** Start of the process to `/readyz`, with nothing in the cluster. */
export const readiness: FigureGroup = {
  name: 'ready',
  async measure({ starts }) {
    await using world = await startWorld({ name: 'bench-ready' })
    const seconds: number[] = []
    for (let start = 0; start < starts; start++) {
      await using operator = await startOperator({ bundle: world.bundle, kubeconfig: world.kubeconfig, logFolder: world.folder })
      seconds.push(operator.readyMs / 1000)
    }
    return [
      { what: `start to /readyz, empty cluster, slowest of ${starts}`, value: Math.max(...seconds), unit: 's', atMost: 1 },
      { what: `start to /readyz, empty cluster, median of ${starts}`, value: medianOf(seconds), unit: 's' },
    ]
  },
}

import { medianOf } from '../statistics.ts'
import { startOperator } from './contenders.ts'
import type { FigureGroup } from './figure.ts'
import { startWorld } from './world.ts'

/** Start of the process to `/readyz`, with nothing in the cluster. */
export const readiness: FigureGroup = {
  name: 'ready',
  async measure({ starts }) {
    await using world = await startWorld({ name: 'bench-ready' })
    const start = async (): Promise<number> => {
      await using operator = await startOperator({ bundle: world.bundle, kubeconfig: world.kubeconfig, logFolder: world.folder })
      return operator.readyMs / 1000
    }
    // Whoever watches a new definition first is told to come back in a second (429), until the API server has made a cache for it.
    const first = await start()
    const seconds: number[] = []
    for (let count = 0; count < starts; count++) seconds.push(await start())
    return [
      {
        what: 'start to /readyz, the first one after the definitions were installed',
        value: first,
        unit: 's',
        note: 'the API server answers the first watches of a new definition with 429 and Retry-After 1 s',
      },
      { what: `start to /readyz, empty cluster, slowest of ${starts}`, value: Math.max(...seconds), unit: 's', atMost: 1 },
      { what: `start to /readyz, empty cluster, median of ${starts}`, value: medianOf(seconds), unit: 's' },
    ]
  },
}

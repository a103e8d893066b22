import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../fault-proxy/seeded-random.ts'
import { fitLine, type LinearFit } from '../statistics.ts'
import { Churn, type ChurnResult } from './churn.ts'
import { startOperator } from './contenders.ts'
import type { World } from './world.ts'

/** Lines of the log of an operator that ended. */
const logLines = 8

/** How a soak is run. */
export interface SoakOptions {
  readonly world: World
  readonly namespace: string
  readonly instances: number
  readonly operationsPerSecond: number
  readonly seconds: number
  /** Seconds at the beginning that the fit leaves out. */
  readonly warmUpSeconds: number
  /** Seconds between two forced collections. */
  readonly sampleSeconds: number
  readonly seed: number
  readonly report: (line: string) => void
}

/** What a soak found. */
export interface SoakResult extends ChurnResult {
  /** MiB an hour, over the samples after the warm-up. */
  readonly fit: LinearFit
  readonly samples: readonly { readonly x: number; readonly y: number }[]
  readonly socketsMax: number
  readonly rssMaxMiB: number
  readonly heapFirstMiB: number
  readonly heapLastMiB: number
  /** Errors among the operator's passes. */
  readonly failedPasses: number
  readonly passes: number
}

/** Churns instances and their children while the operator's heap, memory and sockets are sampled. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { world, namespace, seconds, warmUpSeconds, sampleSeconds, report } = options
  await using operator = await startOperator({
    bundle: world.bundle,
    kubeconfig: world.kubeconfig,
    namespace,
    logFolder: world.folder,
    probe: true,
  })
  const churn = new Churn({ ...options, random: seededRandom(options.seed), missedAfterSeconds: 120 })
  await churn.prepare()
  report(`${options.instances} instances are served; ${options.operationsPerSecond} operations a second begin`)
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  const samples: { x: number; y: number }[] = []
  let socketsMax = 0
  let rssMaxMiB = 0
  const stop = new AbortController()
  const ended = Promise.withResolvers<never>()
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      await sleep(sampleSeconds * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
      if (stop.signal.aborted) return
      if (!operator.alive()) {
        const tail = readFileSync(operator.log, 'utf8').trimEnd().split('\n').slice(-logLines).join('\n')
        ended.reject(new Error(`The operator ended after ${elapsed().toFixed(0)} s:\n${tail}`))
        return
      }
      socketsMax = Math.max(socketsMax, operator.sockets())
      rssMaxMiB = Math.max(rssMaxMiB, operator.rssMiB())
      const heap = await operator.heapMiB()
      samples.push({ x: elapsed() / 3600, y: heap })
      if (samples.length % 10 === 0)
        report(
          `${(churn.total / elapsed()).toFixed(1)} operations a second, heap ${heap.toFixed(2)} MiB, memory ${operator.rssMiB().toFixed(0)} MiB, ${operator.sockets()} sockets`,
        )
    }
  })()
  try {
    const result = await Promise.race([churn.run(), ended.promise])
    stop.abort()
    await sampling
    const warm = samples.filter(({ x }) => x * 3600 >= warmUpSeconds && x * 3600 <= seconds)
    return {
      ...result,
      fit: fitLine(warm),
      samples,
      socketsMax,
      rssMaxMiB,
      heapFirstMiB: warm[0]?.y ?? Number.NaN,
      heapLastMiB: warm.at(-1)?.y ?? Number.NaN,
      passes: await operator.metric('controller_runtime_reconcile_total'),
      failedPasses: await operator.metric('controller_runtime_reconcile_total', 'result="error"'),
    }
  } finally {
    stop.abort()
    await sampling
  }
}

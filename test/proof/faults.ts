import { setTimeout as sleep } from 'node:timers/promises'
import { CollectionReflector } from '../../operator/src/kube/collection-reflector.ts'
import { silentLogger } from '../../operator/src/kube/logger.ts'
import { SystemClock } from '../../operator/src/runtime/clock.ts'
import { startControlPlane } from '../cluster/control-plane.ts'
import { churnedResources } from '../fault-proxy/churn.ts'
import { connect } from '../fault-proxy/connect.ts'
import { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { runFaultSequences } from '../fault-proxy/fault-sequences.ts'
import type { Proof } from './proof.ts'

const sequences = 200
const seed = 5
/** How long the API server answers nothing but 503 while requests are counted, with the numbers of production. */
const outageMs = 90_000
const largestHeapGrowthMiB = 10
/** Requests a second and resource, whatever happens (issue "The reconcile engine"). */
const largestRate = 0.3

/** 200 random sequences of faults between reflectors and a real API server, which itself is killed and loses its history now and then. */
export const proof: Proof = {
  title: 'caches equal the API server after every random sequence of faults',
  run: async (report) => {
    await using controlPlane = await startControlPlane({ name: 'proof-faults' })
    const { kubeconfig } = controlPlane
    for (const name of ['faults', 'counter']) await controlPlane.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const figures = await runFaultSequences({
      kubeconfig,
      namespace: 'faults',
      sequences,
      seed,
      report,
      meanwhile: async (sequence) => {
        if (sequence % 20 !== 15) return
        if (sequence % 40 === 15) await controlPlane.compact()
        await controlPlane.restartApiServer()
      },
    })
    report('the same without synthesized deletes')
    const counter = await runFaultSequences({
      kubeconfig,
      namespace: 'counter',
      sequences,
      seed,
      settleMs: 5000,
      without: ['synthesizedDeletes'],
    }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    )
    report('requests during an outage')
    const rate = await measureOutage(kubeconfig)
    const held = counter !== undefined && figures.heapGrowthMiB < largestHeapGrowthMiB && rate <= largestRate
    return {
      passed: held,
      figures: { ...figures, outageRequestsPerSecondAndResource: rate },
      counterTest: `without synthesized deletes: ${counter ?? 'NOTHING WAS FOUND'}`,
    }
  },
}

/** Requests a second and resource of reflectors with the numbers of production while the server refuses everything. */
async function measureOutage(kubeconfig: string): Promise<number> {
  await using proxy = await FaultProxy.start(kubeconfig)
  await using connected = await connect(proxy.kubeconfig)
  const stop = new AbortController()
  const options = { client: connected.client, clock: new SystemClock(), random: Math.random, logger: silentLogger }
  const reflectors = churnedResources.map((resource) => new CollectionReflector({ ...options, resource }))
  const running = reflectors.map((reflector) => reflector.start(stop.signal))
  await Promise.all(reflectors.map((reflector) => reflector.whenSynced()))
  const before = proxy.requests.length
  proxy.inject({ fault: { type: 'Refuse', status: 503, reason: 'ServiceUnavailable' } })
  await proxy.strike('cut')
  await sleep(outageMs)
  const requests = proxy.requests.length - before
  stop.abort(new Error('The measurement is over.'))
  await Promise.all(running)
  return Math.round((requests / reflectors.length / (outageMs / 1000)) * 1000) / 1000
}

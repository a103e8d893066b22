import { startControlPlane } from '../cluster/control-plane.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { connect, installWidgets } from '../control-plane/runtime-fixture.ts'
import { audit, churn, startOperator, type OperatorProcess } from '../control-plane/runtime-processes.ts'
import type { Proof } from './proof.ts'

const runs = 20
/** The real times, as the chart sets them. */
const times = { leaseDuration: 15, renewDeadline: 10, retryPeriod: 2 }
const cleanLimitSeconds = 3
const crashLimitSeconds = 20

/** Hand-over of the lease with the real times: from the signal to the first write of the follower, by a watch that knows the writer of each object. */
export const proof: Proof = {
  title: 'A follower works within 3 s of a SIGTERM and within 20 s of a crash, 20 times each',
  async run(report) {
    await using controlPlane = await startControlPlane({ name: 'election' })
    await using connection = await connect(controlPlane.kubeconfig)
    await installWidgets(controlPlane.api)
    const namespace = 'default'
    let count = 0
    const operator = () => startOperator({ kubeconfig: controlPlane.kubeconfig, namespace, identity: `operator-${count++}`, times })
    let leader: OperatorProcess = operator()
    await leader.said('Leading')
    await using auditor = await audit(connection.client, namespace)
    await using _churn = await churn(controlPlane.api, namespace)
    const figures: Record<'SIGTERM' | 'SIGKILL', number[]> = { SIGTERM: [], SIGKILL: [] }
    let leaked = 0
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      for (let run = 0; run < runs; run++) {
        const follower = operator()
        await follower.said('Waiting for the lease')
        await waitFor(() => auditor.writes.at(-1)?.writer === leader.identity, {
          what: 'the leader writing',
          timeoutMs: 30_000,
          intervalMs: 5,
        })
        // At a random moment of the renewal, as crashes do.
        await new Promise((resolve) => {
          setTimeout(resolve, Math.random() * times.retryPeriod * 1000)
        })
        const asked = performance.now()
        leader.child.kill(signal)
        const first = await waitFor(() => auditor.writes.find(({ writer }) => writer === follower.identity)?.at, {
          what: 'a write of the follower',
          timeoutMs: 60_000,
          intervalMs: 5,
        })
        await leader.exit
        figures[signal].push((first - asked) / 1000)
        leaked += auditor.writes.filter(({ writer, at }) => writer === leader.identity && at > first).length
        report(`${signal} ${run + 1}/${runs}: ${((first - asked) / 1000).toFixed(2)} s`)
        leader = follower
      }
    }
    await leader[Symbol.asyncDispose]()
    const longest = (values: readonly number[]) => Math.round(Math.max(...values) * 100) / 100
    const cleanSecondsMax = longest(figures.SIGTERM)
    const crashSecondsMax = longest(figures.SIGKILL)
    return {
      passed: cleanSecondsMax <= cleanLimitSeconds && crashSecondsMax <= crashLimitSeconds && leaked === 0,
      figures: { runs, cleanSecondsMax, crashSecondsMax, writesAfterHandOver: leaked },
      counterTest: 'runtime-safeties takes out the fence and the release of the lease; the tests of the frozen leader and of SIGTERM fail',
    }
  },
}

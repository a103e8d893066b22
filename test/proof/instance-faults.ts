import { startControlPlane } from '../cluster/control-plane.ts'
import { runInstanceFaults } from '../control-plane/instance-fault-matrix.ts'
import { connect } from '../control-plane/runtime-fixture.ts'
import { applyCrds } from '../support/crds.ts'
import type { Proof } from './proof.ts'

/** Every write of an instance's first release and upgrade × every fault; `make test` runs one fault per write. */
export const proof: Proof = {
  title: 'Whatever happens to any one write of the operator, an instance ends with the same objects, and each migration ran once',
  async run(report) {
    await using controlPlane = await startControlPlane({ name: 'instance-faults' })
    await using connection = await connect(controlPlane.kubeconfig)
    await applyCrds(controlPlane.api)
    const { writes, cases, missed, failures } = await runInstanceFaults({
      api: controlPlane.api,
      client: connection.client,
      parallel: 12,
      report,
    })
    return {
      passed: failures.length === 0 && missed < cases / 5,
      figures: { writes: writes.length, cases, missed, failures: failures.length },
      counterTest: 'runtime-safeties takes out retry, the own-writes barrier and creation only; their tests over the same faults fail',
    }
  },
}

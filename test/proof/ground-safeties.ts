import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const safeties: readonly Safety[] = [
  {
    name: 'a foreign Deployment stops everything, the migration too',
    file: 'operator/src/instance/observe.ts',
    from: 'await findForeignWorkload(deployment ?? job, key, context)',
    to: 'undefined',
    test: 'test/control-plane/instance.test.ts',
    title: 'leaves a foreign Deployment of its name alone',
  },
  {
    name: 'writes only when something changed',
    file: 'operator/src/runtime/applier.ts',
    from: 'intent.createOnly === true || this.#isUnchanged(intent, complete, live)',
    to: 'intent.createOnly === true',
    test: 'test/control-plane/instance-faults.test.ts',
    title: 'writes nothing at rest, nor after a restart',
  },
  {
    name: 'a change during a pass leads to another pass',
    file: 'operator/src/runtime/queue.ts',
    from: "if (item?.place === 'parked') {",
    to: "if (item?.place === 'parked' && item.key === '') {",
    test: 'test/control-plane/instance-releases.test.ts',
    title: 'ends on the last of 50 edits in a second',
  },
  {
    name: 'a lost connection is tried again',
    file: 'operator/src/kube/collection-reflector.ts',
    from: 'await this.#wait(state.atLeastMs, signal)',
    to: 'await this.#wait(3_600_000, signal)',
    test: 'test/control-plane/instance-faults.test.ts',
    title: 'goes on by itself when the API server was away',
  },
  {
    name: 'a binary is what its checksum says',
    file: 'test/cluster/cache.ts',
    from: '(await sha256(file)) !== expected.sha256',
    to: "expected.sha256 === ''",
    test: 'test/cluster/cache.test.ts',
    title: 'has other content of the same length is built again',
  },
  {
    name: 'a tier that ran nothing is a failure',
    file: 'test/run.ts',
    from: 'healthy &&= counts.failed === 0 && !ranNothing',
    to: 'healthy &&= counts.failed === 0',
    test: 'test/unit/run.test.ts',
    title: 'counts a tier that runs nothing',
  },
]

/** Without a test that notices its absence, a promise of the first slice counts as untested. */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test of the harness or the operator fails',
  run: async (report) => await takeOutEach(safeties, report),
}

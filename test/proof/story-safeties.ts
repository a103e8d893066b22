import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const safeties: readonly Safety[] = [
  {
    name: 'a migration Job is named after its release',
    file: 'operator/src/instance/resources/names.ts',
    from: '`${releaseID}-${phase}`',
    to: '`${releaseID}-${phase}${process.pid}`',
    test: 'test/e2e/killed-operator.test.ts',
    title: 'with one migration Job per release',
  },
  {
    name: 'notes live on a volume, not in the pod',
    file: 'operator/src/instance/resources/pod.ts',
    from: "name: 'data', persistentVolumeClaim: { claimName: claimName(instance) }",
    to: "name: 'data', emptyDir: {}, ...(claimName(instance) === '' ? { never: true } : {})",
    test: 'test/e2e/story.test.ts',
    title: 'the life of an instance',
  },
  {
    name: "the operator's namespace is restricted",
    file: 'test/cluster/operator-install.ts',
    from: "{ 'pod-security.kubernetes.io/enforce': 'restricted' }",
    to: '{}',
    test: 'test/e2e/pod-security.test.ts',
    title: 'all run in namespaces labelled restricted',
  },
]

/** Without a test that notices its absence, a promise of the story counts as untested. */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test on a cluster with nodes fails',
  run: async (report) => await takeOutEach(safeties, report),
}

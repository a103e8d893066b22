import { acquireDocker } from '../cluster/docker.ts'
import { productRecipe, publishImage } from '../cluster/images.ts'
import { createProgress } from '../cluster/progress.ts'
import { appVariant } from '../e2e/image-variants.ts'
import { type PlannedRelease, type ReleaseKind, releaseUnderLoad, shortcomings } from '../e2e/releases-under-load.ts'
import { startTestCluster } from '../e2e/test-cluster.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import type { Proof } from './proof.ts'

const badKinds = ['crashes', 'never-ready', 'answers-500', 'fails-migration', 'hangs-migration', 'missing'] as const
const releases = Number(process.env['RELEASES'] ?? 30)

/** Two good images, then a bad one, and so on: each bad one has a good one before and after it. */
function kindsOf(count: number): readonly ReleaseKind[] {
  return Array.from({ length: count }, (_, index) => (index % 3 === 1 ? (badKinds[((index - 1) / 3) % badKinds.length] ?? 'good') : 'good'))
}

/** Thirty images in a row on one Production instance, while people write: nobody notices. */
export const proof: Proof = {
  title: `${releases} releases in a row on one Production instance under load: no failed request, no lost note, each bad image stopped for the right reason`,
  async run(report) {
    const progress = createProgress()
    const { cluster, images } = await startTestCluster('thirty', progress)
    try {
      const planned: PlannedRelease[] = []
      await using docker = await acquireDocker({ progress })
      const app = await productRecipe('app')
      for (const [index, kind] of kindsOf(releases).entries()) {
        // Each its own digest: an image that was given up is not tried again.
        const publish = async (behaviour: Exclude<ReleaseKind, 'missing'>): Promise<string> => {
          const recipe = await appVariant(app, behaviour, `release ${index + 1}`)
          return (await publishImage(recipe, cluster.registry, { progress, docker })).reference
        }
        const image =
          kind === 'missing' ? `${cluster.registry.host}/notejam@sha256:${String(index).padStart(64, '0')}` : await publish(kind)
        planned.push({ kind, image })
      }
      const namespace = await createNamespace(cluster.api, { prefix: 'thirty', podSecurity: 'restricted' })
      const result = await releaseUnderLoad({
        api: cluster.api,
        ingressUrl: cluster.ingressUrl,
        namespace,
        image: images.app,
        postgres: images.postgres,
        replicas: 3,
        rate: 50,
        releases: planned,
        report,
      })
      await deleteNamespace(cluster.api, namespace)
      const found = shortcomings(result)
      for (const line of found) report(line)
      const { outcomes, throughIngress, throughService } = result
      const goodSeconds = outcomes.filter(({ kind }) => kind === 'good').map(({ seconds }) => seconds)
      return {
        passed: found.length === 0,
        figures: {
          releases: outcomes.length,
          badReleases: outcomes.filter(({ kind }) => kind !== 'good').length,
          requests: throughIngress.sent + throughService.sent,
          failedRequests: throughIngress.failed + throughService.failed,
          acknowledgedNotes: throughIngress.acknowledged + throughService.acknowledged,
          lostNotes: throughIngress.missing.length + throughService.missing.length,
          goodReleaseMedianSeconds: goodSeconds.toSorted((a, b) => a - b)[Math.floor(goodSeconds.length / 2)] ?? 0,
          slowestReleaseSeconds: Math.max(...outcomes.map(({ seconds }) => seconds)),
        },
        counterTest: 'not part of this run',
      }
    } finally {
      await cluster.stop()
    }
  },
}

import { ensureBinaries } from '../cluster/binaries.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { acquireDocker } from '../cluster/docker.ts'
import { type ImageRecipe, productRecipe, publishImage } from '../cluster/images.ts'
import { installOperator } from '../cluster/operator-install.ts'
import type { Progress } from '../cluster/progress.ts'
import type { Addon } from '../cluster/cluster-record.ts'
import { DEFAULT_ADDONS, startCluster } from '../cluster/start-cluster.ts'
import { appVariant } from './image-variants.ts'

/** Image references by what they do. */
export interface ProvidedImages {
  readonly app: string
  /** As good as `app`, under another digest. */
  readonly next: string
  readonly crashes: string
  readonly neverReady: string
  readonly answers500: string
  readonly failsMigration: string
  readonly hangsMigration: string
  /** Cannot be pulled: no registry has it. */
  readonly missing: string
  readonly operator: string
  readonly postgres: string
}

/** A cluster with the operator in it, and images of the app in its registry. */
export interface TestCluster {
  readonly cluster: Cluster
  readonly images: ProvidedImages
}

async function publishImages(cluster: Cluster, progress: Progress): Promise<ProvidedImages & { readonly operatorDigest: string }> {
  await using docker = await acquireDocker({ progress })
  const options = { progress, docker }
  const app = await productRecipe('app')
  const publish = async (recipe: ImageRecipe): Promise<string> => (await publishImage(recipe, cluster.registry, options)).reference
  const operator = await publishImage(await productRecipe('operator'), cluster.registry, options)
  return {
    app: await publish(app),
    next: await publish(await appVariant(app, 'good', 'next')),
    crashes: await publish(await appVariant(app, 'crashes')),
    neverReady: await publish(await appVariant(app, 'never-ready')),
    answers500: await publish(await appVariant(app, 'answers-500')),
    failsMigration: await publish(await appVariant(app, 'fails-migration')),
    hangsMigration: await publish(await appVariant(app, 'hangs-migration')),
    missing: `${cluster.registry.host}/notejam@sha256:${'0'.repeat(64)}`,
    operator: operator.reference,
    operatorDigest: operator.digest,
    postgres: (await publishImage('postgres', cluster.registry, options)).reference,
  }
}

/** How a {@link TestCluster} differs from that of the tier. */
export interface TestClusterOptions {
  /** Each in a zone of its own; default 1. */
  readonly nodes?: number
  /** Beside those that every cluster has. */
  readonly addons?: readonly Addon[]
  /** Values of the operator's chart, as `--set` takes them. */
  readonly values?: readonly string[]
}

/**
 * Starts a cluster with one node, unless told otherwise, and what a test of the tier `cluster` needs in it. It ends with this process, or by `cluster.stop()`.
 *
 * @param name - clusters of different names know nothing of each other
 */
export async function startTestCluster(name: string, progress: Progress, options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes = 1, values = [] } = options
  const addons = [...DEFAULT_ADDONS, ...(options.addons ?? [])]
  const cluster = await startCluster({ name, nodes, addons, owned: true, fresh: true, progress })
  try {
    const { operatorDigest, ...images } = await publishImages(cluster, progress)
    const { helm } = await ensureBinaries(['helm'], { progress })
    await progress.step('operator: helm upgrade --install', async () => {
      const image = { reference: images.operator, digest: operatorDigest }
      await installOperator({ kubeconfig: cluster.kubeconfig, helm, image, values })
    })
    return { cluster, images }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

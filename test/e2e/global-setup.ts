import type { TestProject } from 'vitest/node'
import { ensureBinaries } from '../cluster/binaries.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { acquireDocker } from '../cluster/docker.ts'
import { productRecipe, publishImage } from '../cluster/images.ts'
import { installOperator } from '../cluster/operator-install.ts'
import { createProgress, type Progress } from '../cluster/progress.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { appVariant } from './image-variants.ts'

/** Image references by what they do. */
export interface ProvidedImages {
  readonly app: string
  /** As good as `app`, under another digest. */
  readonly next: string
  readonly crashes: string
  readonly failsMigration: string
  /** Cannot be pulled: no registry has it. */
  readonly missing: string
  readonly operator: string
}

/** What a test of the tier `cluster` gets by `inject('cluster')`; `openCluster(name)` gives the rest. */
export interface ProvidedCluster {
  readonly name: string
  readonly kubeconfig: string
  readonly ingressUrl: string
  readonly images: ProvidedImages
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- merging into vitest's own interface is its way of typing `inject`
  interface ProvidedContext {
    cluster: ProvidedCluster
  }
}

async function publishImages(cluster: Cluster, progress: Progress): Promise<ProvidedImages & { readonly operatorDigest: string }> {
  await using docker = await acquireDocker({ progress })
  const options = { progress, docker }
  const app = await productRecipe('app')
  const publish = async (recipe: typeof app): Promise<string> => (await publishImage(recipe, cluster.registry, options)).reference
  const operator = await publishImage(await productRecipe('operator'), cluster.registry, options)
  return {
    app: await publish(app),
    next: await publish(await appVariant(app, 'good', 'next')),
    crashes: await publish(await appVariant(app, 'crashes')),
    failsMigration: await publish(await appVariant(app, 'fails-migration')),
    missing: `${cluster.registry.host}/notejam@sha256:${'0'.repeat(64)}`,
    operator: operator.reference,
    operatorDigest: operator.digest,
  }
}

/** One cluster with one node, the operator in it, and images of the app, for a whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const progress = createProgress()
  const cluster = await startCluster({ name: 'test', nodes: 1, owned: true, fresh: true, progress })
  try {
    const { operatorDigest, ...images } = await publishImages(cluster, progress)
    const { helm } = await ensureBinaries(['helm'], { progress })
    await progress.step('operator: helm upgrade --install', async () => {
      await installOperator({ kubeconfig: cluster.kubeconfig, helm, image: { reference: images.operator, digest: operatorDigest } })
    })
    project.provide('cluster', { name: cluster.name, kubeconfig: cluster.kubeconfig, ingressUrl: cluster.ingressUrl, images })
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return async () => await cluster.stop()
}

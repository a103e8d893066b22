import type { TestProject } from 'vitest/node'
import { createProgress } from '../cluster/progress.ts'
import { type ProvidedImages, startTestCluster } from './test-cluster.ts'

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

/** One cluster with one node, the operator in it, and images of the app, for a whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { cluster, images } = await startTestCluster('test', createProgress())
  const { name, kubeconfig, ingressUrl } = cluster
  project.provide('cluster', { name, kubeconfig, ingressUrl, images })
  return async () => await cluster.stop()
}

import type { Cluster } from './cluster.ts'
import { publishImage } from './images.ts'
import type { ProvidedCluster, Provider, ProviderOptions } from './provider.ts'
import { openCluster, startCluster, stopCluster } from './start-cluster.ts'
import type { Progress } from './progress.ts'

const provided = (cluster: Cluster, progress: Progress): ProvidedCluster => ({
  kubeconfig: cluster.kubeconfig,
  url: cluster.record.addons.includes('ingress') ? `http://localhost:${cluster.record.ingressPort}` : undefined,
  publish: async (recipe) => await publishImage(recipe, cluster.registry, { progress }),
  load: async (image) => await cluster.load(image),
  close: async () => await cluster.close(),
})

/** Lines that say what a cluster is and which of its programs run. */
export function describeCluster(cluster: Cluster): readonly string[] {
  const { record, kubeconfig, components, nodes } = cluster
  const stopped = components.filter(({ pid }) => pid === undefined).map(({ name }) => name)
  return [
    `cluster ${record.name}: ${cluster.running ? 'running' : `partly running, without ${stopped.join(', ')}`}, since ${record.created}`,
    ...nodes.map(({ layout, state }) => `  ${layout.name}  ${layout.zone}  ${layout.address}  ${state}`),
    ...(record.addons.includes('ingress') ? [`  ingress   http://localhost:${record.ingressPort}`] : []),
    ...(record.addons.includes('registry') ? [`  registry  ${cluster.registry.address}, for pods ${cluster.registry.host}`] : []),
    `  export KUBECONFIG=${kubeconfig}`,
  ]
}

/** Clusters of network namespaces on this machine. */
export const localProvider: Provider = {
  async up(options: ProviderOptions) {
    const { name, progress, nodes, ingressPort } = options
    const cluster = await startCluster({
      name,
      progress,
      ...(nodes === undefined ? {} : { nodes }),
      ...(ingressPort === undefined ? {} : { ingressPort }),
    })
    return provided(cluster, progress)
  },
  open: async ({ name, progress }) => provided(await openCluster(name, progress), progress),
  down: async ({ name }) => ((await stopCluster(name)) ? `cluster ${name} is gone, and everything in it` : `there was no cluster ${name}`),
  async status({ name, progress }) {
    const cluster = await openCluster(name, progress)
    await cluster.close()
    return describeCluster(cluster)
  },
}

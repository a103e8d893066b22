import { homedir } from 'node:os'
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import { runCommand } from './command.ts'
import { ClusterError, messageOf } from './errors.ts'
import { pushToForeignRegistry } from './foreign-registry.ts'
import type { ProvidedCluster, Provider, ProviderOptions } from './provider.ts'
import { clusterTool } from './tools.ts'

function kubeconfigInForce(): string {
  const [path = ''] = (process.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config')).split(':')
  if (existsSync(path)) return path
  throw new ClusterError(
    'MissingPrerequisite',
    `CLUSTER=current uses the kubeconfig in force, and ${path === '' ? 'KUBECONFIG is empty' : `there is no file ${path}`}: set KUBECONFIG`,
  )
}

async function open({ progress, registry }: ProviderOptions): Promise<ProvidedCluster> {
  const kubeconfig = kubeconfigInForce()
  const kubectl = await clusterTool('kubectl', progress)
  try {
    await runCommand(kubectl, ['--kubeconfig', kubeconfig, '--request-timeout=10s', 'get', '--raw', '/readyz'])
  } catch (error) {
    throw new ClusterError('NotRunning', `the cluster of ${kubeconfig} does not answer: ${messageOf(error)}`, { cause: error })
  }
  const need = (): string => {
    if (registry !== undefined) return registry
    throw new ClusterError(
      'Usage',
      'CLUSTER=current needs to know where images go: give --registry HOST/PATH, to which docker may push and from which nodes may pull',
    )
  }
  return {
    kubeconfig,
    url: undefined,
    publish: async (recipe) => await pushToForeignRegistry(recipe, need(), progress),
    load: async (image) => (await pushToForeignRegistry(image, need(), progress)).reference,
    close: async () => await Promise.resolve(),
  }
}

/** The cluster that the kubeconfig in force names: never made, changed as a whole or ended by this command line. Not run where this was written. */
export const currentProvider: Provider = {
  up: open,
  open,
  down: async () =>
    await Promise.resolve(
      'CLUSTER=current: the cluster is yours and stays; "helm uninstall notejam-operator -n notejam-system" removes the operator',
    ),
  async status(options) {
    const { kubeconfig } = await open(options)
    const kubectl = await clusterTool('kubectl', options.progress)
    const nodes = await runCommand(kubectl, ['--kubeconfig', kubeconfig, 'get', 'nodes', '-o', 'wide'])
    return [
      `cluster of ${kubeconfig}: answers`,
      ...nodes
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    ]
  },
}

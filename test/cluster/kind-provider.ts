import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { acquireDocker } from './docker.ts'
import { REGISTRY_HOST } from './cluster-layout.ts'
import { runCommand } from './command.ts'
import { ClusterError } from './errors.ts'
import { publishImage, publishLocalImage } from './images.ts'
import { kindIngressObjects } from './kind-ingress.ts'
import type { ProvidedCluster, Provider, ProviderOptions } from './provider.ts'
import { type Registry, registryHostsToml } from './registry.ts'
import { stateFolder } from './state-folder.ts'
import { clusterTool, requireCommand } from './tools.ts'

const DEFAULT_INGRESS_PORT = 8080
const REGISTRY_IMAGE = 'registry:2'

const clusterName = (name: string): string => `notejam-${name}`
const registryName = (name: string): string => `notejam-${name}-registry`
const kubeconfigOf = (name: string): string => join(stateFolder(), 'kind', name, 'kubeconfig')

/** kind's configuration: one worker more than none makes the zones; the first node takes the Ingress port. Pure. */
export function kindConfig(nodes: number, ingressPort: number): string {
  const node = (index: number): unknown => ({
    role: index === 0 ? 'control-plane' : 'worker',
    labels: { 'topology.kubernetes.io/zone': `zone${index + 1}` },
    ...(index === 0 ? { extraPortMappings: [{ containerPort: 80, hostPort: ingressPort, listenAddress: '127.0.0.1' }] } : {}),
  })
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    containerdConfigPatches: ['[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'],
    nodes: Array.from({ length: nodes }, (_, index) => node(index)),
  })
}

interface Tools {
  readonly kind: string
  readonly docker: string
}

async function tools(): Promise<Tools> {
  const kind = requireCommand('kind', 'CLUSTER=kind needs it (https://kind.sigs.k8s.io), and Docker; CLUSTER=local needs neither')
  const docker = requireCommand('docker', 'CLUSTER=kind needs Docker; CLUSTER=local does not')
  try {
    await runCommand(docker, ['version', '--format', '{{.Server.Version}}'])
  } catch (error) {
    throw new ClusterError('MissingPrerequisite', 'CLUSTER=kind needs a Docker engine, and none answers: start it, or use CLUSTER=local', {
      cause: error,
    })
  }
  return { kind, docker }
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')

async function startRegistry({ docker, kind }: Tools, name: string): Promise<Registry> {
  const container = registryName(name)
  const running = lines(await runCommand(docker, ['ps', '--filter', `name=^${container}$`, '--format', '{{.Names}}']))
  if (running.length === 0) {
    await runCommand(docker, ['run', '--detach', '--name', container, '--network', 'kind', '--publish', '127.0.0.1::5000', REGISTRY_IMAGE])
  }
  for (const node of lines(await runCommand(kind, ['get', 'nodes', '--name', clusterName(name)]))) {
    const path = `/etc/containerd/certs.d/${REGISTRY_HOST}`
    await runCommand(docker, ['exec', '--interactive', node, 'sh', '-c', `mkdir -p ${path} && cat > ${path}/hosts.toml`], {
      input: registryHostsToml(`${container}:5000`),
    })
  }
  const address = lines(await runCommand(docker, ['port', container, '5000/tcp']))[0]
  if (address === undefined)
    throw new ClusterError('ComponentFailed', `the registry ${container} has no port: see docker logs ${container}`)
  return { address, host: REGISTRY_HOST }
}

async function provided(
  { name, progress, ingressPort = DEFAULT_INGRESS_PORT }: ProviderOptions,
  registry: Registry,
): Promise<ProvidedCluster> {
  return await Promise.resolve({
    kubeconfig: kubeconfigOf(name),
    url: `http://localhost:${ingressPort}`,
    publish: async (recipe) => {
      await using docker = await acquireDocker({ progress })
      return await publishImage(recipe, registry, { progress, docker })
    },
    load: async (image: string) => (await publishLocalImage(image, registry, { progress })).reference,
    close: async () => await Promise.resolve(),
  } satisfies ProvidedCluster)
}

/** Clusters made by kind, for machines without root or Go. Needs public images; not run where this was written, which reaches none. */
export const kindProvider: Provider = {
  async up(options) {
    const { name, progress, nodes = 1, ingressPort = DEFAULT_INGRESS_PORT } = options
    const found = await tools()
    const existing = lines(await runCommand(found.kind, ['get', 'clusters']))
    const kubeconfig = kubeconfigOf(name)
    mkdirSync(dirname(kubeconfig), { recursive: true })
    if (!existing.includes(clusterName(name))) {
      await progress.step(`kind: create cluster ${clusterName(name)}`, async () => {
        const args = ['create', 'cluster', '--name', clusterName(name), '--kubeconfig', kubeconfig, '--wait', '3m', '--config', '-']
        await runCommand(found.kind, args, { input: kindConfig(nodes, ingressPort) })
      })
    }
    await runCommand(found.kind, ['export', 'kubeconfig', '--name', clusterName(name), '--kubeconfig', kubeconfig])
    const registry = await progress.step('kind: registry', async () => await startRegistry(found, name))
    await progress.step('kind: Traefik as Ingress controller', async () => {
      const kubectl = await clusterTool('kubectl', progress)
      await runCommand(kubectl, ['--kubeconfig', kubeconfig, 'apply', '--server-side', '-f', '-'], {
        input: kindIngressObjects()
          .map((object) => stringify(object))
          .join('---\n'),
      })
      await runCommand(kubectl, [
        '--kubeconfig',
        kubeconfig,
        '--namespace',
        'traefik',
        'rollout',
        'status',
        'deployment/traefik',
        '--timeout=3m',
      ])
    })
    return await provided(options, registry)
  },
  async open(options) {
    const found = await tools()
    if (!existsSync(kubeconfigOf(options.name)))
      throw new ClusterError('NotRunning', `there is no kind cluster ${clusterName(options.name)}: start it with "up --provider kind"`)
    return await provided(options, await startRegistry(found, options.name))
  },
  async down({ name, progress }) {
    const { kind, docker } = await tools()
    await progress.step(`kind: delete cluster ${clusterName(name)}`, async () => {
      await runCommand(kind, ['delete', 'cluster', '--name', clusterName(name), '--kubeconfig', kubeconfigOf(name)])
      await runCommand(docker, ['rm', '--force', '--volumes', registryName(name)])
    })
    rmSync(dirname(kubeconfigOf(name)), { recursive: true, force: true })
    return `kind cluster ${clusterName(name)} is gone, and everything in it`
  },
  async status({ name }) {
    const { kind } = await tools()
    const nodes = lines(await runCommand(kind, ['get', 'nodes', '--name', clusterName(name)]))
    if (nodes.length === 0 || !existsSync(kubeconfigOf(name)))
      throw new ClusterError('NotRunning', `there is no kind cluster ${clusterName(name)}: start it with "up --provider kind"`)
    return [`kind cluster ${clusterName(name)}: ${nodes.join(', ')}`, `  export KUBECONFIG=${kubeconfigOf(name)}`]
  },
}

import { join } from 'node:path'
import { ClusterError } from './errors.ts'
import { stateFolder } from './state-folder.ts'

/** Clusters that may run at once on one machine. */
export const MAX_SLOTS = 16
/** Nodes that a cluster may have. */
export const MAX_NODES = 3
/** Addresses of Services, alike in every cluster: they exist only inside of nodes. */
export const SERVICE_CIDR = '10.96.0.0/16'
/** Address of the DNS Service. */
export const DNS_ADDRESS = '10.96.0.10'
/** Name by which nodes pull from the cluster's own registry. */
export const REGISTRY_HOST = 'registry.notejam.local'

/** Everything about one node that follows from its number. */
export interface NodeLayout {
  readonly number: number
  readonly name: string
  readonly zone: string
  readonly address: string
  readonly podCidr: string
  readonly namespace: string
  readonly namespacePath: string
  /** Host's end of the cable. */
  readonly veth: string
  /** Configuration, image store and volumes of the node. */
  readonly folder: string
  /** Sockets and mounts; short, since a socket's path has at most 107 bytes. */
  readonly runFolder: string
  /** Parent of the kubelet's own cgroups, relative to a hierarchy. */
  readonly podCgroup: string
  /** Cgroup of the node's programs, relative to a hierarchy. */
  readonly systemCgroup: string
}

/** Names, addresses and folders of one cluster: all follow from its name and its slot, so that two never meet. */
export interface ClusterLayout {
  readonly name: string
  readonly slot: number
  readonly folder: string
  readonly runFolder: string
  readonly bridge: string
  /** Host's address on the bridge; the control plane and the add-ons listen on it. */
  readonly gateway: string
  readonly nodesCidr: string
  /** Addresses of all pods. */
  readonly podsCidr: string
  readonly cgroup: string
  readonly systemCgroup: string
  readonly nodes: readonly NodeLayout[]
}

const NAME = /^[a-z][a-z0-9-]{0,18}[a-z0-9]$|^[a-z]$/

/** @throws ClusterError `Usage` for a name that cannot be part of folder, namespace and cgroup names */
export function checkClusterName(name: string): string {
  if (NAME.test(name)) return name
  throw new ClusterError(
    'Usage',
    `"${name}" is no cluster name: use 1 to 20 of a-z, 0-9 and -, beginning with a letter and not ending with -`,
  )
}

/** State folder of a cluster. */
export const clusterFolder = (name: string): string => join(stateFolder(), 'clusters', name)

/** Sockets and mounts of a cluster. */
export const clusterRunFolder = (name: string): string => join('/run/notejam', name)

/** The whole layout; nodes are numbered from 1. Pure. */
export function clusterLayout(name: string, slot: number, nodeCount: number): ClusterLayout {
  const folder = clusterFolder(name)
  const runFolder = clusterRunFolder(name)
  const cgroup = `notejam/${name}`
  const node = (number: number): NodeLayout => ({
    number,
    name: `node${number}`,
    zone: `zone${number}`,
    address: `10.89.${slot}.${10 + number}`,
    podCidr: `10.90.${slot * 8 + number}.0/24`,
    namespace: `notejam-${name}-${number}`,
    namespacePath: `/run/netns/notejam-${name}-${number}`,
    veth: `njv${slot}-${number}`,
    folder: join(folder, `node${number}`),
    runFolder: join(runFolder, `node${number}`),
    podCgroup: `${cgroup}/node${number}`,
    systemCgroup: `${cgroup}/system-node${number}`,
  })
  return {
    name,
    slot,
    folder,
    runFolder,
    bridge: `njbr${slot}`,
    gateway: `10.89.${slot}.1`,
    nodesCidr: `10.89.${slot}.0/24`,
    podsCidr: `10.90.${slot * 8}.0/21`,
    cgroup,
    systemCgroup: `${cgroup}/system`,
    nodes: Array.from({ length: nodeCount }, (_, index) => node(index + 1)),
  }
}

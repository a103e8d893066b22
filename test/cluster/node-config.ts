import { join } from 'node:path'
import { stringify } from 'yaml'
import { type ClusterLayout, DNS_ADDRESS, type NodeLayout } from './cluster-layout.ts'

/** Name under which every node has the sandbox image, imported from a file and never pulled. */
export const SANDBOX_IMAGE = 'localhost/notejam/pause:local'

/** Socket of the node's containerd. */
export const containerdSocket = (node: NodeLayout): string => join(node.runFolder, 'containerd.sock')

/** What the files of a node need to know beside the layout. */
export interface NodeConfigOptions {
  readonly layout: ClusterLayout
  readonly node: NodeLayout
  /** Folder of the CNI programs, which distributions put in different places. */
  readonly cniBinaries: string
  /** Path of a file in the cluster's PKI folder. */
  readonly pki: (file: string) => string
}

/** One file of a node. */
export interface ConfigFile {
  readonly path: string
  readonly text: string
}

/** containerd's configuration: version 2 is read by 1.6 and 1.7, and converted by 2.x. */
function containerdConfig({ layout, node, cniBinaries }: NodeConfigOptions): string {
  const text = (value: string): string => JSON.stringify(value)
  return `version = 2
root = ${text(join(node.folder, 'containerd'))}
state = ${text(join(node.runFolder, 'containerd'))}
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
  address = ${text(containerdSocket(node))}

[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(node.folder, 'opt'))}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(SANDBOX_IMAGE)}
  # Without CAP_SYS_RESOURCE nobody may lower a process's oom_score_adj.
  restrict_oom_score_adj = true
  # Network namespaces of pods are mounts below the node's own folder: whatever happens, they can be found and removed.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(cniBinaries)}
    conf_dir = ${text(join(node.folder, 'cni'))}
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ${text(join(layout.folder, 'certs.d'))}
`
}

/**
 * `ptp` gives each pod a cable of its own to the node and no switch between pods, so that answers of a Service on the same node pass the
 * node's connection tracking even where bridged frames do not pass the packet filter. Every range needs a folder of its own: the default
 * one is shared, and addresses would leak from node to node.
 */
function cniConfig(node: NodeLayout): unknown {
  const ipam = {
    type: 'host-local',
    dataDir: join(node.folder, 'ipam'),
    ranges: [[{ subnet: node.podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const plugins = [
    { type: 'ptp', ipMasq: false, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ]
  return { cniVersion: '1.0.0', name: 'pods', plugins }
}

function kubeletConfig({ node, pki }: NodeConfigOptions): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: pki('ca.crt') } },
    authorization: { mode: 'Webhook' },
    address: node.address,
    healthzBindAddress: '127.0.0.1',
    tlsCertFile: pki(`kubelet${node.number}.crt`),
    tlsPrivateKeyFile: pki(`kubelet${node.number}.key`),
    containerRuntimeEndpoint: `unix://${containerdSocket(node)}`,
    // Two kubelets below one root delete each other's pods, and clean each other's logs.
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${node.podCgroup}`,
    podLogsDir: join(node.folder, 'pod-logs'),
    resolvConf: join(node.folder, 'resolv.conf'),
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: 'cluster.local',
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    serializeImagePulls: false,
    maxPods: 100,
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    // The disk is shared with everything else on the machine: its fill says nothing about the cluster.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '1%', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%' },
  }
}

function proxyConfig({ layout, node, pki }: NodeConfigOptions): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: layout.podsCidr,
    clientConnection: { kubeconfig: pki('proxy.conf') },
    hostnameOverride: node.name,
    // These sysctls belong to the machine, not to a namespace of it.
    conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    oomScoreAdj: 0,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
  }
}

/** All files of a node. Pure. */
export function nodeConfigFiles(options: NodeConfigOptions): readonly ConfigFile[] {
  const { layout, node } = options
  const file = (name: string, text: string): ConfigFile => ({ path: join(node.folder, name), text })
  return [
    file('containerd.toml', containerdConfig(options)),
    file('cni/10-pods.conflist', `${JSON.stringify(cniConfig(node), undefined, 2)}\n`),
    file('kubelet.yaml', stringify(kubeletConfig(options))),
    file('kube-proxy.yaml', stringify(proxyConfig(options))),
    // What a pod with `dnsPolicy: Default` asks; the cluster's own DNS server forwards to the host's.
    file('resolv.conf', `nameserver ${layout.gateway}\n`),
  ]
}

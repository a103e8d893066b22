import { childMetadata, childName, instanceLabels, selectorLabels } from '../../api/labels.ts'
import type { NamedStore } from '../../backup/resources/store-pod.ts'
import type { DynamicObject } from '../../kube/object.ts'
import type { Connection } from '../connection.ts'
import { endpointOf, type Endpoint } from '../endpoint.ts'
import { databaseName, workloadName } from './names.ts'
import { ports, type RenderInput } from './render-input.ts'

/** What the policies depend on beside the instance. */
export interface NetworkInput extends RenderInput {
  readonly connection: Connection
  /** The mail server; undefined where there is none. */
  readonly mail: Endpoint | undefined
  /** Where archives go, and where one is read from. */
  readonly stores?: readonly NamedStore[]
}

/** Label of namespaces whose pods may read metrics and health. */
const monitoringLabel = 'notejam.io/monitoring'

/**
 * The policies of an instance: its pods reach the database and names, and are reached by nobody; those of the app are reached on their web port, and
 * reach the mail server and what the spec adds. Policies add up, so the pods of Jobs are held by the first alone. Probes come from the node, which may
 * always reach its pods (Kubernetes documentation, "Network Policies").
 */
export function buildNetworkPolicies(input: NetworkInput): readonly DynamicObject[] {
  const { instance } = input
  if (instance.spec.networkPolicy?.mode === 'Disabled') return []
  const policy = (name: string, spec: Readonly<Record<string, unknown>>): DynamicObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: childMetadata(instance, 'app', name),
    spec: { ...spec, policyTypes: ['Ingress', 'Egress'] },
  })
  const smoke = selectorLabels(instance.metadata.name, 'smoke')
  const app = selectorLabels(instance.metadata.name, 'app')
  const database = selectorLabels(instance.metadata.name, 'database')
  const isBuiltIn = input.connection.type === 'Server' && input.connection.builtIn === true
  // The server of the instance itself asks nobody, not even for names.
  const client = isBuiltIn ? { matchExpressions: [{ key: 'app.kubernetes.io/component', operator: 'NotIn', values: ['database'] }] } : {}
  const clients = { matchLabels: instanceLabels(instance.metadata.name), ...client }
  return [
    policy(childName(instance.metadata.name, 'default'), {
      podSelector: clients,
      egress: [
        // Wherever names are resolved: in the cluster or on the node.
        { ports: [port(53, 'UDP'), port(53)] },
        ...(input.connection.type === 'Server' && !isBuiltIn ? [way(input.connection.endpoint)] : []),
        ...(isBuiltIn ? [{ to: [{ podSelector: { matchLabels: database } }], ports: databasePorts(input) }] : []),
      ],
    }),
    policy(workloadName(instance), {
      podSelector: { matchLabels: app },
      ingress: [
        { ...webPeers(input), ports: [port(ports.http)] },
        { from: [{ podSelector: { matchLabels: smoke } }], ports: [port(ports.http)] },
        { from: [{ namespaceSelector: { matchLabels: { [monitoringLabel]: 'true' } } }], ports: [port(ports.ops)] },
      ],
      egress: [...(input.mail === undefined ? [] : [way(input.mail)]), ...(instance.spec.networkPolicy?.egress ?? [])],
    }),
    ...(isBuiltIn
      ? [
          policy(databaseName(instance), {
            podSelector: { matchLabels: database },
            ingress: [{ from: [{ podSelector: clients }], ports: databasePorts(input) }],
          }),
        ]
      : []),
    ...storePolicies(input).map((spec) => policy(childName(instance.metadata.name, 'backup'), spec)),
    // The Job that tries the pages of what serves.
    policy(childName(instance.metadata.name, 'smoke'), {
      podSelector: { matchLabels: smoke },
      egress: [{ to: [{ podSelector: { matchLabels: app } }], ports: [port(ports.http)] }],
    }),
  ]
}

/**
 * Where a pod without keys of its own gets some: a token service under a name (Amazon's STS), or the agent of the node (Amazon EKS documentation, "Pod
 * Identity Agent", addresses).
 */
const identityWays = [
  { ports: [port(443)] },
  { to: [{ ipBlock: { cidr: '169.254.170.23/32' } }, { ipBlock: { cidr: 'fd00:ec2::23/128' } }], ports: [port(80)] },
]

/** The way of backups to their stores. A volume needs none; a name resolves to many addresses, so only the port holds for it. */
function storePolicies({ instance, stores = [] }: NetworkInput): readonly Readonly<Record<string, unknown>>[] {
  const urls = new Set(stores.map(({ spec }) => spec.s3?.endpoint))
  const endpoints = [...urls].flatMap((url) => endpointOfStore(url) ?? [])
  if (endpoints.length === 0) return []
  const identified = stores.some(({ spec }) => spec.s3 !== undefined && spec.s3.credentialsSecretRef === undefined)
  const egress = [...endpoints.map(way), ...(identified ? identityWays : [])]
  return [{ podSelector: { matchLabels: selectorLabels(instance.metadata.name, 'backup') }, egress }]
}

function endpointOfStore(url: string | undefined): Endpoint | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { protocol, hostname, port: number } = new URL(url)
  return endpointOf(hostname.replaceAll(/^\[|\]$/g, ''), number === '' ? (protocol === 'https:' ? 443 : 80) : Number(number))
}

/**
 * Who reaches the app: what the spec says; else everybody where people reach it from outside (an ingress controller may run on the node's own network,
 * where no selector finds it), and the pods of its own namespace where not.
 */
function webPeers({ instance }: RenderInput): { readonly from?: readonly unknown[] } {
  const { http, networkPolicy } = instance.spec
  if (networkPolicy?.ingress !== undefined) return { from: networkPolicy.ingress }
  const isExposed = http?.ingress !== undefined || http?.gateway !== undefined || (http?.service?.type ?? 'ClusterIP') !== 'ClusterIP'
  return isExposed ? {} : { from: [{ podSelector: {} }] }
}

function databasePorts({ connection }: NetworkInput) {
  return connection.type === 'Server' ? [port(connection.endpoint.port)] : []
}

function way({ port: number, address }: Endpoint) {
  const to = address === undefined ? {} : { to: [{ ipBlock: { cidr: `${address}/${address.includes(':') ? 128 : 32}` } }] }
  return { ports: [port(number)], ...to }
}

function port(number: number, protocol: 'TCP' | 'UDP' = 'TCP') {
  return { port: number, protocol }
}

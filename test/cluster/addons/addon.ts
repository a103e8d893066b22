import type { KubeObject } from '../api-client.ts'
import type { ClusterLayout } from '../cluster-layout.ts'
import type { ComponentSpec } from '../component.ts'

/** What an add-on is made from. */
export interface AddonContext {
  readonly layout: ClusterLayout
  /** Path of a new kubeconfig for a user of this name, with no more permissions than the add-on's objects give it. */
  readonly user: (name: string) => string
  /** Path of a file in the cluster's PKI folder. */
  readonly pki: (file: string) => string
  /** Writes a file below the add-on's folder, gives its path. */
  readonly file: (name: string, text: string) => string
}

/**
 * A part of the cluster that is no part of Kubernetes: objects, and a program that runs on the host beside the control plane, as a cloud's
 * load balancer or DNS does (docs/adr/0010-add-ons-run-beside-the-nodes.md).
 */
export interface AddonPlan {
  readonly objects: readonly KubeObject[]
  readonly component: ComponentSpec
  /** What tells that the program serves. */
  readonly ready: () => Promise<boolean>
}

const RBAC = 'rbac.authorization.k8s.io'

/** One rule of a role. */
export interface RoleRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** Verbs of those who look only. */
export const READ = ['get', 'list', 'watch'] as const

/** A ClusterRole and its binding to a user who is named after it. */
export function clusterRoleFor(user: string, rules: readonly RoleRule[]): readonly KubeObject[] {
  return [
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: user }, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: user },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: user },
      subjects: [{ apiGroup: RBAC, kind: 'User', name: user }],
    },
  ]
}

/** One port of a Service that stands for a program on the host. */
export interface HostPort {
  readonly name: string
  readonly port: number
  readonly targetPort: number
  readonly protocol: 'TCP' | 'UDP'
}

/** A Service without selector whose only end is an address of the host. */
export function hostService(options: {
  readonly name: string
  readonly namespace: string
  readonly address: string
  readonly ports: readonly HostPort[]
  readonly clusterIP?: string
}): readonly KubeObject[] {
  const { name, namespace, address, ports, clusterIP } = options
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ...(clusterIP === undefined ? {} : { clusterIP }), ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-host`,
        namespace,
        labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'notejam-cluster' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: ports.map(({ name: port, targetPort, protocol }) => ({ name: port, port: targetPort, protocol })),
    },
  ]
}

import { clusterRoleRules, INGRESS_CLASS } from './addons/ingress.ts'
import type { KubeObject } from './api-client.ts'
import { binaryVersion } from './binaries.ts'

const NAMESPACE = 'traefik'
const RBAC = 'rbac.authorization.k8s.io'

/** Traefik in a pod with a host port, for clusters that have no host of ours to run it on. Pure. */
export function kindIngressObjects(): readonly KubeObject[] {
  const labels = { app: 'traefik' }
  const metadata = { name: 'traefik', namespace: NAMESPACE }
  const args = [
    '--entrypoints.web.address=:80',
    '--ping=true',
    '--providers.kubernetesingress=true',
    `--providers.kubernetesingress.ingressclass=${INGRESS_CLASS}`,
    '--providers.kubernetesingress.ingressendpoint.ip=127.0.0.1',
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
  ]
  const container = {
    name: 'traefik',
    image: `docker.io/library/traefik:v${binaryVersion('traefik')}`,
    args,
    ports: [{ name: 'web', containerPort: 80, hostPort: 80 }],
    readinessProbe: { httpGet: { path: '/ping', port: 8080 } },
  }
  return [
    // A host port is more than the baseline profile allows.
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: 'notejam:traefik' }, rules: clusterRoleRules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'notejam:traefik' },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'notejam:traefik' },
      subjects: [{ kind: 'ServiceAccount', name: 'traefik', namespace: NAMESPACE }],
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: INGRESS_CLASS, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'traefik',
            // The first node is the one whose port 80 is a port of this machine.
            nodeSelector: { 'topology.kubernetes.io/zone': 'zone1' },
            tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }],
            containers: [container],
          },
        },
      },
    },
  ]
}

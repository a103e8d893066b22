import { request } from 'undici'
import { type AddonContext, type AddonPlan, clusterRoleFor, READ, type RoleRule } from './addon.ts'

const USER = 'notejam:traefik'
const PING_PORT = 8082

/** Name of the IngressClass, which is the default one. */
export const INGRESS_CLASS = 'traefik'

/** What Traefik reads of a cluster, and the one thing that it writes. */
export const clusterRoleRules: readonly RoleRule[] = [
  { apiGroups: [''], resources: ['services', 'secrets', 'nodes', 'configmaps'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: READ },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['update'] },
]

/** Traefik on a port of the host's loopback: what a load balancer in front of a cluster is. It reaches pods by the host's routes. */
export function ingressAddon(context: AddonContext, binary: string, port: number): AddonPlan {
  const { layout } = context
  return {
    objects: [
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: INGRESS_CLASS, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
        spec: { controller: 'traefik.io/ingress-controller' },
      },
      ...clusterRoleFor(USER, clusterRoleRules),
    ],
    component: {
      name: 'traefik',
      command: [
        binary,
        '--global.checknewversion=false',
        '--global.sendanonymoususage=false',
        '--log.level=INFO',
        '--accesslog=false',
        `--entrypoints.web.address=127.0.0.1:${port}`,
        `--entrypoints.ping.address=${layout.gateway}:${PING_PORT}`,
        '--ping=true',
        '--ping.entrypoint=ping',
        '--providers.kubernetesingress=true',
        `--providers.kubernetesingress.ingressclass=${INGRESS_CLASS}`,
        '--providers.kubernetesingress.ingressendpoint.ip=127.0.0.1',
      ],
      env: { KUBECONFIG: context.user(USER), GOMAXPROCS: '2' },
    },
    ready: async () => (await request(`http://${layout.gateway}:${PING_PORT}/ping`, { headersTimeout: 1000 })).statusCode === 200,
  }
}

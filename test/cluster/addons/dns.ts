import { existsSync, readFileSync } from 'node:fs'
import { request } from 'undici'
import { DNS_ADDRESS } from '../cluster-layout.ts'
import { type AddonContext, type AddonPlan, clusterRoleFor, hostService, READ } from './addon.ts'

const USER = 'notejam:coredns'
/** On the cluster's own address, so it meets nobody. */
const READY_PORT = 8181

/** Whether the host knows a server to ask for other names; CoreDNS refuses to start when told to forward to none. */
function hostForwards(): boolean {
  return existsSync('/etc/resolv.conf') && /^\s*nameserver\s/m.test(readFileSync('/etc/resolv.conf', 'utf8'))
}

/** Text of the Corefile. Pure. */
export function corefile(options: {
  readonly address: string
  readonly kubeconfig: string
  readonly context: string
  readonly forward: boolean
}): string {
  return `.:53 {
    bind ${options.address}
    errors
    ready ${options.address}:${READY_PORT}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${options.kubeconfig} ${options.context}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }
${options.forward ? '    forward . /etc/resolv.conf\n' : ''}    cache 5 {
        disable success cluster.local
        disable denial cluster.local
    }
}
`
}

/** CoreDNS on the cluster's host address, with the Service that every kubelet tells its pods. */
export function dnsAddon(context: AddonContext, binary: string): AddonPlan {
  const { layout } = context
  const address = layout.gateway
  const kubeconfig = context.user(USER)
  const config = context.file('Corefile', corefile({ address, kubeconfig, context: `notejam-${layout.name}`, forward: hostForwards() }))
  return {
    objects: [
      ...clusterRoleFor(USER, [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: READ },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
      ]),
      ...hostService({
        name: 'kube-dns',
        namespace: 'kube-system',
        address,
        clusterIP: DNS_ADDRESS,
        ports: [
          { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
        ],
      }),
    ],
    component: { name: 'coredns', command: [binary, '-conf', config] },
    ready: async () => (await request(`http://${address}:${READY_PORT}/ready`, { headersTimeout: 1000 })).statusCode === 200,
  }
}

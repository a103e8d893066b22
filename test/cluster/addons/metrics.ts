import { type AddonContext, type AddonPlan, clusterRoleFor, hostService, READ } from './addon.ts'

const USER = 'notejam:metrics-server'
const PORT = 4443

/** metrics-server, so that HorizontalPodAutoscalers see the use of processor and memory. It refuses to look more often than every 10 s. */
export function metricsAddon(context: AddonContext, binary: string, available: () => Promise<boolean>): AddonPlan {
  const { layout } = context
  const kubeconfig = context.user(USER)
  return {
    objects: [
      ...clusterRoleFor(USER, [
        { apiGroups: [''], resources: ['nodes', 'pods', 'namespaces', 'configmaps'], verbs: READ },
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
        { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      ]),
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'notejam:metrics-reader', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
        rules: [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: READ }],
      },
      ...hostService({
        name: 'metrics-server',
        namespace: 'kube-system',
        address: layout.gateway,
        ports: [{ name: 'https', port: 443, targetPort: PORT, protocol: 'TCP' }],
      }),
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1beta1.metrics.k8s.io' },
        spec: {
          group: 'metrics.k8s.io',
          version: 'v1beta1',
          service: { name: 'metrics-server', namespace: 'kube-system' },
          insecureSkipTLSVerify: true,
          groupPriorityMinimum: 100,
          versionPriority: 100,
        },
      },
    ],
    component: {
      name: 'metrics-server',
      command: [
        binary,
        `--kubeconfig=${kubeconfig}`,
        `--authentication-kubeconfig=${kubeconfig}`,
        `--authorization-kubeconfig=${kubeconfig}`,
        `--bind-address=${layout.gateway}`,
        `--secure-port=${PORT}`,
        `--cert-dir=${layout.folder}/metrics-server`,
        '--kubelet-insecure-tls',
        '--kubelet-preferred-address-types=InternalIP',
        '--metric-resolution=15s',
      ],
    },
    ready: available,
  }
}

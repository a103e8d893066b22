import type { KubeObject } from '../cluster/api-client.ts'

const RESTRICTED = {
  container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  pod: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
} as const

/** A command for `restrictedPod` that waits, so that `kubectl exec` has somewhere to run. */
export const client = { command: ['node', '-e', 'setInterval(() => {}, 1000)'] } as const

/** A pod under the `restricted` profile from the image `node`. */
export interface PodOptions {
  readonly namespace: string
  readonly name: string
  readonly image: string
  readonly command: readonly string[]
  readonly node?: string
  /** Mounts the claim of `claim` at /data. */
  readonly volume?: boolean
}

/** A pod that does what its command says. */
export function restrictedPod(options: PodOptions): KubeObject {
  const { namespace, name, image, command, node, volume = false } = options
  const container = {
    name,
    image,
    command,
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
    securityContext: RESTRICTED.container,
    ...(volume ? { volumeMounts: [{ name: 'data', mountPath: '/data' }] } : {}),
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
      terminationGracePeriodSeconds: 1,
      securityContext: RESTRICTED.pod,
      containers: [container],
      ...(volume ? { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } : {}),
    },
  }
}

/** A claim of the default StorageClass, named `data`. */
export function dataClaim(namespace: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } },
  }
}

const ECHO = `require('node:http').createServer((request, response) => {
  response.end(JSON.stringify({ node: process.env.NODE_NAME, peer: request.socket.remoteAddress.replace('::ffff:', ''), host: request.headers.host }))
}).listen(8080)`

/** A Deployment, spread over the nodes, and a Service of servers that say which node they are on and who asks. */
export function echoServer(options: {
  readonly namespace: string
  readonly image: string
  readonly replicas: number
}): readonly KubeObject[] {
  const { namespace, image, replicas } = options
  const labels = { app: 'echo' }
  const { spec } = restrictedPod({ namespace, name: 'echo', image, command: ['node', '-e', ECHO] }) as KubeObject & {
    readonly spec: { readonly containers: readonly object[] }
  }
  const containers = spec.containers.map((container) =>
    Object.assign(container, {
      env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
      readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    }),
  )
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: labels },
  }
  const template = { metadata: { labels }, spec: { ...spec, containers, topologySpreadConstraints: [spread] } }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'echo', namespace },
      spec: { replicas, selector: { matchLabels: labels }, template },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo', namespace }, spec: { selector: labels, ports: [{ port: 8080 }] } },
  ]
}

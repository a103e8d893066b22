import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The Ingress for the hosts of the spec; none where the spec has no ingress. */
export function buildIngress({ instance }: RenderInput): DynamicObject | undefined {
  const { ingress, hosts = [] } = instance.spec.http ?? {}
  if (ingress === undefined) return undefined
  const backend = { service: { name: workloadName(instance), port: { name: 'http' } } }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: childMetadata(instance, 'app', workloadName(instance), ingress.annotations),
    spec: {
      ...(ingress.className === undefined ? {} : { ingressClassName: ingress.className }),
      ...(ingress.tls === undefined ? {} : { tls: [{ hosts, secretName: ingress.tls.secretRef.name }] }),
      rules: hosts.map((host) => ({ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } })),
    },
  }
}

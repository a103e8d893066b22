import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import type { Resource } from '../../kube/resource.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** HTTPRoutes of the Gateway API, whose definitions not every cluster has. */
export const httpRoutes: Resource = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  plural: 'httproutes',
  kind: 'HTTPRoute',
  namespaced: true,
}

/** The route from the Gateways of the spec to the Service; none where the spec has no gateway. */
export function buildHTTPRoute({ instance }: RenderInput): DynamicObject | undefined {
  const { gateway, hosts = [] } = instance.spec.http ?? {}
  if (gateway === undefined) return undefined
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: childMetadata(instance, 'app', workloadName(instance)),
    spec: {
      parentRefs: gateway.parentRefs,
      hostnames: hosts,
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: workloadName(instance), port: 80 }],
        },
      ],
    },
  }
}

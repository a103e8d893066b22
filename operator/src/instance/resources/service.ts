import { childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The Service before the app's pods; only their web port, the ops port stays inside. */
export function buildService({ instance }: RenderInput): DynamicObject {
  const { service, allowFrom = [] } = instance.spec.http ?? {}
  const { type = 'ClusterIP', annotations } = service ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(instance, 'app', workloadName(instance), annotations),
    spec: {
      type,
      selector: selectorLabels(instance.metadata.name, 'app'),
      ...sourceOf(type, allowFrom),
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
    },
  }
}

/** Where only some may ask, the pods must see who does: without a proxy before them, nobody else tells. */
function sourceOf(type: string, allowFrom: readonly string[]) {
  if (type === 'ClusterIP' || allowFrom.length === 0) return {}
  const ranges = allowFrom.map((range) => (range.includes('/') ? range : `${range}/${range.includes(':') ? 128 : 32}`))
  return { externalTrafficPolicy: 'Local', ...(type === 'LoadBalancer' ? { loadBalancerSourceRanges: ranges } : {}) }
}

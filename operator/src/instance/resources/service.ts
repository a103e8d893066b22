import { childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The Service before the app's pods; only their web port, the ops port stays inside. */
export function buildService({ instance }: RenderInput): DynamicObject {
  const { type = 'ClusterIP', annotations } = instance.spec.http?.service ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(instance, 'app', workloadName(instance), annotations),
    spec: {
      type,
      selector: selectorLabels(instance.metadata.name, 'app'),
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
    },
  }
}

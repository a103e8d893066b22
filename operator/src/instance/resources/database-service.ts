import { childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { databaseServer } from './database-scripts.ts'
import { databaseName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/**
 * The name of the built-in database; none where it is somebody else's. Headless, as a StatefulSet wants it, and kept while the server is not ready: one
 * pod has nobody to hand over to, and "nobody listens" says more than a name that is unknown.
 */
export function buildDatabaseService({ instance, policy }: RenderInput): DynamicObject | undefined {
  const { type } = instance.spec.database
  if (policy.database === undefined || type === 'SQLite') return undefined
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(instance, 'database', databaseName(instance)),
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(instance.metadata.name, 'database'),
      ports: [{ name: 'database', port: databaseServer.ports[type], targetPort: 'database', protocol: 'TCP' }],
    },
  }
}

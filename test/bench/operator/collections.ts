/** A collection of the API: its path over all namespaces, and its kind. */
export interface Collection {
  readonly path: string
  readonly apiVersion: string
  readonly kind: string
}

const collection = (path: string, apiVersion: string, kind: string): Collection => ({ path, apiVersion, kind })

/** Collections that the measurements read or write. */
export const collections = {
  instances: collection('/apis/notejam.io/v1/notejaminstances', 'notejam.io/v1', 'NotejamInstance'),
  secrets: collection('/api/v1/secrets', 'v1', 'Secret'),
  claims: collection('/api/v1/persistentvolumeclaims', 'v1', 'PersistentVolumeClaim'),
  services: collection('/api/v1/services', 'v1', 'Service'),
  deployments: collection('/apis/apps/v1/deployments', 'apps/v1', 'Deployment'),
  ingresses: collection('/apis/networking.k8s.io/v1/ingresses', 'networking.k8s.io/v1', 'Ingress'),
  networkPolicies: collection('/apis/networking.k8s.io/v1/networkpolicies', 'networking.k8s.io/v1', 'NetworkPolicy'),
  jobs: collection('/apis/batch/v1/jobs', 'batch/v1', 'Job'),
  pods: collection('/api/v1/pods', 'v1', 'Pod'),
} as const

/** Children of an instance, in the order in which the operator applies them; the migration Job comes first in its life. */
export const childCollections: readonly Collection[] = [
  collections.secrets,
  collections.claims,
  collections.services,
  collections.networkPolicies,
  collections.deployments,
  collections.ingresses,
  collections.jobs,
]

/** A resource of the API as its paths and verbs need it. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string
  readonly version: string
  /** Lower-case plural, the word in the path. */
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

function namespaced(group: string, version: string, plural: string, kind: string): Resource {
  return { group, version, plural, kind, namespaced: true }
}

function clusterScoped(group: string, version: string, plural: string, kind: string): Resource {
  return { group, version, plural, kind, namespaced: false }
}

/** The built-in resources that need no discovery. */
export const resources = {
  configMaps: namespaced('', 'v1', 'configmaps', 'ConfigMap'),
  endpoints: namespaced('', 'v1', 'endpoints', 'Endpoints'),
  namespaces: clusterScoped('', 'v1', 'namespaces', 'Namespace'),
  nodes: clusterScoped('', 'v1', 'nodes', 'Node'),
  persistentVolumeClaims: namespaced('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  persistentVolumes: clusterScoped('', 'v1', 'persistentvolumes', 'PersistentVolume'),
  pods: namespaced('', 'v1', 'pods', 'Pod'),
  secrets: namespaced('', 'v1', 'secrets', 'Secret'),
  serviceAccounts: namespaced('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  services: namespaced('', 'v1', 'services', 'Service'),
  deployments: namespaced('apps', 'v1', 'deployments', 'Deployment'),
  replicaSets: namespaced('apps', 'v1', 'replicasets', 'ReplicaSet'),
  statefulSets: namespaced('apps', 'v1', 'statefulsets', 'StatefulSet'),
  horizontalPodAutoscalers: namespaced('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  cronJobs: namespaced('batch', 'v1', 'cronjobs', 'CronJob'),
  jobs: namespaced('batch', 'v1', 'jobs', 'Job'),
  leases: namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  endpointSlices: namespaced('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  events: namespaced('events.k8s.io', 'v1', 'events', 'Event'),
  ingresses: namespaced('networking.k8s.io', 'v1', 'ingresses', 'Ingress'),
  networkPolicies: namespaced('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy'),
  podDisruptionBudgets: namespaced('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  roles: namespaced('rbac.authorization.k8s.io', 'v1', 'roles', 'Role'),
  roleBindings: namespaced('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding'),
  storageClasses: clusterScoped('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass'),
  customResourceDefinitions: clusterScoped('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition'),
} as const satisfies Readonly<Record<string, Resource>>

/** `v1`, `apps/v1`: what an object of this resource carries as `apiVersion`. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** `deployments.apps`, `services`: the name that kubectl, roles and our messages use. */
export function resourceName(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

/** Where in a resource a path leads. Without a name it is the collection; without a namespace, the collection over all of them. */
export interface PathParts {
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

/** Path of a collection, an object or a subresource. */
export function resourcePath(resource: Resource, { namespace = '', name, subresource }: PathParts = {}): string {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const scope = resource.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${base}${scope}/${resource.plural}${object}${subresource === undefined ? '' : `/${subresource}`}`
}

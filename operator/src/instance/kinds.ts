import type { Resource } from '../kube/resource.ts'
/** NotejamInstances, as paths need them. */
export const notejamInstances: Resource = {
  group: 'notejam.io',
  version: 'v1',
  plural: 'notejaminstances',
  kind: 'NotejamInstance',
  namespaced: true,
}

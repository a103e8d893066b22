import { managedBySelector } from '../api/labels.ts'
import type { Pod } from '../api/objects.ts'
import { resources } from '../kube/resource.ts'
import type { ControllerOptions } from '../runtime/reconciler.ts'
import { source, type AccessRule } from '../runtime/source.ts'
import { childIndexes, instanceIndexes, instanceOf, podsByInstance } from './indexes.ts'
import { notejamInstances } from './kinds.ts'
import { childResources } from './resources/children.ts'
import { httpRoutes } from './resources/http-route.ts'
import { createInstanceReconciler, type InstanceReconcilerOptions } from './reconcile.ts'

/** Children that are applied: read by name where they may be somebody else's, written, deleted. */
const applied = [...childResources, resources.jobs]

/** What the controller calls; the chart's role is made of it. */
export const instanceAccess: readonly AccessRule[] = [
  { resource: notejamInstances, subresource: 'status', verbs: ['patch'] },
  // Who approved an image stands in its managedFields, which the caches drop.
  { resource: notejamInstances, verbs: ['get'] },
  // To set blockOwnerDeletion on a child one must be allowed to change the owner's finalizers (admission plugin OwnerReferencesPermissionEnforcement).
  { resource: notejamInstances, subresource: 'finalizers', verbs: ['update'] },
  // The finalizer of an instance whose volume stays, and the deletion of one whose time is over.
  { resource: notejamInstances, verbs: ['patch', 'delete'] },
  ...applied.map((resource): AccessRule => ({ resource, verbs: ['get', 'create', 'patch', 'delete'] })),
  { resource: resources.secrets, verbs: ['get', 'create'] },
]

/** The controller of NotejamInstances. */
export function instanceController(options: InstanceReconcilerOptions): ControllerOptions {
  return {
    name: 'notejaminstance',
    primary: { resource: notejamInstances, indexes: instanceIndexes },
    sources: [
      ...applied.map((resource) =>
        source({ resource, labelSelector: managedBySelector, optional: resource === httpRoutes, indexes: childIndexes(resource) }),
      ),
      source<Pod>({
        resource: resources.pods,
        labelSelector: managedBySelector,
        map: (pod) => instanceOf(pod).map((name) => ({ namespace: pod.metadata.namespace ?? '', name })),
        indexes: { [podsByInstance]: (pod) => instanceOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`) },
      }),
    ],
    access: instanceAccess,
    reconcile: createInstanceReconciler(options),
  }
}

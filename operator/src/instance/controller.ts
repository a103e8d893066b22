import { managedBySelector } from '../api/labels.ts'
import type { NotejamBackup, NotejamInstance, NotejamRestore } from '../api/notejam.ts'
import type { Pod } from '../api/objects.ts'
import { backupIndexes, dataJobIndexes, restoreIndexes } from '../backup/backup-indexes.ts'
import { notejamBackups, notejamBackupStores, notejamRestores } from '../backup/kinds.ts'
import { storeNames } from '../backup/stores.ts'
import { keyOf, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
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
  { resource: notejamBackups, verbs: ['get', 'create', 'patch', 'delete'] },
  { resource: resources.secrets, verbs: ['get', 'create'] },
]

/** The controller of NotejamInstances. */
export function instanceController(options: InstanceReconcilerOptions): ControllerOptions {
  return {
    name: 'notejaminstance',
    primary: { resource: notejamInstances, indexes: instanceIndexes },
    sources: [
      ...applied.map((resource) =>
        source({
          ...{ resource, labelSelector: managedBySelector, optional: resource === httpRoutes },
          indexes: { ...childIndexes(resource), ...(resource === resources.jobs ? dataJobIndexes : {}) },
          // Those of the schedule and of backups belong to their CronJob and NotejamBackup, and a volume that is kept to nobody.
          ...(resource === resources.jobs || resource === resources.persistentVolumeClaims ? { map: instanceKeys } : {}),
        }),
      ),
      source<NotejamBackup>({
        resource: notejamBackups,
        map: ({ metadata, spec }) => [{ namespace: metadata.namespace ?? '', name: spec.instanceRef.name }],
        indexes: backupIndexes,
      }),
      source({ resource: notejamBackupStores, map: usersOfStore }),
      source<NotejamRestore>({
        resource: notejamRestores,
        map: ({ metadata, spec }) => [{ namespace: metadata.namespace ?? '', name: spec.instanceRef.name }],
        indexes: restoreIndexes,
      }),
      source<Pod>({
        resource: resources.pods,
        labelSelector: managedBySelector,
        map: instanceKeys,
        indexes: { [podsByInstance]: (pod) => instanceOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`) },
      }),
    ],
    access: instanceAccess,
    reconcile: createInstanceReconciler(options),
  }
}

/** The instance that an object belongs to by its labels. */
function instanceKeys(object: KubeObject): readonly ObjectKey[] {
  return instanceOf(object).map((name) => ({ namespace: object.metadata.namespace ?? '', name }))
}

function usersOfStore({ metadata }: KubeObject, cache: CacheReader): readonly ObjectKey[] {
  return cache
    .list<NotejamInstance>(notejamInstances, metadata.namespace)
    .filter(({ spec }) => storeNames(spec).has(metadata.name) || spec.bootstrap?.restore.storeRef.name === metadata.name)
    .map(keyOf)
}

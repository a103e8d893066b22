import { managedBySelector, statusFieldManager } from '../api/labels.ts'
import type { NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import { childIndexes, instanceOf, podsByInstance } from '../instance/indexes.ts'
import { notejamInstances } from '../instance/kinds.ts'
import { controllerOf, keyOf, keyToString, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import type { ControllerOptions, ReconcileContext } from '../runtime/reconciler.ts'
import { after, done, type Result } from '../runtime/result.ts'
import { source, type AccessRule } from '../runtime/source.ts'
import { writeStatus } from '../runtime/write-status.ts'
import { dataJobIndexes, dataJobsByInstance } from './backup-indexes.ts'
import { notejamBackupStores } from './kinds.ts'
import { runAnnotation } from './resources/data-pod.ts'
import { finishedAt, readRun } from './run-state.ts'
import { storeStatus, type StoreUser } from './store-planner.ts'
import { findMissing, storeNames } from './stores.ts'
import { toldStore } from './told-store.ts'

/** What the controller calls; the chart's role is made of it. */
const access: readonly AccessRule[] = [
  { resource: notejamBackupStores, subresource: 'status', verbs: ['patch'] },
  { resource: resources.persistentVolumeClaims, verbs: ['get'] },
  { resource: resources.secrets, verbs: ['get'] },
]

/** Seconds until Secrets and claims are looked for again, which nothing watches: soon while one is missing. */
const missingSeconds = 10
const lookSeconds = 300

/** The controller of NotejamBackupStores: it opens none, and says what the Jobs that used it said. */
export function storeController(): ControllerOptions {
  return {
    name: 'notejambackupstore',
    primary: { resource: notejamBackupStores },
    sources: [
      source<NotejamInstance>({ resource: notejamInstances, map: storesOf }),
      source<Job>({
        resource: resources.jobs,
        labelSelector: managedBySelector,
        map: (job, cache) => storesOfMember(job, cache),
        indexes: { ...childIndexes(resources.jobs), ...dataJobIndexes },
      }),
      source<Pod>({
        resource: resources.pods,
        labelSelector: managedBySelector,
        map: 'none',
        indexes: { [podsByInstance]: (pod) => instanceOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`) },
      }),
    ],
    access,
    reconcile: reconcileStore,
  }
}

function storesOf({ metadata, spec }: NotejamInstance): readonly ObjectKey[] {
  const { namespace = '' } = metadata
  return [...storeNames(spec)].map((name) => ({ namespace, name }))
}

function storesOfMember(object: KubeObject, cache: CacheReader): readonly ObjectKey[] {
  if (object.metadata.labels?.['app.kubernetes.io/component'] !== 'backup') return []
  const { namespace = '' } = object.metadata
  return instanceOf(object).flatMap((name) => {
    const instance = cache.get<NotejamInstance>(notejamInstances, { namespace, name })
    return instance === undefined ? [] : storesOf(instance)
  })
}

async function reconcileStore(request: ObjectKey, context: ReconcileContext): Promise<Result> {
  const store = context.cache.get<NotejamBackupStore>(notejamBackupStores, request)
  if (store === undefined || store.metadata.deletionTimestamp !== undefined) return done
  const missing = await findMissing(store, context)
  const users = context.cache
    .list<NotejamInstance>(notejamInstances, request.namespace)
    .filter(({ spec }) => storeNames(spec).has(request.name))
    .map((instance) => userOf(instance, request.name, context.cache))
  const status = storeStatus({ store, missing, users, now: context.clock.now() })
  await writeStatus(context.client, notejamBackupStores, store, status, { fieldManager: statusFieldManager, signal: context.signal })
  return after(missing === undefined ? lookSeconds : missingSeconds)
}

function userOf(instance: NotejamInstance, store: string, cache: CacheReader): StoreUser {
  const key = keyToString(keyOf(instance))
  const pods = cache.byIndex<Pod>(resources.pods, podsByInstance, key)
  const runs = cache.byIndex<Job>(resources.jobs, dataJobsByInstance, key).flatMap((job) => {
    const time = finishedAt(job)
    if (time === undefined) return []
    const own = pods.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid)
    const run = readRun(job, own, job.metadata.annotations?.[runAnnotation] ?? '')
    return toldStore(instance, job, run) === store ? [{ time, run }] : []
  })
  return { instance, runs }
}

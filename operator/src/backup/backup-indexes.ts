import type { NotejamBackup, NotejamRestore } from '../api/notejam.ts'
import type { Job } from '../api/objects.ts'
import { keyToString, type KubeObject } from '../kube/object.ts'
import type { IndexFunction } from '../kube/store.ts'

/** Index of NotejamBackups by their instance, as `namespace/name`. */
export const backupsByInstance = 'backups-of-instance'
/** Index of NotejamRestores by their instance, as `namespace/name`. */
export const restoresByInstance = 'restores-of-instance'
/** Index of the Jobs of component `backup` by their instance. */
export const dataJobsByInstance = 'data-jobs-of-instance'

const instanceOfRun: IndexFunction<KubeObject> = (object) => {
  const { metadata, spec } = object as NotejamBackup | NotejamRestore
  return [keyToString({ namespace: metadata.namespace ?? '', name: spec.instanceRef.name })]
}

/** Indexes of NotejamBackups. */
export const backupIndexes: Readonly<Record<string, IndexFunction<KubeObject>>> = { [backupsByInstance]: instanceOfRun }

/** Indexes of NotejamRestores. */
export const restoreIndexes: Readonly<Record<string, IndexFunction<KubeObject>>> = { [restoresByInstance]: instanceOfRun }

/** Indexes of Jobs that backups need. */
export const dataJobIndexes: Readonly<Record<string, IndexFunction<KubeObject>>> = { [dataJobsByInstance]: dataJobInstance }

/** The instance of a Job of component `backup`, whoever owns it; of others none. */
export function dataJobInstance({ metadata }: KubeObject | Job): readonly string[] {
  const name = metadata.labels?.['app.kubernetes.io/instance']
  if (name === undefined || metadata.labels?.['app.kubernetes.io/component'] !== 'backup') return []
  return [keyToString({ namespace: metadata.namespace ?? '', name })]
}

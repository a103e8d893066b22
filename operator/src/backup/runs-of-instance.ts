import type { NotejamBackup, NotejamRestore } from '../api/notejam.ts'
import { notejamInstances } from '../instance/kinds.ts'
import { keyOf, keyToString, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { hasEnded } from './backup-planner.ts'

/** The NotejamBackups, or the NotejamRestores, of an instance that is given as `namespace/name`. */
export interface RunsOfInstance {
  readonly all: (cache: CacheReader, instance: string) => readonly ObjectKey[]
  readonly unfinished: (cache: CacheReader, instance: string) => readonly ObjectKey[]
  /** Those that an event of their instance concerns: the unfinished, and once it is gone all, whose Jobs go after it. */
  readonly concerned: (instance: KubeObject, cache: CacheReader) => readonly ObjectKey[]
}

/** @param index - name of the index of the resource by instance */
export function runsOfInstance(resource: Resource, index: string): RunsOfInstance {
  const runs = (cache: CacheReader, instance: string) => cache.byIndex<NotejamBackup | NotejamRestore>(resource, index, instance)
  const all: RunsOfInstance['all'] = (cache, instance) => runs(cache, instance).map(keyOf)
  const unfinished: RunsOfInstance['unfinished'] = (cache, instance) =>
    runs(cache, instance)
      .filter(({ status }) => !hasEnded(status))
      .map(keyOf)
  return {
    all,
    unfinished,
    concerned: (instance, cache) => {
      const key = keyOf(instance)
      return (cache.get(notejamInstances, key) === undefined ? all : unfinished)(cache, keyToString(key))
    },
  }
}

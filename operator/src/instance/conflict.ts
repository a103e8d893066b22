import type { NotejamInstance } from '../api/notejam.ts'
import { controllerOf, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { databaseIndex, databaseKeys, hostIndex } from './indexes.ts'
import { notejamInstances } from './kinds.ts'
import type { Stall } from './release/types.ts'
import { httpRoutes } from './resources/http-route.ts'
import { findRival, hostsOf, wantedHosts, type Contender } from './rivals.ts'

/**
 * Holds the instance against the others that the operator watches. Only those that share a host or a database with it are looked at, found by
 * indexes: what a pass costs does not grow with the number of instances.
 *
 * @param address - hash of the address of the instance's database, as far as known
 */
export function findConflict(instance: NotejamInstance, address: string | undefined, cache: CacheReader): Stall | undefined {
  const hosts = [...new Set(wantedHosts(instance))]
  const doors = hosts.flatMap((host) => [resources.ingresses, httpRoutes].flatMap((resource) => cache.byIndex(resource, hostIndex, host)))
  const sharers = [
    ...databaseKeys(instance, address).flatMap((key) => cache.byIndex<NotejamInstance>(notejamInstances, databaseIndex, key)),
    ...hosts.flatMap((host) => cache.byIndex<NotejamInstance>(notejamInstances, hostIndex, host)),
    ...doors.flatMap((door) => ownerOf(door, cache)),
  ]
  const others = new Map(sharers.map((other) => [other.metadata.uid, other]))
  others.delete(instance.metadata.uid)
  if (others.size === 0) return undefined
  const contender = (of: NotejamInstance, at: string | undefined): Contender => {
    const own = doors.filter((door) => controllerOf(door)?.uid === of.metadata.uid)
    return { instance: of, address: at, servedHosts: own.flatMap((door) => hostsOf(door)) }
  }
  return findRival(
    contender(instance, address),
    [...others.values()].map((other) => contender(other, other.status?.databaseIdentity?.address)),
  )
}

function ownerOf(door: KubeObject, cache: CacheReader): readonly NotejamInstance[] {
  const owner = controllerOf(door)
  if (owner === undefined) return []
  const found = cache.get<NotejamInstance>(notejamInstances, { namespace: door.metadata.namespace ?? '', name: owner.name })
  return found?.metadata.uid === owner.uid ? [found] : []
}

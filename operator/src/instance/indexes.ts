import type { NotejamInstance } from '../api/notejam.ts'
import { controllerOf, keyToString, type KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { IndexFunction } from '../kube/store.ts'
import { httpRoutes } from './resources/http-route.ts'
import { hostsOf, wantedHosts } from './rivals.ts'

/** Index of the pods by the instance that they belong to, as `namespace/name`. */
export const podsByInstance = 'instance'
/** Index of children by `namespace/name` of the instance that controls them: also those of an earlier instance of the name. */
export const ownerNameIndex = 'owner-name'
/** Index of instances by the hosts that they want, and of Ingresses and HTTPRoutes by those that they serve. */
export const hostIndex = 'host'
/** Index of instances by what tells their database: see {@link databaseKeys}. */
export const databaseIndex = 'database'

/**
 * What two instances with the same database have in common: its address, or in one namespace the claim or the Secret that they name.
 *
 * @param address - hash of the database's address, as far as known
 */
export function databaseKeys({ metadata, spec }: NotejamInstance, address: string | undefined): readonly string[] {
  const { namespace = '' } = metadata
  const claim = spec.database.sqlite?.storage.existingClaim
  const secret = spec.database.external?.secretRef.name
  return [
    ...(address === undefined || spec.database.external === undefined ? [] : [`address/${address}`]),
    ...(claim === undefined ? [] : [`claim/${namespace}/${claim}`]),
    ...(secret === undefined ? [] : [`secret/${namespace}/${secret}`]),
  ]
}

/** Indexes of the instances, by which one finds its rivals without looking at all others. */
export const instanceIndexes: Readonly<Record<string, IndexFunction<KubeObject>>> = {
  [hostIndex]: (object) => wantedHosts(object as NotejamInstance),
  [databaseIndex]: (object) => {
    const instance = object as NotejamInstance
    return databaseKeys(instance, instance.status?.databaseIdentity?.address)
  },
}

/** Indexes of a kind of children. */
export function childIndexes(resource: Resource): Readonly<Record<string, IndexFunction<KubeObject>>> {
  const isDoor = resource === resources.ingresses || resource === httpRoutes
  return { [ownerNameIndex]: ownerNames, ...(isDoor ? { [hostIndex]: hostsOf } : {}) }
}

function ownerNames(object: KubeObject): readonly string[] {
  const owner = controllerOf(object)
  return owner === undefined ? [] : [keyToString({ namespace: object.metadata.namespace ?? '', name: owner.name })]
}

/** Name of the instance that an object belongs to by its labels, if any. */
export function instanceOf({ metadata }: KubeObject): readonly string[] {
  const name = metadata.labels?.['app.kubernetes.io/instance']
  return name === undefined ? [] : [name]
}

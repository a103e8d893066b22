import type { Job, Pod } from './api/objects.ts'
import type { Clock } from './kube/clock.ts'
import type { KubeObject } from './kube/object.ts'
import { resources, type Resource } from './kube/resource.ts'
import { StringPool } from './kube/string-pool.ts'
import { dropBulk } from './kube/transform.ts'

type Transform = (object: KubeObject) => KubeObject

/** The parts of a pod's spec that are read back: see `api/objects.ts`. The rest is most of its memory. */
function trimSpec({ nodeName, containers }: Pod['spec']): Pod['spec'] {
  const named = containers.map(({ name, image }) => ({ name, ...(image === undefined ? {} : { image }) }))
  return { ...(nodeName === undefined ? {} : { nodeName }), containers: named }
}

/** The same for a Job: its deadline tells whether it is stuck. */
function trimJob({ spec: { activeDeadlineSeconds, template } }: Job): Job['spec'] {
  return { ...(activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds }), template: { spec: trimSpec(template.spec) } }
}

/** Nobody changes a pod or a Job, so nobody has to compare all of it. */
function trim(object: KubeObject, { plural, group }: Resource): KubeObject {
  const is = (resource: Resource): boolean => plural === resource.plural && group === resource.group
  // Of some resources metadata alone is cached.
  if (!('spec' in object)) return object
  if (is(resources.pods)) return trimmed<Pod>(object, ({ spec }) => trimSpec(spec))
  if (is(resources.jobs)) return trimmed<Job>(object, trimJob)
  return object
}

function trimmed<T extends Pod | Job>(object: KubeObject, specOf: (object: T) => T['spec']): KubeObject {
  return Object.assign(object, { spec: specOf(object as T) })
}

/** Makes what the caches do with each object before they keep it: a transform for each resource, with one pool of strings for all. */
export function cacheTransforms(clock: Clock): (resource: Resource) => Transform {
  const pool = new StringPool(clock)
  return (resource) => (object) => pool.share(trim(dropBulk(object), resource))
}

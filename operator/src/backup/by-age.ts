import type { KubeObject } from '../kube/object.ts'

/** For sorting: the oldest first; names tell two of the same second apart. */
export function byAge(a: KubeObject, b: KubeObject): number {
  return ageKey(a).localeCompare(ageKey(b))
}

function ageKey({ metadata }: KubeObject): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`
}

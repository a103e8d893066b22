import type { KubeObject } from './object.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * What a cache keeps: everything but who owns which field, and kubectl's copy of the whole object. That is half of a typical object's memory, and
 * nobody who reads a cache needs it. Changes the object itself: it was just parsed and belongs to nobody yet.
 */
export function dropBulk<T extends KubeObject>(object: T): T {
  const metadata = object.metadata as { managedFields?: unknown; annotations?: Record<string, string> }
  delete metadata.managedFields
  if (metadata.annotations?.[lastApplied] !== undefined) delete metadata.annotations[lastApplied]
  return object
}

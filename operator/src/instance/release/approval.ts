import type { Release } from '../../api/notejam.ts'
import type { KubeObject } from '../../kube/object.ts'

interface ManagedEntry {
  readonly manager?: string
  readonly time?: string
  readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:release'?: Readonly<Record<string, unknown>> } }
}

/**
 * Reads who set `spec.release.approvedImage`, and when, from what the API server keeps about each field (Kubernetes documentation, "Server-Side
 * Apply", managers). It names the client, not the person: that is in the cluster's audit log.
 */
export function readApproval({ metadata }: KubeObject): NonNullable<Release['approval']> {
  const entries = ((metadata as { readonly managedFields?: readonly ManagedEntry[] }).managedFields ?? []).filter(
    ({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:release']?.['f:approvedImage'] !== undefined,
  )
  const last = entries.toSorted((a, b) => (a.time ?? '').localeCompare(b.time ?? '')).at(-1)
  return {
    ...(last?.manager === undefined ? {} : { manager: last.manager.slice(0, 128) }),
    ...(last?.time === undefined ? {} : { time: last.time }),
  }
}

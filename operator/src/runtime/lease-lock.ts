import type { Client } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import { apiVersionOf, resources } from '../kube/resource.ts'

/** What an election reads and writes of a Lease. */
export interface LeaseRecord {
  /** Identity of the holder; empty when the lease was given away. */
  readonly holder: string
  readonly durationSeconds: number
  /** `MicroTime`. */
  readonly acquireTime: string
  /** `MicroTime`; only its change is looked at. */
  readonly renewTime: string
  /** How often the holder changed. */
  readonly transitions: number
  /** The object's resourceVersion, sent back with the next update; absent in a record that was never stored. */
  readonly version?: string
}

/**
 * The stored lease. `update` carries the version that was read and fails when somebody else wrote since: that is the whole mutual exclusion.
 */
export interface LeaseLock {
  /** For logs, as `namespace/name`. */
  readonly name: string
  /** The lease, or undefined when there is none. */
  get(signal: AbortSignal): Promise<LeaseRecord | undefined>
  /** Fails when there is one already. */
  create(record: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord>
  /** Fails when the stored version is not the record's. */
  update(record: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord>
}

/** `coordination.k8s.io/v1 Lease`, as far as an election goes. */
interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

/** A {@link LeaseLock} on a Lease of the cluster. Its calls have connections of their own and are never retried below the elector. */
export function leaseLock(client: Client, key: ObjectKey): LeaseLock {
  const options = (signal: AbortSignal) => ({ signal, channel: 'lease', maxRetries: 0, deadlineMs: 10_000 }) as const
  const body = (record: LeaseRecord) => ({
    apiVersion: apiVersionOf(resources.leases),
    kind: resources.leases.kind,
    metadata: { ...key, ...(record.version === undefined ? {} : { resourceVersion: record.version }) },
    spec: {
      holderIdentity: record.holder,
      leaseDurationSeconds: record.durationSeconds,
      acquireTime: record.acquireTime,
      renewTime: record.renewTime,
      leaseTransitions: record.transitions,
    },
  })
  return {
    name: `${key.namespace}/${key.name}`,
    async get(signal) {
      try {
        return recordOf(await client.get<Lease>(resources.leases, key, options(signal)))
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    create: async (record, signal) => {
      const { version: _absent, ...fresh } = record
      return recordOf(await client.create<Lease>(resources.leases, body(fresh), options(signal)))
    },
    update: async (record, signal) => recordOf(await client.replace<Lease>(resources.leases, body(record), options(signal))),
  }
}

function recordOf({ metadata, spec = {} }: Lease): LeaseRecord {
  return {
    holder: spec.holderIdentity ?? '',
    durationSeconds: spec.leaseDurationSeconds ?? 0,
    acquireTime: spec.acquireTime ?? '',
    renewTime: spec.renewTime ?? '',
    transitions: spec.leaseTransitions ?? 0,
    ...(metadata.resourceVersion === undefined ? {} : { version: metadata.resourceVersion }),
  }
}

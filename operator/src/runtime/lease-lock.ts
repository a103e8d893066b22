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

import type { DynamicObject } from '../../kube/object.ts'
import { dataJob, lockSeconds } from './data-job.ts'
import { dataContainer, type DataPodInput } from './data-pod.ts'
import type { NamedStore } from './store-pod.ts'

/** Where the masked copy comes from that a database begins with. */
export interface SeedSource {
  readonly store: NamedStore
  /** `namespace/name[/uid]` of the instance that it is of. */
  readonly instance: string
  /** Name of the archive, or Latest. */
  readonly backupID: string
}

/** What the Job of a seed from a masked copy depends on. */
export interface SeedJobInput extends DataPodInput {
  readonly source: SeedSource
  readonly deadlineSeconds: number
  readonly name: string
  readonly operationID: string
}

/**
 * The Job that puts a masked copy in the place of what a release has just made of an empty database. It may be repeated: the copy is loaded as a whole or not
 * at all.
 */
export function buildSeedJob(input: SeedJobInput): DynamicObject {
  const { source, name, operationID, deadlineSeconds } = input
  const from = ['--from', source.instance, '--backup', source.backupID]
  const container = dataContainer(input, {
    name: 'seed',
    args: ['seed', ...from, '--wait', String(lockSeconds), '--deadline', String(deadlineSeconds)],
    use: 'Read',
    stores: [['SOURCE_STORE_', source.store]],
    database: true,
  })
  const stores = [['SOURCE_STORE_', source.store, 'Read']] as const
  return dataJob(input, name, { run: 'seed', deadlineSeconds, stores, database: true, containers: [container] }, operationID)
}

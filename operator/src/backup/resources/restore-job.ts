import type { DynamicObject } from '../../kube/object.ts'
import { dataJob, lockSeconds } from './data-job.ts'
import { dataContainer, type DataPodInput } from './data-pod.ts'
import type { NamedStore } from './store-pod.ts'

/** Which archive is meant. */
export interface ArchiveChoice {
  readonly backupID?: string | undefined
  readonly notAfterTime?: string | undefined
  /** `namespace/name[/uid]`; the instance itself if undefined. */
  readonly instance?: string | undefined
}

/** What the Job of a restore depends on. */
export interface RestoreJobInput extends DataPodInput {
  readonly archive: ArchiveChoice
  /** Where the archive lies. */
  readonly source: NamedStore
  readonly deadlineSeconds: number
  /** Fills an empty database instead of replacing what is there. */
  readonly bootstrap: boolean
  /** Public key to which the app's key is handed over. */
  readonly recipient?: string | undefined
  readonly name: string
  readonly operationID: string
}

/** The Job that puts an archive in the place of the data, as a whole or not at all. */
export function buildRestoreJob(input: RestoreJobInput): DynamicObject {
  const { instance, archive, source, name, operationID, bootstrap, recipient, deadlineSeconds } = input
  const stores = [['SOURCE_STORE_', source] as const]
  const how = bootstrap ? ['--bootstrap'] : ['--confirm', instance.metadata.name]
  const container = dataContainer(input, {
    name: 'restore',
    args: ['restore', ...archiveArguments(archive), ...how, '--wait', String(lockSeconds), '--deadline', String(deadlineSeconds)],
    use: 'Read',
    stores,
    database: true,
    environment: recipient === undefined ? [] : [{ name: 'SECRET_KEY_RECIPIENT', value: recipient }],
  })
  const used = stores.map(([role, store]) => [role, store, 'Read'] as const)
  return dataJob(input, name, { run: 'restore', deadlineSeconds, stores: used, database: true, containers: [container] }, operationID)
}

/** The flags by which a command is told which archive is meant. */
export function archiveArguments({ backupID, notAfterTime = '', instance }: ArchiveChoice): readonly string[] {
  const choice = backupID === undefined ? ['--not-after', notAfterTime] : ['--backup', backupID]
  return [...choice, ...(instance === undefined ? [] : ['--from', instance])]
}

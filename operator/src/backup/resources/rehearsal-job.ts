import type { DynamicObject } from '../../kube/object.ts'
import { dataJob } from './data-job.ts'
import { dataContainer, type DataPodInput } from './data-pod.ts'
import { scratchURL, withScratchServer } from './scratch-server.ts'

/** What the Job of a rehearsal depends on. */
export interface RehearsalJobInput extends DataPodInput {
  /** Name of the archive, or Latest. */
  readonly backupID: string
  readonly deadlineSeconds: number
  readonly name: string
  readonly operationID: string
}

/** The Job that tries the migrations of a new image on an archive, in a throw-away database in its own pod. It never sees the instance's database. */
export function buildRehearsalJob(input: RehearsalJobInput): DynamicObject {
  const { stores, backupID, name, operationID, deadlineSeconds } = input
  const container = dataContainer(input, {
    name: 'rehearse',
    args: ['rehearse', '--backup', backupID, '--deadline', String(deadlineSeconds)],
    use: 'Read',
    stores: [['STORE_', stores.first]],
    database: false,
    environment: scratchURL(input),
  })
  const pod = { run: 'rehearse', deadlineSeconds, stores: [['STORE_', stores.first, 'Read']], database: false } as const
  return dataJob(input, name, { ...pod, ...withScratchServer(input), containers: [container] }, operationID)
}

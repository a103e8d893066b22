import { childName } from '../../api/labels.ts'
import type { NotejamRestore } from '../../api/notejam.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { dataJob, lockSeconds } from './data-job.ts'
import { dataContainer, type DataPodInput } from './data-pod.ts'
import { archiveArguments, type ArchiveChoice } from './restore-job.ts'
import { scratchURL, withScratchServer } from './scratch-server.ts'
import type { NamedStore } from './store-pod.ts'

/** What the Job of a selection depends on. */
export interface RecoverJobInput extends DataPodInput {
  readonly restore: NotejamRestore
  /** Where the archive lies. */
  readonly source: NamedStore
  readonly archive: ArchiveChoice
}

/** The Job of a NotejamRestore of mode Select: it reads the archive into a throw-away server, and puts notes back beside those that are served. */
export function buildRecoverJob(input: RecoverJobInput): DynamicObject {
  const { instance, restore, archive, source } = input
  const { deadlineSeconds = 14_400, select } = restore.spec
  const stores = [['STORE_', source] as const]
  const times = ['--wait', String(lockSeconds), '--deadline', String(deadlineSeconds)]
  const container = dataContainer(input, {
    name: 'recover',
    args: ['recover', ...archiveArguments(archive), ...selectionArguments(select), '--reinsert', ...times],
    use: 'Read',
    stores,
    database: true,
    environment: scratchURL(input),
  })
  const used = stores.map(([role, store]) => [role, store, 'Read'] as const)
  const name = childName(instance.metadata.name, `recover-${(restore.metadata.uid ?? '').slice(0, 8)}`)
  const pod = { run: 'recover', deadlineSeconds, stores: used, database: true, ...withScratchServer(input), containers: [container] }
  return dataJob(input, name, pod)
}

/**
 * An address is one argument with its flag, so that none is taken for a flag; `$` is doubled, so that Kubernetes puts no variable in its place
 * (Kubernetes documentation, "Define a Command and Arguments for a Container").
 */
function selectionArguments(select: NotejamRestore['spec']['select']): readonly string[] {
  const { user, noteIDs = [] } = select ?? {}
  if (user !== undefined) return [`--user=${user.replaceAll('$', () => '$$')}`]
  return noteIDs.flatMap((id) => ['--note', String(id)])
}

import type { NotejamInstance } from '../api/notejam.ts'
import type { Job } from '../api/objects.ts'
import { runAnnotation } from './resources/data-pod.ts'
import { copyAnnotation } from './resources/mask-cron-job.ts'
import type { RunState } from './run-state.ts'

/**
 * The store that a run tells of: the one that failed it, or else the one that it has to do with first of all. A masked copy uses two, so one that failed
 * without naming a store tells of neither.
 */
export function toldStore({ spec }: Pick<NotejamInstance, 'spec'>, { metadata }: Pick<Job, 'metadata'>, run: RunState): string | undefined {
  const { [copyAnnotation]: copy, [runAnnotation]: command } = metadata.annotations ?? {}
  if (run.type === 'Failed' && (run.store !== undefined || copy !== undefined)) return run.store
  if (copy !== undefined) return spec.backup?.maskedCopies?.find(({ name }) => name === copy)?.storeRef.name
  return command === 'seed' ? spec.seed?.from?.storeRef.name : spec.backup?.storeRef.name
}

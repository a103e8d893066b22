import type { NotejamBackup } from '../api/notejam.ts'
import { condition } from '../api/reasons.ts'
import { findCondition, type ConditionState } from '../runtime/conditions.ts'

/** Everything that the end of an instance with `deletionPolicy: BackupThenDelete` depends on. */
export interface LastBackupObservation {
  /** Whether the instance ever had a database: without one there is nothing to back up. */
  readonly hasData: boolean
  /** What lets somebody write into the database, or is needed to read it and stopped: `Kind name`. */
  readonly writers: readonly string[]
  /** Pods that may still write. */
  readonly pods: readonly string[]
  /** The backup of the deletion; undefined while there is none. */
  readonly backup: Pick<NotejamBackup, 'metadata' | 'status'> | undefined
  /** When the deletion was asked for; milliseconds since the epoch. */
  readonly deletedAt: number
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** The next step towards the end of such an instance. */
export type LastBackupPlan =
  /** The data is in the store, or there never was any: the instance may go. */
  | { readonly type: 'Finish' }
  /** Whoever writes is stopped: what is written after the backup would be lost. */
  | { readonly type: 'Stop'; readonly message: string }
  | { readonly type: 'Create'; readonly message: string }
  | { readonly type: 'Wait'; readonly message: string }
  /** The backup failed: nothing is deleted until a person decides. */
  | { readonly type: 'Hold'; readonly message: string }

/** How long pods are waited for: one on a node that is away would hold the end up for good. */
const podsGraceMs = 300_000

/** Finds the next step. Pure: the same observation gives the same step. */
export function planLastBackup({ hasData, writers, pods, backup, deletedAt, now }: LastBackupObservation): LastBackupPlan {
  const state = findCondition(backup?.status?.conditions, 'Succeeded')
  if (state?.status === 'True' || (backup === undefined && !hasData)) return { type: 'Finish' }
  if (writers.length > 0) return { type: 'Stop', message: `Before the last backup these are stopped: ${writers.join(', ')}` }
  if (backup !== undefined && state?.status === 'False') {
    const { name } = backup.metadata
    const message = `NotejamBackup ${name} failed, so nothing is deleted: ${state.reason}: ${state.message}. Delete NotejamBackup ${name} to try again, or change spec.deletionPolicy`
    return { type: 'Hold', message }
  }
  if (backup !== undefined)
    return { type: 'Wait', message: `NotejamBackup ${backup.metadata.name}: ${state?.message ?? 'it was just made'}` }
  if (pods.length > 0 && now < deletedAt + podsGraceMs)
    return { type: 'Wait', message: `Before the last backup these pods come to their end: ${pods.join(', ')}` }
  return { type: 'Create', message: 'The last backup is being made' }
}

/** What a person sees meanwhile. */
export function lastBackupConditions(plan: Exclude<LastBackupPlan, { type: 'Finish' }>, generation: number): readonly ConditionState[] {
  const { message } = plan
  if (plan.type === 'Hold') {
    return [
      condition('Ready', 'False', 'LastBackupFailed', message, generation),
      condition('Reconciling', 'False', 'Idle', 'A person is waited for', generation),
      condition('Stalled', 'True', 'LastBackupFailed', message, generation),
      condition('DeletionBlocked', 'True', 'LastBackupFailed', message, generation),
    ]
  }
  return [
    condition('Ready', 'Unknown', 'Deleting', message, generation),
    condition('Reconciling', 'True', 'Deleting', message, generation),
    condition('Stalled', 'False', 'None', 'Nobody is waited for', generation),
    condition('DeletionBlocked', 'True', 'AwaitingLastBackup', message, generation),
  ]
}

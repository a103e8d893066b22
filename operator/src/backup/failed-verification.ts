import type { InstanceBackupStatus } from '../api/notejam.ts'
import type { PastRun } from './instance-planner.ts'
import type { RunState } from './run-state.ts'

/** What the status keeps of a trial restore that failed: Jobs are collected, and a bad archive stays bad. */
export type FailedVerification = NonNullable<InstanceBackupStatus['failedVerification']>

/** How archives are called (image contract). */
const archiveName = /\b\d{8}T\d{6}Z-[0-9a-f]{8}\b/

/**
 * Which archive a trial restored, or tried to; undefined where nothing says so.
 *
 * @param asked - the archive that was asked for
 */
export function archiveOf(run: RunState, asked: string | undefined): string | undefined {
  const told = run.type === 'Succeeded' ? run.report?.['backupID'] : run.type === 'Failed' ? run.message : undefined
  return archiveName.exec(typeof told === 'string' ? told : '')?.[0] ?? archiveName.exec(asked ?? '')?.[0]
}

/** As the schema has it. */
const longestMessage = 1024

/**
 * The failure that no later trial has made up for: one does that restores the same archive or a newer one; an older archive that is good says nothing
 * about a newer one. Names of archives sort by time.
 *
 * Runs before the newest that the status knows of are in it already: the Job of a failure may outlive that of the success which came after it.
 *
 * @param verifications - runs of the trial restore, in the order of their ends
 */
export function findFailedVerification(
  before: Pick<InstanceBackupStatus, 'failedVerification' | 'lastVerified' | 'lastBackupID'>,
  verifications: readonly PastRun[],
): FailedVerification | undefined {
  const known = [before.lastVerified ?? '', before.failedVerification?.time ?? ''].toSorted().at(-1) ?? ''
  let failed = before.failedVerification
  for (const { run, finishedAt, backupID } of verifications.filter((past) => past.finishedAt >= known)) {
    if (run.type === 'Failed') {
      // Which archive it tried may not be known: the newest, then.
      const tried = [failed?.backupID, backupID ?? before.lastBackupID].filter((id) => id !== undefined).toSorted()
      failed = { time: finishedAt, ...given(tried.at(-1)), message: run.message.slice(0, longestMessage) }
    } else if (run.type === 'Succeeded' && failed !== undefined && finishedAt > failed.time && makesUpFor(failed, backupID)) {
      failed = undefined
    }
  }
  return failed
}

function given(backupID: string | undefined): Pick<FailedVerification, 'backupID'> {
  return backupID === undefined ? {} : { backupID }
}

function makesUpFor(failed: FailedVerification, backupID: string | undefined): boolean {
  return failed.backupID === undefined || (backupID !== undefined && backupID >= failed.backupID)
}

import type { LastRestore, Operation } from '../../api/notejam.ts'
import { clip, type ReasonOf } from '../../api/reasons.ts'
import { metaTime } from '../../runtime/conditions.ts'
import { seenAt } from './fence.ts'
import { deployOf, enter, isHeld, journalVersion, keep, keptMessage, rolloutDue } from './journal.ts'
import type { Draft, PlannedEvent, ReleasePlan, RestoreRequest, Step } from './types.ts'

/** Why a restore came to nothing. */
type RestoreFailure = Extract<
  ReasonOf<'Succeeded'>,
  'Fenced' | 'Failed' | 'SafetyBackupFailed' | 'RestoreFailed' | 'MigrationFailed' | 'RolloutFailed'
>

/** Id of the operation of a NotejamRestore, by which its Jobs and its safety backup are named. */
export function restoreID(uid: string): string {
  return `restore-${uid.slice(0, 8)}`
}

/**
 * Begins a restore in place, or refuses it: the mark of the database must have been seen, at the address that the Secret names now. The command looks
 * at the mark once more on the connection that replaces.
 */
export function beginRestore(draft: Draft, request: RestoreRequest): ReleasePlan {
  const { identity, instanceUID, environment, address, now, release } = draft
  if (draft.backupRuns !== undefined) {
    return { ...keep(draft), wait: { reason: 'Waiting', message: `NotejamRestore ${request.name} waits: ${draft.backupRuns}` } }
  }
  if (now < (request.notBefore ?? now)) {
    return { ...keep(draft), wait: { reason: 'Waiting', message: `NotejamRestore ${request.name} begins now` }, wakeAt: request.notBefore }
  }
  const refuse = (reason: RestoreFailure, message: string) =>
    end({ ...draft, operation: undefined }, { uid: request.uid, startTime: metaTime(now), step: undefined }, { reason, message })
  if (release.current === undefined) return refuse('Failed', 'The instance has no release yet; use a new instance to begin with an archive')
  if (identity?.instanceUID !== instanceUID || identity.environment !== environment)
    return refuse('Fenced', 'Nothing was changed: the mark of this instance was not seen in the database')
  if (address === undefined || identity.address !== address)
    return refuse('Fenced', 'Nothing was changed: the Secret names another database than the one whose mark was seen')
  const operation: Operation = {
    id: restoreID(request.uid),
    version: journalVersion,
    type: 'Restore',
    strategy: draft.policy.strategy,
    step: 'BackingUp',
    startTime: metaTime(now),
  }
  const note = `NotejamRestore ${request.name} replaces the data, once it is backed up`
  return { ...enter(draft, operation, 'BackingUp', [event('Normal', 'RestoreStarted', note)]), backup: 'Create' }
}

/**
 * Goes on with a restore: what is there is backed up, the app stopped, the archive put in its place as a whole, its schema brought forward, the app
 * started. Whatever fails leads to the last step, which brings the app back: on the old data, unless the archive is in its place already.
 */
export function continueRestore(seen: Draft, before: Operation): ReleasePlan {
  const operation: Operation = seen.jobUID === undefined ? before : { ...before, jobUID: seen.jobUID }
  const draft: Draft = { ...seen, operation }
  switch (operation.step) {
    case 'BackingUp':
      return continueBackup(draft, operation)
    case 'Stopping':
      return draft.appGone ? enter(draft, operation, 'Restoring') : keep(draft)
    case 'Restoring':
    case 'Migrating':
      return continueJob(draft, operation)
    default:
      return comeBack(draft, operation)
  }
}

function continueBackup(draft: Draft, operation: Operation): ReleasePlan {
  const { backup } = draft
  switch (backup.type) {
    case 'Unavailable':
      return failed(draft, operation, 'SafetyBackupFailed', 'spec.backup was taken away, so nothing can be backed up before the restore')
    case 'Absent':
      return { ...keep(draft), backup: 'Create' }
    case 'Running':
      return keep(draft)
    case 'Succeeded':
      return enter(draft, operation, 'Stopping')
    case 'Failed':
      return failed(draft, operation, 'SafetyBackupFailed', backup.message)
  }
}

function continueJob(draft: Draft, operation: Operation): ReleasePlan {
  const { job, restore } = draft
  const isMigration = operation.step === 'Migrating'
  const reason = isMigration ? 'MigrationFailed' : 'RestoreFailed'
  switch (job.type) {
    case 'Absent':
      if (operation.jobUID !== undefined) return failed(draft, operation, reason, 'Its Job was deleted before its end was seen')
      if (!isMigration && restore === undefined)
        return failed(draft, operation, reason, 'The NotejamRestore was deleted before its Job was made')
      return { ...keep(draft), job: draft.blocked || isHeld(draft, operation.step) ? 'Leave' : 'Create' }
    case 'Pending':
    case 'Running':
      return keep(draft)
    case 'Failed':
      return failed(draft, operation, job.reason === 'DatabaseFenced' ? 'Fenced' : reason, job.message)
    case 'Succeeded': {
      // A database that was empty has another mark now.
      const identity = job.identity === undefined ? draft.identity : seenAt(job.identity, draft.address)
      if (isMigration) return enter({ ...draft, identity }, operation, 'RollingOut')
      const restored: Operation = { ...operation, restored: job.restored ?? {} }
      return enter({ ...draft, operation: restored }, restored, 'Migrating')
    }
  }
}

/** Remembers the failure and brings the app back. */
function failed(draft: Draft, operation: Operation, reason: RestoreFailure, message: string): ReleasePlan {
  const plan = enter(draft, operation, 'RollingOut')
  const { operation: next } = plan
  return next === undefined ? plan : { ...plan, operation: { ...next, reason, message: clip(message, keptMessage) } }
}

function comeBack(draft: Draft, operation: Operation): ReleasePlan {
  const { current } = draft.release
  const state = current === undefined ? undefined : draft.rolloutOf(deployOf(current).image, current)
  const failure = operation.reason === undefined ? undefined : { reason: operation.reason, message: operation.message ?? '' }
  const facts = { uid: uidOf(draft, operation), startTime: operation.startTime, step: operation.step, ...operation.restored }
  const idle: Draft = { ...draft, operation: undefined }
  // After a failure nobody waits: what the database holds may be why the pods cannot come back, and another restore the way out.
  if (failure !== undefined || state === undefined || state.type === 'Complete' || !draft.wantsPods) return end(idle, facts, failure)
  if (state.type === 'Failed') return end(idle, facts, { reason: 'RolloutFailed', message: state.message })
  const due = rolloutDue(draft, operation)
  if (draft.now < due) return { ...keep(draft), wakeAt: due }
  const message = `The pods did not come back within spec.release.rollout.progressDeadlineSeconds${state.type === 'Progressing' ? `: ${state.message}` : ''}`
  return end(idle, facts, failure ?? { reason: 'RolloutFailed', message })
}

/** The journal knows the beginning of the UID, which its NotejamRestore completes. */
function uidOf({ restore }: Draft, { id }: Operation): string {
  return restore !== undefined && restoreID(restore.uid) === id ? restore.uid : id.slice('restore-'.length)
}

function end(
  draft: Draft,
  facts: Omit<LastRestore, 'result' | 'completionTime' | 'step'> & { readonly step: Step | undefined },
  failure: { readonly reason: string; readonly message: string } | undefined,
): ReleasePlan {
  const { step, ...rest } = facts
  const lastRestore: LastRestore = {
    ...rest,
    ...(step === undefined ? {} : { step }),
    ...(failure === undefined ? {} : { reason: failure.reason, message: clip(failure.message, keptMessage) }),
    result: failure === undefined ? 'Succeeded' : 'Failed',
    completionTime: metaTime(draft.now),
  }
  const note =
    failure === undefined
      ? `${rest.backupID ?? 'The archive'} is restored, and the app is back`
      : `The restore failed (${failure.reason}): ${failure.message}`
  const type = failure === undefined ? 'Normal' : 'Warning'
  return { ...keep({ ...draft, lastRestore }), events: [event(type, failure === undefined ? 'RestoreSucceeded' : 'RestoreFailed', note)] }
}

function event(type: PlannedEvent['type'], reason: PlannedEvent['reason'], note: string): PlannedEvent {
  return { type, reason, action: 'Restore', note }
}

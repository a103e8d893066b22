import { parseImage } from '../../api/image.ts'
import type { Operation, Release, ReleaseStatus } from '../../api/notejam.ts'
import { clip, type StalledReason } from '../../api/reasons.ts'
import { metaTime } from '../../runtime/conditions.ts'
import type { JobState } from '../job-state.ts'
import { settleOrBegin } from './begin.ts'
import { judgeInspection, refuseSeed, refuseWipe, seenAt } from './fence.ts'
import { advance, deployOf, enter, giveUp, isHeld, keep, keptMessage, rollBack, rolloutDue, supersede, targetOf } from './journal.ts'
import { continueRestore } from './restore.ts'
import { copyWait, isAwaitingCopy, lacksCopy, lookAgain, waitForCopy } from './seed-copy.ts'
import { isKnownStep, nextStep, strategyOf } from './steps.ts'
import type { Draft, PlannedEvent, ReleaseObservation, ReleasePlan, Stall, Step } from './types.ts'

type Succeeded = Extract<JobState, { type: 'Succeeded' }>

/**
 * Finds the next step of an instance's release. Pure: the same observation gives the same step, so the operator may be killed at any moment. Each
 * call goes as far as one step; the caller writes the journal before it acts.
 */
export function planRelease(observation: ReleaseObservation): ReleasePlan {
  const draft: Draft = { ...observation, release: forgetRejected(observation), retried: isRetried(observation) }
  const { operation } = draft
  if (operation === undefined) return settleOrBegin(draft)
  if (draft.paused) return keep(draft)
  if (operation.type === 'Contract') return continueContract(draft, operation)
  if (operation.type === 'Restore') return continueRestore(draft, operation)
  // Every Job of the release that ran is still known by its name, so going through the steps again repeats none.
  if (!isKnownStep(draft, operation)) return enter(draft, operation, nextStep(draft, operation, undefined) ?? 'Migrating')
  switch (operation.step) {
    case 'BackingUp':
      return continueBackup(draft, operation)
    case 'Stopping':
      if (isSuperseded(draft)) return supersede(draft, operation)
      return draft.appGone ? advance(draft, operation) : keep(draft)
    case 'Withdrawing':
      return draft.job.type === 'Absent' ? supersede(draft, operation) : { ...keep(draft), job: 'Withdraw' }
    case 'RollingOut':
      return continueRollout(draft, operation)
    case 'RollingBack':
      return continueRollback(draft, operation)
    default:
      return continueJob(draft, operation)
  }
}

function isRetried({ release, retryToken = '', paused }: ReleaseObservation): boolean {
  return !paused && (release?.retryToken ?? '') !== retryToken
}

/** A changed token forgets what was given up. */
function forgetRejected(observation: ReleaseObservation): ReleaseStatus {
  const { release = {}, retryToken = '' } = observation
  if (!isRetried(observation)) return release
  const { rejected: _forgotten, ...rest } = release
  return { ...rest, retryToken }
}

function isSuperseded(draft: Draft): boolean {
  return targetOf(draft).image !== draft.image
}

/** Steps whose Job changes nothing that lasts: another image need not wait for its end. */
const harmless: ReadonlySet<Step> = new Set(['Inspecting', 'Rehearsing', 'Smoking'])

function continueJob(seen: Draft, before: Operation): ReleasePlan {
  const operation: Operation = seen.jobUID === undefined ? before : { ...before, jobUID: seen.jobUID }
  const draft: Draft = { ...seen, operation }
  const { job } = draft
  const makesWay = isSuperseded(draft) && operation.step !== 'Verifying'
  switch (job.type) {
    case 'Absent': {
      if (operation.jobUID !== undefined && !isAwaitingCopy(operation)) return failJob(draft, operation, deletedJob)
      if (makesWay) return supersede(draft, operation)
      const refused = refuseStep(draft, operation)
      if (refused !== undefined) return giveUp(draft, operation, { result: 'Failed', ...refused })
      return { ...keep({ ...draft, operation: lookAgain(operation) }), ...copyWait(operation), ...createJob(draft, operation) }
    }
    case 'Pending':
      if (makesWay && harmless.has(operation.step)) return supersede(draft, operation)
      if (makesWay && operation.step === 'Migrating') {
        return { ...keep(draft), operation: { ...operation, step: 'Withdrawing', stepTime: metaTime(draft.now) }, job: 'Withdraw' }
      }
      return waitForJob(draft, operation, job.problem)
    case 'Running':
      return makesWay && harmless.has(operation.step) ? supersede(draft, operation) : { ...keep(draft), ...copyWait(operation) }
    case 'Succeeded':
      return prove(draft, operation, job)
    case 'Failed':
      if (operation.step === 'Rehearsing' && job.unknown !== undefined && !makesWay) return skipRehearsal(draft, operation, job.unknown)
      if (!lacksCopy(draft, operation, job)) return failJob(draft, operation, failureOf(operation, job))
      return makesWay ? supersede(draft, operation) : waitForCopy(draft, operation, job)
  }
}

function refuseStep(draft: Draft, operation: Operation): Stall | undefined {
  if (operation.step === 'Wiping') return refuseWipe(draft, operation)
  return operation.step === 'Seeding' && draft.policy.seedsCopy === true ? refuseSeed(draft) : undefined
}

/** Makes the Job of the step, unless something is missing for it or reads what it would change. */
function createJob(draft: Draft, { step, id }: Operation): Pick<ReleasePlan, 'job'> & Partial<Pick<ReleasePlan, 'wait'>> {
  if (isHeld(draft, step)) return { job: 'Leave', wait: { reason: 'Waiting', message: `Step ${step} of ${id} waits: ${draft.backupRuns}` } }
  return { job: draft.blocked ? 'Leave' : 'Create' }
}

/** A second Job for one step of a release is never made, so a deleted one ends it. */
const deletedJob: Stall = {
  reason: 'MigrationFailed',
  message: 'The Job of the step was deleted before its end was seen; change spec.release.retryToken to try again',
}

/** An image that cannot be pulled may be there a minute later, so the Job goes on; but a person should look. The journal keeps why, for the deadline. */
function waitForJob(draft: Draft, operation: Operation, problem: Extract<JobState, { type: 'Pending' }>['problem']): ReleasePlan {
  const plan = keep(draft)
  if (problem === undefined && isAwaitingCopy(operation)) return { ...plan, ...copyWait(operation) }
  if (problem === undefined || problem.kind === 'Unschedulable') {
    const { reason: _reason, message: _message, ...rest } = operation
    const note = problem === undefined ? {} : { message: clip(problem.message, keptMessage) }
    return { ...plan, operation: { ...rest, ...note } }
  }
  // The app beside the smoke test ends again and again: so would the pods of a roll-out.
  if (problem.kind === 'Crash') {
    return { ...failJob(draft, operation, { reason: 'RolloutCrashed', message: problem.message }), job: 'Withdraw' }
  }
  const stall: Stall = { reason: problem.kind === 'ImagePull' ? 'ImagePullFailed' : 'MigrationFailed', message: problem.message }
  return { ...plan, stall, operation: { ...operation, reason: stall.reason, message: clip(stall.message, keptMessage) } }
}

function failureOf(operation: Operation, job: Extract<JobState, { type: 'Failed' }>): Stall {
  if (job.timedOut !== true || operation.message === undefined || isAwaitingCopy(operation))
    return { reason: job.reason, message: job.message }
  return { reason: (operation.reason as StalledReason | undefined) ?? job.reason, message: `${job.message}; ${operation.message}` }
}

/** A failed verification is a failed roll-out: the pods serve already. Whatever failed before it left them alone. */
function failJob(draft: Draft, operation: Operation, failure: Stall): ReleasePlan {
  if (operation.step === 'Verifying') return failRollout(draft, operation, failure)
  return giveUp(draft, operation, { result: 'Failed', ...failure })
}

/** Takes down what the Job of the step said, and goes on. */
function prove(draft: Draft, operation: Operation, job: Succeeded): ReleasePlan {
  const seen = withTarget(draft, (target) => {
    const digest = target.digest ?? parseImage(target.image).digest ?? (operation.step === 'Contracting' ? undefined : job.digest)
    return digest === undefined ? target : { ...target, digest }
  })
  switch (operation.step) {
    case 'Inspecting': {
      const judged = judgeInspection(seen, job)
      if ('refused' in judged) return giveUp(seen, operation, { result: 'Failed', ...judged.refused })
      const inspected: Operation = { ...operation, inspected: judged.inspected }
      return advance({ ...seen, identity: judged.identity, operation: inspected }, inspected)
    }
    case 'Rehearsing':
      return advance(
        withTarget(seen, (target) => ({ ...target, rehearsal: { result: 'Passed', ...job.rehearsed } })),
        operation,
      )
    case 'Contracting':
      return advance({ ...seen, release: contracted(seen.release, job) }, operation)
    case 'Wiping': {
      // What served before could not serve any more: nothing goes back from here.
      const { current: _gone, ...release } = seen.release
      const note = `The database was emptied for release ${operation.id}`
      return advance({ ...seen, release }, operation, [{ type: 'Normal', reason: 'DatabaseWiped', action: 'Wipe', note }])
    }
    case 'Migrating':
      return advance(migrated(seen, job), operation, [migratedEvent(seen, operation)])
    case 'Seeding': {
      const what = draft.policy.seedsCopy === true ? 'a masked copy' : 'generated data'
      const note = `The database was filled with ${what} for release ${operation.id}`
      return advance(seen, operation, [{ type: 'Normal', reason: 'DatabaseSeeded', action: 'Seed', note }])
    }
    default:
      return advance(seen, operation)
  }
}

/** An image of a line that has no such command can be upgraded to all the same: the backup is there, and whoever looks is told. */
function skipRehearsal(draft: Draft, operation: Operation, end: string): ReleasePlan {
  const message = clip(`the image does not know the command rehearse (${end})`, keptMessage)
  const seen = withTarget(draft, (target) => ({ ...target, rehearsal: { result: 'Skipped', message } }))
  const note = `Release ${operation.id} migrates without a rehearsal: ${message}`
  return advance(seen, operation, [{ type: 'Warning', reason: 'RehearsalSkipped', action: 'Rehearse', note }])
}

function withTarget(draft: Draft, change: (target: Release) => Release): Draft {
  return { ...draft, release: { ...draft.release, target: change(targetOf(draft)) } }
}

function migrated(draft: Draft, { schemaVersion, pendingContract, identity }: Succeeded): Draft {
  const marked = identity === undefined ? draft : { ...draft, identity: seenAt(identity, draft.address) }
  return withTarget(marked, (target) => ({
    ...target,
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(pendingContract === undefined || pendingContract === 0 ? {} : { pendingContract }),
  }))
}

function migratedEvent(draft: Draft, { id }: Operation): PlannedEvent {
  const note = `The database is ready for ${targetOf(draft).image} (release ${id})`
  return { type: 'Normal', reason: 'MigrationSucceeded', action: 'Migrate', note }
}

function contracted(release: ReleaseStatus, { pendingContract = 0, schemaVersion }: Succeeded): ReleaseStatus {
  if (release.current === undefined) return release
  const { pendingContract: _before, contractFailure: _failure, ...current } = release.current
  const left = pendingContract === 0 ? {} : { pendingContract }
  return { ...release, current: { ...current, ...left, ...(schemaVersion === undefined ? {} : { schemaVersion }) } }
}

/** A deferred contract is no release: what serves goes on, whatever becomes of it. */
function continueContract(seen: Draft, before: Operation): ReleasePlan {
  const operation: Operation = seen.jobUID === undefined ? before : { ...before, jobUID: seen.jobUID }
  const draft: Draft = { ...seen, operation }
  const { job, release } = draft
  const idle: Draft = { ...draft, operation: undefined }
  const { current } = release
  const fail = (message: string): ReleasePlan => ({
    ...keep(
      current === undefined
        ? idle
        : { ...idle, release: { ...release, current: { ...current, contractFailure: clip(message, keptMessage) } } },
    ),
    events: [{ type: 'Warning', reason: 'ContractFailed', action: 'Contract', note: `The contract of ${operation.id} failed: ${message}` }],
  })
  switch (job.type) {
    case 'Absent':
      if (operation.jobUID !== undefined) return fail('its Job was deleted before its end was seen')
      return { ...keep(draft), ...createJob(draft, operation) }
    case 'Pending':
    case 'Running':
      return keep(draft)
    case 'Succeeded':
      return keep({ ...idle, release: contracted(release, job) })
    case 'Failed':
      return fail(job.message)
  }
}

function continueBackup(draft: Draft, operation: Operation): ReleasePlan {
  const { backup, policy } = draft
  if (isSuperseded(draft)) return supersede(draft, operation)
  switch (backup.type) {
    case 'Unavailable': {
      // Test is to find out: an archive to go back to was asked for, and is not any more.
      if (operation.strategy === 'Upgrade') return advance(draft, operation)
      const change = `${targetOf(draft).image} changes the database schema (${operation.inspected?.pending ?? 0} steps), and no backup can be taken`
      if (policy.missingBackup === 'Accept') {
        const note = `${change}; spec.release.missingBackup accepts that`
        return advance(draft, operation, [{ type: 'Warning', reason: 'BackupSkipped', action: 'Backup', note }])
      }
      const message = `${change} before it. Nothing was changed. Set spec.release.missingBackup to Accept once you have a backup of your own`
      return { ...keep(draft), stall: { reason: 'BackupUnavailable', message } }
    }
    case 'Absent':
      return { ...keep(draft), backup: 'Create' }
    case 'Running':
      return keep(draft)
    case 'Succeeded':
      return advance(draft, operation)
    case 'Failed':
      return giveUp(draft, operation, { result: 'Failed', reason: 'BackupFailed', message: backup.message })
  }
}

function continueRollout(draft: Draft, operation: Operation): ReleasePlan {
  const target = targetOf(draft)
  const state = draft.rolloutOf(deployOf(target).image, target)
  // None of none is no roll-out: the Deployment of the attempt before, which was stopped for the wipe, is still to be scaled up.
  if (state.type === 'Complete' && !(draft.appGone && draft.wantsPods)) return advance(draft, operation)
  // Whoever asks for another attempt may do so in the moment in which a pod that crashes runs again.
  if (draft.retried === true && operation.reason !== undefined && isEmptied(draft, operation)) {
    return supersede(draft, operation, { reason: operation.reason as StalledReason, message: '' })
  }
  if (state.type === 'Failed') return failRollout(draft, operation, state)
  if (state.type !== 'Progressing' || state.overdue === undefined || !isEmptied(draft, operation)) return keep(draft)
  const due = rolloutDue(draft, operation)
  if (state.overdue.reason === 'RolloutCrashed' || draft.now >= due) return failRollout(draft, operation, state.overdue)
  return { ...keep(draft), wakeAt: due }
}

/** Whether a release has emptied its database, or begun on an empty one: the pods of its roll-out come up from none, and nothing goes back. */
function isEmptied(draft: Draft, operation: Operation): boolean {
  return strategyOf(draft, operation) === 'Wipe' && draft.release.current === undefined
}

function failRollout(draft: Draft, operation: Operation, { reason, message }: Stall): ReleasePlan {
  const { current } = draft.release
  if (current !== undefined && draft.policy.rollback === 'Automatic') return rollBack(draft, operation, { reason, message })
  // There is nothing to go back to, or a person wants to look: it may yet come up, or be replaced by another image.
  if (isSuperseded(draft)) return supersede(draft, operation, { reason, message })
  if (isEmptied(draft, operation)) {
    if (draft.retried === true) return supersede(draft, operation, { reason, message })
    const stall = { reason, message: `${message}; change spec.release.retryToken to try again, with another wipe, or give another image` }
    return { ...keep({ ...draft, operation: { ...operation, reason } }), stall }
  }
  const advice =
    current === undefined
      ? ''
      : `; spec.release.rollback is Manual: set spec.image to ${current.image} to put that back, or give another image`
  return { ...keep(draft), stall: { reason, message: `${message}${advice}` } }
}

function continueRollback(draft: Draft, operation: Operation): ReleasePlan {
  const { current } = draft.release
  const failure: Stall = {
    reason: (operation.reason as StalledReason | undefined) ?? 'RolloutDeadlineExceeded',
    message: operation.message ?? '',
  }
  if (current === undefined) return giveUp(draft, operation, { result: 'Failed', ...failure })
  const deploy = deployOf(current)
  const state = draft.rolloutOf(deploy.image, current)
  const done = { ...giveUp(draft, operation, { result: 'RolledBack', ...failure }), deploy }
  if (state.type === 'Complete') return done
  // The image before does not come up either: say so, and let another image have its turn.
  if (state.type === 'Failed') return isSuperseded(draft) ? done : { ...keep(draft), deploy, stall: state }
  return { ...keep(draft), deploy }
}

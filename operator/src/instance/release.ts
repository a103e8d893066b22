import { imageVersion, parseImage, pinImage } from '../api/image.ts'
import type { Operation, PastRelease, RejectedImage, Release, ReleaseStatus } from '../api/notejam.ts'
import { clip, type EventReason, type StalledReason } from '../api/reasons.ts'
import { metaTime } from '../runtime/conditions.ts'
import type { JobState } from './job-state.ts'
import type { RolloutState } from './rollout.ts'

/** Form of the journal that this planner writes. */
export const journalVersion = 1

/** Releases that `status.release.history` holds. */
const historyLength = 5
/** Images that `status.release.rejected` holds. */
const rejectedLength = 20
/** Characters of a message that the journal and the memory of bad images hold. */
const keptMessage = 2000

/** Everything that the next step of a release depends on. */
export interface ReleaseObservation {
  /** Image of the spec. */
  readonly image: string
  readonly retryToken: string | undefined
  /** No new step begins, deadlines stand still. */
  readonly paused: boolean
  /** Something that a release needs is missing (a Secret, a claim) or in the way (a foreign object): none begins. */
  readonly blocked: boolean
  readonly release: ReleaseStatus | undefined
  readonly operation: Operation | undefined
  /** The migration Job of the operation. */
  readonly job: JobState
  readonly jobUID: string | undefined
  /** How far the Deployment is with an image: asked for the pinned image of the target, or of the current release. */
  readonly rolloutOf: (image: string, release: Release) => RolloutState
  readonly migrationDeadlineSeconds: number
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** An event that a step is worth. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  readonly action: string
  readonly note: string
}

/** Why a person is needed. */
export interface Stall {
  readonly reason: StalledReason
  readonly message: string
}

/** The next step. `release` and `operation` are what status is to say before anything is done. */
export interface ReleasePlan {
  readonly release: ReleaseStatus
  readonly operation: Operation | undefined
  /** What is to be done with the migration Job of the operation; `Withdraw` takes back one that has touched nothing. */
  readonly job: 'Leave' | 'Create' | 'Withdraw'
  /** What the Deployment is to run; undefined while there is nothing to run yet. */
  readonly deploy: { readonly image: string; readonly release: Release } | undefined
  readonly stall: Stall | undefined
  readonly events: readonly PlannedEvent[]
}

/** A release while it is decided on: the observation with its status put in order. */
interface Draft extends ReleaseObservation {
  readonly release: ReleaseStatus
}

/**
 * Finds the next step of an instance's release. Pure: the same observation gives the same step, so the operator may be killed at any moment. Each
 * call goes as far as one step; the caller writes the journal before it acts.
 */
export function planRelease(observation: ReleaseObservation): ReleasePlan {
  const draft: Draft = { ...observation, release: forgetRejected(observation) }
  const { operation } = draft
  if (operation === undefined) return settleOrBegin(draft)
  if (draft.paused) return { ...keep(draft), stall: undefined }
  switch (operation.step) {
    case 'Migrating':
      return continueMigration(draft, operation)
    case 'Withdrawing':
      return draft.job.type === 'Absent' ? supersede(draft, operation) : { ...keep(draft), job: 'Withdraw' }
    case 'RollingOut':
      return continueRollout(draft, operation)
    case 'RollingBack':
      return continueRollback(draft, operation)
  }
}

/** A changed token forgets what was given up. */
function forgetRejected({ release = {}, retryToken = '', paused }: ReleaseObservation): ReleaseStatus {
  if (paused || (release.retryToken ?? '') === retryToken) return release
  const { rejected: _forgotten, ...rest } = release
  return { ...rest, retryToken }
}

function settleOrBegin(draft: Draft): ReleasePlan {
  const { release, image } = draft
  const plan = keep(draft)
  if (release.current?.image === image) return plan
  const rejected = release.rejected?.find((entry) => entry.image === image)
  if (rejected !== undefined) return { ...plan, stall: { reason: rejected.reason as StalledReason, message: rejected.message ?? '' } }
  if (draft.paused || draft.blocked) return plan
  return begin(draft, [])
}

function begin(draft: Draft, events: readonly PlannedEvent[]): ReleasePlan {
  const { release, image, now } = draft
  const { counter, id } = nextRelease(release, image)
  const target: Release = { id, image, version: imageVersion(image), since: metaTime(now) }
  const operation: Operation = {
    id,
    version: journalVersion,
    type: 'Release',
    step: 'Migrating',
    startTime: metaTime(now),
    stepTime: metaTime(now),
    deadlineTime: metaTime(now + draft.migrationDeadlineSeconds * 1000),
  }
  return {
    ...keep(draft),
    release: { ...release, counter, target },
    operation,
    job: 'Create',
    events: [...events, { type: 'Normal', reason: 'ReleaseStarted', action: 'Release', note: `Release ${id} of ${image} began` }],
  }
}

/** A new image is a new release; the image that failed last, tried again, is another attempt at the same one (`r17-2`). */
function nextRelease(release: ReleaseStatus, image: string): { readonly counter: number; readonly id: string } {
  const counter = release.counter ?? 0
  const [last] = release.history ?? []
  const attempt = last === undefined ? undefined : /^r(\d+)(?:-(\d+))?$/.exec(last.id)
  const again = last?.image === image && last.result !== 'Succeeded' && Number(attempt?.[1]) === counter
  return again ? { counter, id: `r${counter}-${Number(attempt?.[2] ?? 1) + 1}` } : { counter: counter + 1, id: `r${counter + 1}` }
}

function continueMigration(seen: Draft, before: Operation): ReleasePlan {
  const operation: Operation = seen.jobUID === undefined ? before : { ...before, jobUID: seen.jobUID }
  const draft: Draft = { ...seen, operation }
  const { job } = draft
  const superseded = targetOf(draft).image !== draft.image
  switch (job.type) {
    case 'Absent':
      if (operation.jobUID !== undefined) return giveUp(draft, operation, { result: 'Failed', ...deletedJob })
      return superseded ? supersede(draft, operation) : { ...keep(draft), job: draft.blocked ? 'Leave' : 'Create' }
    case 'Pending':
      if (superseded)
        return { ...keep(draft), operation: { ...operation, step: 'Withdrawing', stepTime: metaTime(draft.now) }, job: 'Withdraw' }
      return waitForJob(draft, operation, job.problem)
    case 'Running':
      return keep(draft)
    case 'Succeeded':
      return rollOut(draft, operation, job)
    case 'Failed':
      return giveUp(draft, operation, { result: 'Failed', ...failureOf(operation, job) })
  }
}

/** A second Job for one release is never made, so a deleted one ends it. */
const deletedJob: Stall = {
  reason: 'MigrationFailed',
  message: 'The migration Job was deleted before its end was seen; change spec.release.retryToken to migrate again',
}

/** An image that cannot be pulled may be there a minute later, so the Job goes on; but a person should look. The journal keeps why, for the deadline. */
function waitForJob(draft: Draft, operation: Operation, problem: Extract<JobState, { type: 'Pending' }>['problem']): ReleasePlan {
  const plan = keep(draft)
  if (problem === undefined || problem.kind === 'Unschedulable') {
    const { reason: _reason, message: _message, ...rest } = operation
    const note = problem === undefined ? {} : { message: clip(problem.message, keptMessage) }
    return { ...plan, operation: { ...rest, ...note } }
  }
  const stall: Stall = { reason: problem.kind === 'ImagePull' ? 'ImagePullFailed' : 'MigrationFailed', message: problem.message }
  return { ...plan, stall, operation: { ...operation, reason: stall.reason, message: clip(stall.message, keptMessage) } }
}

function failureOf(operation: Operation, job: Extract<JobState, { type: 'Failed' }>): Stall {
  if (job.reason !== 'MigrationTimedOut' || operation.message === undefined) return job
  return { reason: (operation.reason as StalledReason | undefined) ?? job.reason, message: `${job.message}; ${operation.message}` }
}

function rollOut(draft: Draft, operation: Operation, job: Extract<JobState, { type: 'Succeeded' }>): ReleasePlan {
  const before = targetOf(draft)
  const digest = parseImage(before.image).digest ?? job.digest
  const target: Release = {
    ...before,
    ...(digest === undefined ? {} : { digest }),
    ...(job.schemaVersion === undefined ? {} : { schemaVersion: job.schemaVersion }),
  }
  const { reason: _reason, message: _message, deadlineTime: _deadline, ...rest } = operation
  return {
    ...keep({ ...draft, release: { ...draft.release, target } }),
    operation: { ...rest, step: 'RollingOut', stepTime: metaTime(draft.now) },
    deploy: deployOf(target),
    events: [
      {
        type: 'Normal',
        reason: 'MigrationSucceeded',
        action: 'Migrate',
        note: `The database is ready for ${target.image} (release ${operation.id})`,
      },
    ],
  }
}

function continueRollout(draft: Draft, operation: Operation): ReleasePlan {
  const target = targetOf(draft)
  const { current } = draft.release
  const deploy = deployOf(target)
  const state = draft.rolloutOf(deploy.image, target)
  if (state.type === 'Complete') return complete(draft, operation, target)
  if (state.type !== 'Failed') return { ...keep(draft), deploy }
  if (current !== undefined) return rollBack(draft, operation, state)
  // Nothing served before, so there is nothing to go back to: it may yet come up, or be replaced by another image.
  if (target.image !== draft.image) return supersede(draft, operation, state)
  return { ...keep(draft), deploy, stall: state }
}

function complete(draft: Draft, operation: Operation, target: Release): ReleasePlan {
  const current: Release = { ...target, since: metaTime(draft.now) }
  const { target: _done, ...release } = draft.release
  const after: ReleaseStatus = { ...release, current, history: addHistory(draft, operation, { result: 'Succeeded' }) }
  return {
    ...keep({ ...draft, release: after, operation: undefined }),
    events: [{ type: 'Normal', reason: 'ReleaseSucceeded', action: 'Release', note: `Release ${operation.id} serves ${current.image}` }],
  }
}

function rollBack(draft: Draft, operation: Operation, failure: Stall): ReleasePlan {
  const { current } = draft.release
  return {
    ...keep(draft),
    operation: {
      ...operation,
      step: 'RollingBack',
      stepTime: metaTime(draft.now),
      reason: failure.reason,
      message: clip(failure.message, keptMessage),
    },
    deploy: current === undefined ? undefined : deployOf(current),
    events: [
      {
        type: 'Warning',
        reason: 'RolloutStalled',
        action: 'RollOut',
        note: `Release ${operation.id} goes back to ${current?.image ?? 'nothing'}: ${failure.message}`,
      },
    ],
  }
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
  if (state.type === 'Failed') return draft.image === targetOf(draft).image ? { ...keep(draft), deploy, stall: state } : done
  return { ...keep(draft), deploy }
}

/** Ends the operation without its image: it is remembered, and not tried again by itself. */
function giveUp(draft: Draft, operation: Operation, end: Stall & { readonly result: 'Failed' | 'RolledBack' }): ReleasePlan {
  const target = targetOf(draft)
  const message = clip(end.message, keptMessage)
  const { digest } = target
  const entry: RejectedImage = {
    image: target.image,
    ...(digest === undefined ? {} : { digest }),
    reason: end.reason,
    message,
    time: metaTime(draft.now),
  }
  const rejected = [entry, ...(draft.release.rejected ?? []).filter(({ image }) => image !== target.image)].slice(0, rejectedLength)
  const { target: _ended, ...release } = draft.release
  const after: Draft = { ...draft, release: { ...release, rejected, history: addHistory(draft, operation, end) } }
  return {
    ...keep({ ...after, operation: undefined }),
    stall: target.image === draft.image ? { reason: end.reason, message } : undefined,
    events: [
      {
        type: 'Warning',
        reason: end.result === 'RolledBack' ? 'RolledBack' : 'ReleaseFailed',
        action: 'Release',
        note: `Release ${operation.id} of ${target.image} was given up: ${message}`,
      },
    ],
  }
}

/** Another image is wanted, and this one has changed nothing yet (or never served): it makes way. */
function supersede(draft: Draft, operation: Operation, why?: Stall): ReleasePlan {
  const { target: _gone, ...release } = draft.release
  const end = why === undefined ? ({ result: 'Superseded' } as const) : ({ result: 'Failed', reason: why.reason } as const)
  return keep({ ...draft, operation: undefined, release: { ...release, history: addHistory(draft, operation, end) } })
}

function addHistory(
  draft: Draft,
  operation: Operation,
  end: { readonly result: PastRelease['result']; readonly reason?: string },
): readonly PastRelease[] {
  const target = targetOf(draft)
  const entry: PastRelease = {
    id: operation.id,
    image: target.image,
    ...(target.digest === undefined ? {} : { digest: target.digest }),
    result: end.result,
    ...(end.reason === undefined ? {} : { reason: end.reason }),
    startTime: operation.startTime,
    completionTime: metaTime(draft.now),
  }
  return [entry, ...(draft.release.history ?? []).filter(({ id }) => id !== operation.id)].slice(0, historyLength)
}

/** Everything as it is: the Deployment runs the release whose step has come so far. */
function keep({ release, operation }: Draft): ReleasePlan {
  const rolling = operation?.step === 'RollingOut' ? release.target : undefined
  const deployed = rolling ?? release.current
  return {
    release,
    operation,
    job: 'Leave',
    deploy: deployed === undefined ? undefined : deployOf(deployed),
    stall: undefined,
    events: [],
  }
}

function deployOf(release: Release): { readonly image: string; readonly release: Release } {
  return { image: pinImage(release.image, release.digest), release }
}

function targetOf({ release, operation, image }: Draft): Release {
  return release.target ?? { id: operation?.id ?? 'r0', image }
}

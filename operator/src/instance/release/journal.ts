import { pinImage } from '../../api/image.ts'
import type { InstanceStatus, Operation, PastRelease, RejectedImage, Release, VerifiedImage } from '../../api/notejam.ts'
import { clip } from '../../api/reasons.ts'
import { metaTime } from '../../runtime/conditions.ts'
import { sameJson } from '../../runtime/json.ts'
import { nextStep, phaseOf } from './steps.ts'
import type { Draft, PlannedEvent, ReleasePlan, Stall, Step } from './types.ts'

/** Form of the journal that this planner writes. */
export const journalVersion = 2

/** Releases that `status.release.history` holds. */
const historyLength = 5
/** Images that `status.release.rejected` holds. */
const rejectedLength = 20
/** Images that `status.verifiedImages` holds. */
const verifiedLength = 20
/** Characters of a message that the journal and the memory of bad images hold. */
export const keptMessage = 2000

/** Everything as it is: the Deployment runs the release whose step has come so far. */
export function keep(draft: Draft): ReleasePlan {
  const { release, operation, identity, verifiedImages, lastRestore } = draft
  const rolling = operation?.step === 'RollingOut' || operation?.step === 'Verifying' ? release.target : undefined
  const stopApp = operation !== undefined && needsEmptyApp(operation)
  // What never served, as after a roll-out that failed on an emptied database, has pods that must go all the same.
  const deployed = rolling ?? release.current ?? (stopApp ? draft.deployed : undefined)
  return {
    release,
    operation,
    identity,
    verifiedImages,
    lastRestore,
    job: 'Leave',
    backup: 'Leave',
    deploy: deployed === undefined ? undefined : deployOf(deployed),
    stopApp,
    stall: undefined,
    wait: undefined,
    wakeAt: undefined,
    events: [],
  }
}

/** Steps during which nobody may have the database open. */
function needsEmptyApp({ type, step }: Operation): boolean {
  return step === 'Stopping' || step === 'Wiping' || step === 'Restoring' || (type === 'Restore' && step === 'Migrating')
}

/** Seconds; the static default of the schema. */
const defaultProgressSeconds = 300

/**
 * When pods that were stopped should be back, counted from the step that starts them; milliseconds since the epoch. A Deployment that was complete before
 * counts no progress when it is scaled up again, so it would never say that it failed.
 */
export function rolloutDue({ policy }: Draft, { stepTime, startTime }: Operation): number {
  return Date.parse(stepTime ?? startTime) + (policy.progressDeadlineSeconds ?? defaultProgressSeconds) * 1000
}

/** Writes a step into the journal; a step with a Job gets it in the same pass, after the journal. */
export function enter(draft: Draft, operation: Operation, step: Step, events: readonly PlannedEvent[] = []): ReleasePlan {
  const { reason: _reason, message: _message, deadlineTime: _deadline, jobUID: _job, ...rest } = operation
  const phase = phaseOf(step)
  const hasJob = phase !== undefined
  const hasMigrationDeadline = hasJob && phase !== 'smoke' && phase !== 'verify' && phase !== 'restore'
  const stepTime = metaTime(draft.now)
  const deadlineTime = metaTime(draft.now + draft.policy.migrationDeadlineSeconds * 1000)
  const next: Operation = { ...rest, step, stepTime, ...(hasMigrationDeadline ? { deadlineTime } : {}) }
  return { ...keep({ ...draft, operation: next }), job: hasJob && !draft.blocked && !isHeld(draft, step) ? 'Create' : 'Leave', events }
}

/** Whether a step has to wait, because something reads the data that it would change. */
export function isHeld({ backupRuns }: Draft, step: Step): boolean {
  return backupRuns !== undefined && changingSteps.has(step)
}

/** Steps that change data or its schema. */
const changingSteps: ReadonlySet<Step> = new Set(['Contracting', 'Wiping', 'Migrating', 'Restoring', 'Seeding'])

/** Goes on to the step after the one that is proven; ends the operation when there is none. */
export function advance(draft: Draft, operation: Operation, events: readonly PlannedEvent[] = []): ReleasePlan {
  const step = nextStep(draft, operation, operation.step)
  if (step !== undefined) return enter(draft, operation, step, events)
  const plan = complete(draft, operation)
  return { ...plan, events: [...events, ...plan.events] }
}

/** Ends the operation with its image served. */
export function complete(draft: Draft, operation: Operation): ReleasePlan {
  const target = targetOf(draft)
  const current: Release = { ...target, ...skippedRehearsal(draft, operation), since: metaTime(draft.now) }
  const { target: _done, ...release } = draft.release
  const after = { ...release, current, history: addHistory(draft, operation, { result: 'Succeeded' }) }
  const verifiedImages = operation.step === 'Verifying' ? addVerified(draft, current) : draft.verifiedImages
  return {
    ...keep({ ...draft, release: after, operation: undefined, verifiedImages }),
    events: [{ type: 'Normal', reason: 'ReleaseSucceeded', action: 'Release', note: `Release ${operation.id} serves ${current.image}` }],
  }
}

/** Why the migration of an upgrade was not tried on an archive, where it was not. */
function skippedRehearsal(draft: Draft, { strategy, inspected }: Operation): Pick<Release, 'rehearsal'> {
  const { policy, release } = draft
  if (strategy !== 'Upgrade' || policy.rehearsal === undefined || release.current === undefined) return {}
  if (targetOf(draft).rehearsal !== undefined) return {}
  const why = inspected?.pending === 0 ? 'it does not change the schema' : policy.rehearsal
  return { rehearsal: { result: 'Skipped', message: why === true ? 'nothing was backed up' : why } }
}

function addVerified({ verifiedImages, now }: Draft, { image, digest }: Release): readonly VerifiedImage[] {
  if (digest === undefined) return verifiedImages
  const rest = verifiedImages.filter((entry) => entry.digest !== digest)
  return [{ digest, image, time: metaTime(now) }, ...rest].slice(0, verifiedLength)
}

/** Puts the image before back. */
export function rollBack(draft: Draft, operation: Operation, failure: Stall): ReleasePlan {
  const { current } = draft.release
  const { jobUID: _job, deadlineTime: _deadline, ...rest } = operation
  return {
    ...keep(draft),
    operation: {
      ...rest,
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

/** Ends the operation without its image: it is remembered, and not tried again by itself. */
export function giveUp(draft: Draft, operation: Operation, end: Stall & { readonly result: 'Failed' | 'RolledBack' }): ReleasePlan {
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
export function supersede(draft: Draft, operation: Operation, why?: Stall): ReleasePlan {
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
    ...(target.approval === undefined ? {} : { approval: target.approval }),
  }
  return [entry, ...(draft.release.history ?? []).filter(({ id }) => id !== operation.id)].slice(0, historyLength)
}

/**
 * Whether the journal goes on without a child being made: no event would follow, neither to the next step nor, at the end, to another image that the
 * spec asks for meanwhile.
 *
 * @param before - the status that the plan was made from
 */
export function isSilentStep(
  before: Pick<InstanceStatus, 'operation' | 'release'> | undefined,
  { operation, release, job, backup }: ReleasePlan,
): boolean {
  const isSame = sameJson(before?.operation, operation) && sameJson(before?.release ?? {}, release)
  return !isSame && job !== 'Create' && backup !== 'Create'
}

/**
 * Whether a step may be written down after it is done: the pods of an instance that had none. Its Job has succeeded and is there, so whoever does not know
 * of the step finds it again, and the Deployment as it is. Whatever may be undone, or makes a Job, is written first.
 *
 * @param before - the status that the plan was made from
 */
export function mayFollow(
  before: Pick<InstanceStatus, 'operation'> | undefined,
  { operation, release, job, backup, stall }: ReleasePlan,
): boolean {
  const isFirst = operation?.type === 'Release' && operation.step === 'RollingOut' && release.current === undefined
  return isFirst && before?.operation?.id === operation.id && job === 'Leave' && backup === 'Leave' && stall === undefined
}

/** What the Deployment runs for a release: the very digest that its first Job ran. */
export function deployOf(release: Release): { readonly image: string; readonly release: Release } {
  return { image: pinImage(release.image, release.digest), release }
}

/** The release under way. */
export function targetOf({ release, operation, image }: Draft): Release {
  return release.target ?? { id: operation?.id ?? 'r0', image }
}

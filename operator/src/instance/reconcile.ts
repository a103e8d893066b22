import { statusFieldManager } from '../api/labels.ts'
import type { InstanceStatus, NotejamInstance } from '../api/notejam.ts'
import type { HorizontalPodAutoscaler } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import type { EventReason } from '../api/reasons.ts'
import { isNamespaceTerminating } from '../kube/errors.ts'
import { resources } from '../kube/resource.ts'
import { findCondition } from '../runtime/conditions.ts'
import { sameJson } from '../runtime/json.ts'
import type { Reconcile, ReconcileContext } from '../runtime/reconciler.ts'
import { after, done } from '../runtime/result.ts'
import { writeStatus } from '../runtime/write-status.ts'
import {
  applyChildren,
  createBackup,
  createReleaseJob,
  inventoryOf,
  nothingApplied,
  planChildren,
  prune,
  pruneBackups,
  withdrawJob,
  type Applications,
} from './apply.ts'
import { bootstraps } from '../backup/bootstrap.ts'
import { takeKeyOver } from '../backup/bootstrap-key.ts'
import { noBackupMetrics, type BackupMetrics } from '../backup/metrics.ts'
import { expire, finishDeletion, guardDeletion } from './deletion.ts'
import { rolloutOf } from './deployed.ts'
import { isOver } from './hibernation.ts'
import { notejamInstances } from './kinds.ts'
import { nextLook, type Unwatched } from './next-look.ts'
import { observe, releaseOf, type Observation } from './observe.ts'
import { PassMemory } from './pass-memory.ts'
import { readGate } from './release/gate.ts'
import { isSilentStep, mayFollow } from './release/journal.ts'
import { planRelease } from './release/plan.ts'
import type { ReleasePlan } from './release/types.ts'
import { readSecrets, type SecretsState } from './secrets.ts'
import { computeStatus, isPaused } from './status.ts'

/** What the reconciler of instances is built from. */
export interface InstanceReconcilerOptions {
  /** Gives so many random bytes in base64. */
  readonly randomKey: (bytes: number) => string
  /** A number in [0, 1): spreads what is read again from time to time. */
  readonly random: () => number
  /** Default: nobody watches. */
  readonly backupMetrics?: BackupMetrics
}

/** A week: where nobody said so, and the block is not there for the schema to fill in. */
const defaultContractAfterSeconds = 604_800

/** Seconds until the pass after one whose step no event follows: at once. */
const againSeconds = 0.001
/** Seconds until a pass reports what the last one left to it, should no event have started one. */
const reportSeconds = 1

/** Makes the reconciler of NotejamInstances: the story of one instance. */
export function createInstanceReconciler({ randomKey, random, backupMetrics = noBackupMetrics }: InstanceReconcilerOptions): Reconcile {
  const memory = new PassMemory()
  return async (request, context) => {
    const instance = context.cache.get<NotejamInstance>(notejamInstances, request)
    if (instance?.metadata.deletionTimestamp !== undefined || instance === undefined) {
      memory.forget(request)
      backupMetrics.forget(request)
    }
    if (instance === undefined) return done
    if (instance.metadata.deletionTimestamp !== undefined) return finishDeletion(instance, context, randomKey)
    if (!isPaused(instance) && isOver(instance.spec, context.clock.now())) return expire(instance, context)

    const known = memory.secretsFor(instance)
    const secrets = known ?? (await readSecretsOf(instance, context, randomKey))
    if (known === undefined) memory.readSecrets(instance, secrets, context.clock.monotonic())
    const live = isPaused(instance) ? instance : await guardDeletion(instance, context)
    const seen = await observe(memory.withJournal(live), context, secrets)
    backupMetrics.observe(request, seen.backups.summary)
    if (
      !isPaused(instance) &&
      secrets.awaitsKey === true &&
      seen.job.type === 'Succeeded' &&
      instance.status?.operation?.step === 'Restoring'
    ) {
      await takeKeyOver(instance, seen.job, context, randomKey)
      return after(againSeconds)
    }
    const plan = decide(seen)
    // While its database is emptied the app is at zero, whoever scales it otherwise.
    const observation: Observation = plan.stopApp ? { ...seen, scaling: { by: 'operator', replicas: 0 } } : seen
    let hasProblems = observation.problems.length > 0
    try {
      if (isPaused(instance) || observation.outlived.length > 0 || observation.rivalled) {
        await report(instance, observation, plan, nothingApplied, context)
      } else {
        const applied = await act(live, observation, plan, memory, context)
        hasProblems ||= applied.problems.length > 0
      }
      // Whoever edits the spec has often changed a Secret with it.
      const isEdited = instance.metadata.generation !== instance.status?.observedGeneration
      if (known !== undefined && (isEdited || !memory.hasFreshSecrets(instance, context.clock.monotonic()))) {
        const read = await readSecretsOf(instance, context, randomKey)
        memory.readSecrets(instance, read, context.clock.monotonic())
        if (!sameJson(known, memory.secretsFor(instance))) return after(againSeconds)
      }
    } catch (error) {
      // Nothing new can be made in a namespace that is going away, and all that is there goes with it.
      if (isNamespaceTerminating(error)) return done
      throw error
    }
    if (memory.isReportDue(instance)) return after(reportSeconds)
    return !isPaused(instance) && isSilentStep(seen.instance.status, plan)
      ? after(againSeconds)
      : nextLook(instance, unwatched(observation, plan, hasProblems), { now: observation.now, random })
  }
}

/** Reads the Secrets of an instance; makes those that are the operator's own, on whose content everything else depends, if it has to. */
async function readSecretsOf(
  instance: NotejamInstance,
  { client, signal, clock }: ReconcileContext,
  randomKey: InstanceReconcilerOptions['randomKey'],
): Promise<SecretsState> {
  const policy = effectivePolicy(instance.spec)
  return readSecrets({ client, signal, instance, policy, randomKey: isPaused(instance) ? undefined : randomKey, now: clock.now() })
}

function decide(observation: Observation): ReleasePlan {
  const { instance, release, job, jobUID, policy, now, secrets } = observation
  const { spec, status, metadata } = instance
  return planRelease({
    instanceUID: metadata.uid ?? '',
    adopt: spec.database.adopt?.instanceUID,
    environment: spec.environment,
    image: spec.image,
    retryToken: spec.release?.retryToken,
    policy: {
      strategy: policy.releaseStrategy,
      updatePolicy: spec.release?.updatePolicy ?? 'Automatic',
      approvedImage: spec.release?.approvedImage,
      windows: spec.release?.windows ?? [],
      rollback: spec.release?.rollback ?? 'Automatic',
      missingBackup: spec.release?.missingBackup ?? 'Refuse',
      contractAfterSeconds: spec.release?.contractAfterSeconds ?? defaultContractAfterSeconds,
      migrationDeadlineSeconds: policy.migrationDeadlineSeconds,
      progressDeadlineSeconds: policy.progressDeadlineSeconds,
      seeds: spec.seed !== undefined,
      seedsCopy: spec.seed?.from !== undefined,
      takesLatestCopy: spec.seed?.from !== undefined && (spec.seed.from.backupID ?? 'Latest') === 'Latest',
      bootstraps: bootstraps(instance),
      rehearsal: observation.backups.rehearsal,
    },
    paused: isPaused(instance) || observation.outlived.length > 0 || observation.rivalled,
    stopped: observation.asleep !== undefined,
    wantsPods: policy.replicas > 0,
    blocked: observation.problems.length > 0 || observation.database?.holds === true,
    release,
    deployed: releaseOf(observation.deployment),
    operation: status?.operation,
    verifiedImages: status?.verifiedImages ?? [],
    identity: status?.databaseIdentity,
    // The file of SQLite is on the instance's own volume, which cannot be changed.
    address: spec.database.type === 'SQLite' ? 'file' : secrets.address,
    job,
    jobUID,
    backup: observation.backups.requested,
    backupRuns: observation.backups.running,
    restore: observation.backups.requestedRestore,
    lastRestore: status?.lastRestore,
    appGone: observation.appGone,
    rolloutOf: (image, target) => rolloutOf(observation, { image, release: target }),
    gate: readGate(spec.release?.gate, spec.image, observation.gatekeeper),
    approval: observation.approval,
    now,
  })
}

/**
 * The journal is written before what it announces is done, but for steps that may follow; children are applied; what came of it is reported. Where
 * something was changed, the watches bring another pass: the report is left to it, and such a step with it, unless the last one was left already.
 *
 * @param live - the instance as the cluster has it, without what the last pass left to this one
 */
async function act(
  live: NotejamInstance,
  observation: Observation,
  plan: ReleasePlan,
  memory: PassMemory,
  context: ReconcileContext,
): Promise<Applications> {
  let instance = live
  const isNews = !isJournalled(observation.instance, plan)
  const follows = isNews && mayFollow(observation.instance.status, plan)
  const tell = (): void => {
    if (isNews) for (const event of plan.events) context.recorder.event(instance, event)
  }
  if (!isJournalled(instance, plan) && !follows) {
    instance = await report(instance, observation, plan, nothingApplied, context)
    memory.leaveReport(instance, false)
  }
  if (!follows) tell()
  const children = await applyChildren(observation, plan, context)
  if (follows) tell()
  const job = children.problems.length > 0 ? nothingApplied : await createReleaseJob(observation, plan, context)
  const backup = children.problems.length > 0 ? nothingApplied : await createBackup(observation, plan, context)
  const applied: Applications = {
    objects: children.objects,
    changed: children.changed || job.changed || backup.changed,
    problems: [...children.problems, ...job.problems, ...backup.problems],
    error: children.error ?? job.error ?? backup.error,
  }
  if (plan.job === 'Withdraw') await withdrawJob(observation, context)
  await prune(observation, plan, context)
  await pruneBackups(observation, context)
  // A step that follows is news once: what the last pass left goes with it.
  const isLeft = applied.changed && applied.problems.length === 0 && (follows || !memory.isReportDue(instance))
  if (isLeft && follows) memory.leaveJournal(instance, plan)
  if (!isLeft) await report(instance, observation, plan, applied, context)
  memory.leaveReport(instance, isLeft)
  if (applied.error !== undefined) throw applied.error
  return applied
}

function isJournalled({ status }: NotejamInstance, { operation, release }: ReleasePlan): boolean {
  return sameJson(status?.operation, operation) && sameJson(status?.release ?? {}, release)
}

/**
 * Writes the status if it says something new.
 *
 * @param instance - the instance as it was last written
 * @returns the instance as it is now
 */
async function report(
  instance: NotejamInstance,
  observation: Observation,
  plan: ReleasePlan,
  applied: Applications,
  context: ReconcileContext,
): Promise<NotejamInstance> {
  const status = computeStatus({
    instance,
    plan,
    policy: observation.policy,
    now: observation.now,
    job: observation.job,
    rollout: plan.deploy === undefined ? undefined : rolloutOf(observation, plan.deploy),
    deployment: observation.deployment,
    scaling: observation.scaling,
    asleep: observation.asleep,
    autoscaler: autoscalerOf(observation),
    problems: [...observation.problems, ...applied.problems],
    database: observation.database,
    waitsFor: observation.outlived,
    pending: isPaused(instance) ? planChildren(observation, plan, context) : [],
    children: inventoryOf(observation, applied.objects),
    backups: observation.backups.summary,
  })
  tellStall(instance, status, context)
  return writeStatus(context.client, notejamInstances, instance, status, { fieldManager: statusFieldManager, signal: context.signal })
}

function autoscalerOf({ children }: Observation): HorizontalPodAutoscaler | undefined {
  return children.find(({ resource }) => resource === resources.horizontalPodAutoscalers)?.object
}

/** Tells that a person is needed, once, when it begins. */
function tellStall(before: NotejamInstance, status: InstanceStatus, { recorder }: ReconcileContext): void {
  const stalled = findCondition(status.conditions, 'Stalled')
  const was = findCondition(before.status?.conditions, 'Stalled')
  if (stalled?.status !== 'True' || (was?.status === 'True' && was.reason === stalled.reason)) return
  const reason: EventReason = stalled.reason === 'NameConflict' ? 'NameConflict' : 'Stalled'
  recorder.event(before, { type: 'Warning', reason, action: 'Reconcile', note: `${stalled.reason}: ${stalled.message}` })
}

/** What an instance waits for that no event will tell. */
function unwatched(
  { instance, outlived, hibernation, backups }: Observation,
  { wait, wakeAt }: ReleasePlan,
  hasProblems: boolean,
): Unwatched {
  const { expiration } = instance.spec
  return {
    outlived: outlived.length > 0,
    hasProblems,
    waitsForGate: wait?.reason === 'WaitingForGate',
    instants: [wakeAt, backups.summary.wakeAt, hibernation.nextChange, expiration === undefined ? undefined : Date.parse(expiration.time)],
  }
}

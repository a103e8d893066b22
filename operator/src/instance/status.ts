import { formatSelector, selectorLabels } from '../api/labels.ts'
import type { InstanceStatus, NotejamInstance, Operation, Release } from '../api/notejam.ts'
import type { Deployment, HorizontalPodAutoscaler } from '../api/objects.ts'
import type { EffectivePolicy } from '../api/policy.ts'
import { condition, type ReasonOf } from '../api/reasons.ts'
import type { BackupSummary } from '../backup/instance-planner.ts'
import type { KubeObject } from '../kube/object.ts'
import { setConditions, type ConditionState } from '../runtime/conditions.ts'
import { connectionLimit } from './database-connections.ts'
import type { ObservedDatabase } from './database-observe.ts'
import { databaseReachable } from './database-reachable.ts'
import type { JobState } from './job-state.ts'
import type { ReleasePlan, Stall } from './release/types.ts'
import type { RolloutState } from './rollout.ts'
import type { Scaling } from './scaling.ts'

/** Everything that the status of an instance is made of. */
export interface StatusInput {
  readonly instance: NotejamInstance
  readonly policy: EffectivePolicy
  readonly plan: ReleasePlan
  readonly job: JobState
  /** How far the Deployment is with what the plan deploys; undefined while there is nothing to deploy. */
  readonly rollout: RolloutState | undefined
  readonly deployment: Deployment | undefined
  /** Whoever decides on the number of pods. */
  readonly scaling: Scaling
  /** Why the instance sleeps; undefined while it is awake. */
  readonly asleep: string | undefined
  readonly autoscaler: HorizontalPodAutoscaler | undefined
  /** What is missing, in the way, or was refused; the first is the one that is shown. */
  readonly problems: readonly Stall[]
  /** The built-in database; undefined where there is none. */
  readonly database: Pick<ObservedDatabase, 'state' | 'holds'> | undefined
  /** What must be gone before anything can be done. */
  readonly waitsFor: readonly string[]
  /** What the operator would change, were it not paused: `Kind name`. */
  readonly pending: readonly string[]
  /** Objects that the operator keeps for the instance. */
  readonly children: readonly KubeObject[]
  /** What is known of its backups. */
  readonly backups?: BackupSummary
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** What is going on, from which every condition follows. */
interface Situation {
  readonly stall: Stall | undefined
  readonly work: { readonly reason: Exclude<ReasonOf<'Reconciling'>, 'Idle'>; readonly message: string } | undefined
  readonly available: number
}

/** Makes the status. Pure; equal input gives an equal status, so that nothing is written at rest. */
export function computeStatus(input: StatusInput): InstanceStatus {
  const { instance, policy, plan, deployment } = input
  const situation = assess(input)
  const maxConnections = connectionLimit(instance, policy)
  const states = [
    ready(input, situation),
    reconciling(input, situation),
    stalled(input, situation),
    available(input, situation),
    schemaCurrent(input),
    ...database(input, situation),
    ...(instance.spec.environment === 'Test' ? [upgradeVerified(input)] : []),
    scalingActive(input),
    ...(input.backups?.conditions ?? []),
    paused(input),
  ]
  const before = (instance.status?.conditions ?? []).filter(
    ({ type }) => !backupConditions.has(type) || states.some((state) => state.type === type),
  )
  return {
    observedGeneration: generationOf(instance),
    conditions: [...setConditions(before, states, input.now)],
    replicas: deployment?.status?.replicas ?? 0,
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    selector: formatSelector(selectorLabels(instance.metadata.name, 'app')),
    url: urlOf(instance, policy),
    release: plan.release,
    ...(plan.operation === undefined ? {} : { operation: plan.operation }),
    ...(plan.lastRestore === undefined ? {} : { lastRestore: plan.lastRestore }),
    ...(input.backups?.status === undefined ? {} : { backup: input.backups.status }),
    effectivePolicy: {
      replicas: policy.replicas,
      ...(policy.autoscaling === undefined ? {} : { maxReplicas: policy.mostReplicas }),
      releaseStrategy: policy.releaseStrategy,
      rolloutStrategy: policy.rolloutStrategy,
      ...(policy.database === undefined ? {} : { databaseImage: policy.database.image }),
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(policy.storageSize === undefined ? {} : { storageSize: policy.storageSize }),
      ...(policy.publicURL === undefined ? {} : { publicURL: policy.publicURL }),
      resources: policy.resources,
    },
    ...(plan.identity === undefined ? {} : { databaseIdentity: plan.identity }),
    ...(plan.verifiedImages.length === 0 ? {} : { verifiedImages: plan.verifiedImages }),
    inventory: input.children
      .map(({ kind, metadata }) => ({ kind, name: metadata.name, uid: metadata.uid ?? '' }))
      .toSorted((a, b) => `${a.kind}/${a.name}`.localeCompare(`${b.kind}/${b.name}`)),
  }
}

/** Conditions that go when spec.backup goes. */
const backupConditions: ReadonlySet<string> = new Set(['BackupCurrent', 'SecondCopyCurrent', 'RestoreVerified', 'MaskedCopiesCurrent'])

function generationOf(instance: NotejamInstance): number {
  return instance.metadata.generation ?? 0
}

function urlOf(instance: NotejamInstance, policy: EffectivePolicy): string {
  return policy.publicURL ?? `http://${instance.metadata.name}.${instance.metadata.namespace ?? 'default'}.svc`
}

function assess(input: StatusInput): Situation {
  const [problem] = input.problems
  const settled = input.plan.operation === undefined && input.rollout?.type === 'Failed' ? input.rollout : undefined
  const stall = problem ?? input.plan.stall ?? settled
  const count = input.deployment?.status?.availableReplicas ?? 0
  return { stall, work: stall === undefined ? findWork(input) : undefined, available: count }
}

/** What is being done. An instance that waits for a person is not at work: a stalled one never also reconciles (kstatus). */
function findWork(input: StatusInput): Situation['work'] {
  const { instance, plan, rollout } = input
  if (instance.metadata.deletionTimestamp !== undefined)
    return { reason: 'Deleting', message: 'The objects of the instance are being deleted' }
  const { operation } = plan
  if (isPaused(instance)) return undefined
  if (input.waitsFor.length > 0) {
    const message = `An earlier instance of the same name is still being deleted: ${input.waitsFor.join(', ')}`
    return { reason: 'Waiting', message }
  }
  if (input.database?.holds === true) {
    const { state } = input.database
    return { reason: 'Waiting', message: `The built-in database is starting: ${state.type === 'Starting' ? state.message : state.type}` }
  }
  const { wait } = plan
  if (wait !== undefined) return wait
  if (operation?.type === 'Restore') return { reason: 'Restoring', message: restoreMessage(input, operation) }
  switch (operation?.step) {
    case 'Restoring':
      return { reason: 'Restoring', message: restoreMessage(input, operation) }
    case 'Inspecting':
    case 'BackingUp':
    case 'Rehearsing':
    case 'Contracting':
    case 'Stopping':
    case 'Wiping':
    case 'Seeding':
    case 'Smoking':
    case 'Verifying':
      return { reason: operation.step, message: stepMessage(input, operation) }
    case 'Migrating':
      return { reason: 'Migrating', message: migrationMessage(input) }
    case 'Withdrawing':
      return {
        reason: 'Waiting',
        message: `The migration Job of release ${operation.id}, which another image replaced, is being taken back`,
      }
    case 'RollingBack':
      return { reason: 'RollingBack', message: `Release ${operation.id} is being rolled back: ${operation.message ?? 'it failed'}` }
    case 'RollingOut':
      return { reason: 'RollingOut', message: `Release ${operation.id} is being rolled out: ${rolloutMessage(rollout)}` }
    case undefined:
      break
  }
  if (plan.deploy === undefined && input.asleep !== undefined) return undefined
  if (plan.deploy === undefined) return { reason: 'Creating', message: 'The objects of the instance are being made' }
  if (rollout?.type === 'NotApplied' || (rollout?.type === 'Progressing' && !rollout.degraded)) {
    return { reason: 'RollingOut', message: `The pods are being replaced: ${rolloutMessage(rollout)}` }
  }
  return undefined
}

const stepTexts = {
  Inspecting: 'a Job reads what the database holds',
  BackingUp: 'the database is being backed up',
  Rehearsing: 'its migration is tried on that backup, in a throw-away database',
  Contracting: 'what only older code needs is being removed from the schema',
  Stopping: 'the pods are being stopped before the database is emptied',
  Wiping: 'the database is being emptied',
  Seeding: 'the database is being filled with generated data or a masked copy',
  Smoking: 'its pages are tried before a pod is replaced',
  Verifying: 'its pages are tried after the roll-out',
} as const

function stepMessage({ plan, job }: StatusInput, { id, step }: Operation): string {
  const { target, current } = plan.release
  const about = `Release ${id} of ${(target ?? current)?.image ?? 'the image'}: ${stepTexts[step as keyof typeof stepTexts]}`
  return job.type === 'Pending' && job.problem !== undefined ? `${about}; ${job.problem.message}` : about
}

const restoreTexts: Partial<Readonly<Record<Operation['step'], string>>> = {
  BackingUp: 'what is there is being backed up',
  Stopping: 'the pods are being stopped',
  Restoring: 'the archive is being restored',
  Migrating: 'its schema is being brought to that of the image',
  RollingOut: 'the pods are coming back',
}

function restoreMessage({ job }: StatusInput, { id, step, message }: Operation): string {
  const about = `Restore ${id}: ${restoreTexts[step] ?? step}${message === undefined ? '' : ` (${message})`}`
  return job.type === 'Pending' && job.problem !== undefined ? `${about}; ${job.problem.message}` : about
}

function migrationMessage({ plan, job }: StatusInput): string {
  const { target } = plan.release
  const { id = '', deadlineTime } = plan.operation ?? {}
  const about = `The database is being migrated for ${target?.image ?? 'the image'} (release ${id})`
  if (job.type === 'Pending' && job.problem !== undefined) return `${about}: ${job.problem.message}`
  if (job.type === 'Running' && job.lock !== undefined) return `${about}: it is locked by another command and tried again (${job.lock})`
  return deadlineTime === undefined ? about : `${about}; it is stopped if it lasts beyond ${deadlineTime}`
}

function rolloutMessage(rollout: RolloutState | undefined): string {
  return rollout?.type === 'Progressing' ? rollout.message : 'the Deployment is being changed'
}

function ready(input: StatusInput, { stall, work, available: count }: Situation): ConditionState {
  const { instance, plan, policy, rollout } = input
  const generation = generationOf(instance)
  if (stall !== undefined) return condition('Ready', 'False', stall.reason, stall.message, generation)
  if (work?.reason === 'Deleting') return condition('Ready', 'Unknown', 'Deleting', work.message, generation)
  if (isPaused(instance) && input.pending.length > 0) return condition('Ready', 'Unknown', 'Paused', pendingMessage(input), generation)
  if (work !== undefined) {
    return condition('Ready', 'Unknown', plan.release.current === undefined ? 'Starting' : 'Updating', work.message, generation)
  }
  if (input.asleep !== undefined) {
    return condition('Ready', 'True', 'Hibernated', `${input.asleep}: no pod runs, the data is kept`, generation)
  }
  if (policy.replicas === 0)
    return condition('Ready', 'True', 'ScaledToZero', 'spec.replicas is 0: nothing serves, the data is kept', generation)
  if (rollout?.type === 'Complete') {
    return condition('Ready', 'True', 'Serving', `${plan.release.current?.image ?? instance.spec.image} is served`, generation)
  }
  const wanted = input.deployment?.spec.replicas ?? policy.replicas
  // What an autoscaler adds is still starting: the least that the spec asks for serves.
  if (policy.autoscaling !== undefined && count >= policy.replicas) {
    return condition('Ready', 'True', 'Serving', `${count} pods serve, ${wanted} are wanted by now`, generation)
  }
  return condition('Ready', 'False', 'Degraded', `${count} of ${wanted} pods serve: ${rolloutMessage(rollout)}`, generation)
}

function reconciling({ instance }: StatusInput, { work }: Situation): ConditionState {
  const generation = generationOf(instance)
  if (work === undefined) return condition('Reconciling', 'False', 'Idle', 'There is nothing to do', generation)
  return condition('Reconciling', 'True', work.reason, work.message, generation)
}

function stalled({ instance }: StatusInput, { stall }: Situation): ConditionState {
  const generation = generationOf(instance)
  if (stall === undefined) return condition('Stalled', 'False', 'None', 'Nobody is waited for', generation)
  return condition('Stalled', 'True', stall.reason, stall.message, generation)
}

function available({ instance, policy, asleep }: StatusInput, { available: count }: Situation): ConditionState {
  const generation = generationOf(instance)
  if (policy.replicas === 0) return condition('Available', 'False', 'ScaledToZero', asleep ?? 'spec.replicas is 0', generation)
  if (count === 0) return condition('Available', 'False', 'BelowMinimum', 'No pod serves', generation)
  return condition('Available', 'True', 'MinimumReplicas', 'At least one pod serves', generation)
}

function database({ instance, job, deployment, database: builtIn }: StatusInput, { stall }: Situation): readonly ConditionState[] {
  const { readyReplicas = 0 } = deployment?.status ?? {}
  const jobSucceeded = job.type === 'Succeeded'
  const generation = generationOf(instance)
  const server = builtIn?.state
  const state = databaseReachable({ spec: instance.spec, server, readyPods: readyReplicas, stall, jobSucceeded, generation })
  return state === undefined ? [] : [state]
}

function schemaCurrent({ instance, plan, job }: StatusInput): ConditionState {
  const generation = generationOf(instance)
  const { current, target } = plan.release
  const isMigrated = plan.operation?.step === 'RollingOut' || plan.operation?.step === 'Verifying'
  const migrated = isMigrated ? target : current
  if (migrated?.image === instance.spec.image && migrated.contractFailure !== undefined) {
    return condition('SchemaCurrent', 'False', 'ContractFailed', migrated.contractFailure, generation)
  }
  if (migrated?.image === instance.spec.image) {
    const version = migrated.schemaVersion === undefined ? '' : `: ${migrated.schemaVersion}`
    return condition('SchemaCurrent', 'True', 'AtTarget', `The schema is that of the image${version}`, generation)
  }
  if (plan.operation?.step === 'Migrating' && job.type === 'Running') {
    return condition('SchemaCurrent', 'False', 'Migrating', 'The migration Job runs', generation)
  }
  return condition('SchemaCurrent', 'False', 'Behind', `The migration to ${instance.spec.image} has not been done`, generation)
}

/** Environment Test: whether the image that is served was upgraded to here, with pages that worked. */
function upgradeVerified({ instance, plan }: StatusInput): ConditionState {
  const generation = generationOf(instance)
  const { current, history = [] } = plan.release
  const [last] = history
  if (plan.operation?.type === 'Release') {
    return condition('UpgradeVerified', 'Unknown', 'Running', `Release ${plan.operation.id} is under way`, generation)
  }
  if (last !== undefined && (last.result === 'Failed' || last.result === 'RolledBack')) {
    const message = `Release ${last.id} of ${last.image} was given up: ${last.reason ?? 'no reason'}`
    return condition('UpgradeVerified', 'False', 'Failed', message, generation)
  }
  if (current !== undefined && plan.verifiedImages.some(({ digest }) => digest === current.digest)) {
    return condition(
      'UpgradeVerified',
      'True',
      'Passed',
      `${current.image} was upgraded to, and its pages work${rehearsalText(current)}`,
      generation,
    )
  }
  return condition('UpgradeVerified', 'Unknown', 'NotRequested', 'Nothing was upgraded yet', generation)
}

function rehearsalText({ rehearsal }: Release): string {
  if (rehearsal === undefined) return ''
  const { result, message = 'no reason is known', backupID = 'an archive', rows = 0, tables = 0 } = rehearsal
  return result === 'Passed'
    ? `; its migration was rehearsed on ${backupID}: ${rows} rows of ${tables} tables were as before`
    : `; its migration was not rehearsed: ${message}`
}

function scalingActive({ instance, policy, scaling, autoscaler }: StatusInput): ConditionState {
  const generation = generationOf(instance)
  const { autoscaling, replicas } = policy
  if (autoscaling === undefined) {
    return condition('ScalingActive', 'False', 'FixedReplicas', `${replicas} ${replicas === 1 ? 'pod is' : 'pods are'} wanted`, generation)
  }
  const active = autoscaler?.status?.conditions?.find(({ type }) => type === 'ScalingActive')
  if (replicas === 0) return condition('ScalingActive', 'False', 'FixedReplicas', 'No pod is wanted now', generation)
  if (scaling.by === 'operator' || active === undefined) {
    return condition('ScalingActive', 'Unknown', 'HandingOver', 'The autoscaler has not looked at the pods yet', generation)
  }
  if (active.status !== 'True') {
    return condition('ScalingActive', 'False', 'MetricsUnavailable', active.message ?? active.reason ?? 'no message', generation)
  }
  const bounds = `Between ${autoscaling.minReplicas} and ${autoscaling.maxReplicas} pods, as the load asks for`
  return condition('ScalingActive', 'True', 'Autoscaled', bounds, generation)
}

function paused(input: StatusInput): ConditionState {
  const generation = generationOf(input.instance)
  if (!isPaused(input.instance)) return condition('Paused', 'False', 'NotPaused', 'The operator acts', generation)
  if (input.pending.length > 0) return condition('Paused', 'True', 'PendingChanges', pendingMessage(input), generation)
  return condition('Paused', 'True', 'ByPolicy', 'The operator changes nothing, and there is nothing to change', generation)
}

function pendingMessage({ pending }: StatusInput): string {
  return `Paused; once managed again, the operator will change: ${pending.join(', ')}`
}

/** Whether the operator may change nothing. */
export function isPaused(instance: NotejamInstance): boolean {
  return instance.spec.managementPolicy === 'Paused'
}

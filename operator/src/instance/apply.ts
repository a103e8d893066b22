import { annotations, handOverFieldManager } from '../api/labels.ts'
import type { NotejamInstance } from '../api/notejam.ts'
import type { Job } from '../api/objects.ts'
import { freeVolume } from '../backup/data-jobs.ts'
import { notejamBackups } from '../backup/kinds.ts'
import { buildBackup } from '../backup/resources/backup.ts'
import type { NamedStore } from '../backup/resources/store-pod.ts'
import { buildRehearsalJob } from '../backup/resources/rehearsal-job.ts'
import { buildRestoreJob } from '../backup/resources/restore-job.ts'
import { buildSeedJob } from '../backup/resources/seed-job.ts'
import { ApiError, isRefused } from '../kube/errors.ts'
import { controllerOf, type DynamicObject, type KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import { NameConflict } from '../runtime/errors.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { deploymentInput } from './deployed.ts'
import type { Observation } from './observe.ts'
import { deployOf } from './release/journal.ts'
import type { ReleasePlan, Stall } from './release/types.ts'
import { optionalChildren, renderChildren, type Child } from './resources/children.ts'
import { phaseOf, type Phase } from './release/steps.ts'
import { httpRoutes } from './resources/http-route.ts'
import { releaseJobName } from './resources/names.ts'
import { buildReleaseJob, type ReleaseJobInput } from './resources/release-job.ts'
import { needsHandOver } from './scaling.ts'

/** What applying the children came to. */
export interface Applications {
  readonly objects: readonly KubeObject[]
  /** Something was written that the watches will show: another pass follows. */
  readonly changed: boolean
  readonly problems: readonly Stall[]
  /** What the server refused: tried again with backoff, once the rest is done and reported. */
  readonly error: Error | undefined
}

/** Before anything was applied. */
export const nothingApplied: Applications = { objects: [], changed: false, problems: [], error: undefined }

/** What was rendered in a pass, which asks for it twice: nothing of it is kept longer. */
const rendered = new WeakMap<ReleasePlan, { readonly observation: Observation; readonly children: readonly Child[] }>()

function childrenOf(observation: Observation, plan: ReleasePlan): readonly Child[] {
  const known = rendered.get(plan)
  if (known?.observation === observation) return known.children
  const children = render(observation, plan)
  rendered.set(plan, { observation, children })
  return children
}

function render(observation: Observation, plan: ReleasePlan): readonly Child[] {
  const { instance, policy, scaling, secrets, database } = observation
  const network =
    secrets.problems.length > 0 || secrets.connection === undefined ? undefined : { connection: secrets.connection, mail: secrets.mail }
  return renderChildren(
    {
      ...{ instance, policy, scaling, database: database?.input },
      network: network === undefined ? undefined : { ...network, stores: storesOf(observation) },
      cronJobs: cronJobsInput(observation, plan),
    },
    plan.deploy === undefined || database?.holds === true ? undefined : deploymentInput(observation, plan.deploy),
  )
}

function storesOf({ backups: { stores, restore, seed, copies } }: Observation): readonly NamedStore[] {
  const own = [stores?.first, stores?.second, restore?.source, seed?.store].filter((store) => store !== undefined)
  return [...own, ...copies.map(({ store }) => store)]
}

/** What the CronJobs depend on; undefined where there are none, or something of it is missing: then they are left as they are. */
function cronJobsInput({ instance, policy, secrets, backups }: Observation, { deploy, stopApp, identity }: ReleasePlan) {
  const { connection } = secrets
  const { stores, holds, released, copies } = backups
  if (connection === undefined || secrets.problems.length > 0 || stores === undefined || deploy === undefined) return undefined
  const besideApp = connection.type === 'SQLite' && policy.replicas > 0 && !stopApp
  const suspended = backups.suspended !== undefined || stopApp
  const marked = withIdentity(instance, identity)
  return { instance: marked, policy, connection, stores, image: deploy.image, besideApp, suspended, holds, released, copies }
}

/** The instance with the mark that the plan knows, which its status is about to have. */
function withIdentity(instance: NotejamInstance, identity: ReleasePlan['identity']): NotejamInstance {
  return identity === undefined ? instance : { ...instance, status: { ...instance.status, databaseIdentity: identity } }
}

/**
 * Gives the replicas of the Deployment away to an autoscaler, or takes the autoscaler away that set them, before the Deployment is applied: at no
 * moment is the field without an owner, and at none has it two.
 */
async function settleScaling({ deployment, instance, children, scaling }: Observation, context: ReconcileContext): Promise<void> {
  const { applier, client, recorder, signal } = context
  if (scaling.by === 'operator') {
    const autoscalers = children.filter(({ resource }) => resource === resources.horizontalPodAutoscalers)
    for (const { resource, object } of autoscalers) await applier.delete(resource, object, instance)
  }
  if (!needsHandOver(scaling, deployment)) return
  const { apiVersion, kind, spec } = deployment
  const { name, namespace = '', uid = '', resourceVersion = '' } = deployment.metadata
  // With the version as precondition: a number that somebody set meanwhile is never undone (409, and the pass is repeated).
  const held = { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, spec: { replicas: spec.replicas } }
  await client.apply(resources.deployments, held, { fieldManager: handOverFieldManager, force: true, signal })
  const note = `The autoscaler decides on the replicas from now on; there are ${spec.replicas ?? 1}`
  recorder.event(instance, { type: 'Normal', reason: 'ScalingHandedOver', action: 'Scale', note, related: deployment })
}

/**
 * Applies every child. One that is refused, or is somebody else's, is reported and does not keep the others from being applied.
 *
 * @throws what the connection or an overloaded server throws: the pass is repeated
 */
export async function applyChildren(observation: Observation, plan: ReleasePlan, context: ReconcileContext): Promise<Applications> {
  const objects: KubeObject[] = []
  const problems: Stall[] = []
  let changed = false
  let refused: Error | undefined
  await settleScaling(observation, context)
  for (const { resource, desired, orphaned = false } of childrenOf(observation, plan)) {
    if (resource === httpRoutes && !context.cache.has(httpRoutes)) continue
    try {
      const { object, action } = await context.applier.apply({ resource, desired, owner: observation.instance, orphaned })
      objects.push(object)
      changed ||= action !== 'unchanged'
    } catch (error) {
      problems.push(explain(resource, desired, error))
      if (error instanceof ApiError) refused ??= error
    }
  }
  return { objects, changed, problems, error: refused }
}

function explain(resource: Resource, { kind, metadata }: KubeObject, error: unknown): Stall {
  if (error instanceof NameConflict) return { reason: 'NameConflict', message: error.message }
  if (!isRefused(error)) throw error
  const message = `${kind} ${metadata.name} was refused: ${error.message}`
  const isGrowth = resource === resources.persistentVolumeClaims && /resize|expan|shrink|less than|immutable/i.test(error.message)
  return { reason: isGrowth ? 'StorageNotExpandable' : 'ApplyRefused', message }
}

/** What is reported of an object that could not be created. */
function refusalOf(resource: Resource, desired: KubeObject, error: unknown): Applications {
  return { ...nothingApplied, problems: [explain(resource, desired, error)], error: error instanceof ApiError ? error : undefined }
}

/** What {@link applyChildren} would change: for a paused instance. */
export function planChildren(observation: Observation, plan: ReleasePlan, { applier }: ReconcileContext): readonly string[] {
  const { instance } = observation
  const changed = childrenOf(observation, plan).filter(
    ({ resource, desired, orphaned = false }) => applier.plan({ resource, desired, owner: instance, orphaned }) !== 'unchanged',
  )
  const names = changed.map(({ desired }) => `${desired.kind} ${desired.metadata.name}`)
  const isNewImage = plan.release.current?.image !== instance.spec.image && plan.operation === undefined
  return isNewImage ? [`the image, to ${instance.spec.image}`, ...names] : names
}

/** Creates the Job of the operation's step, if the plan says so. Its name says what it does, so a second one cannot come of it. */
export async function createReleaseJob(observation: Observation, plan: ReleasePlan, context: ReconcileContext): Promise<Applications> {
  const { instance, policy, appPods } = observation
  const { operation, release, identity } = plan
  const { connection } = observation.secrets
  const phase = phaseOf(operation?.step)
  if (operation === undefined || phase === undefined || connection === undefined || plan.job !== 'Create') return nothingApplied
  const image = imageOf(phase, plan)
  const besideApp =
    connection.type === 'SQLite' && appPods.some(({ spec, status }) => spec.nodeName !== undefined && status?.phase === 'Running')
  const input = { instance, policy, connection, image, besideApp }
  const desired = jobOf(phase, input, operation.id, identity, observation)
  if (desired === undefined) return nothingApplied
  try {
    const { action, object } = await context.applier.apply({ resource: resources.jobs, desired, owner: instance, createOnly: true })
    if (action === 'created' && phase === 'expand') {
      const note = `Job ${object.metadata.name} migrates the database for ${release.target?.image ?? image}`
      context.recorder.event(instance, { type: 'Normal', reason: 'MigrationStarted', action: 'Migrate', note, related: object })
    }
    return { ...nothingApplied, changed: action === 'created' }
  } catch (error) {
    return refusalOf(resources.jobs, desired, error)
  }
}

/** The Job of a step; undefined while something is missing that it is made of. */
function jobOf(
  phase: Phase,
  input: Omit<ReleaseJobInput, 'phase' | 'releaseID' | 'identity'>,
  operationID: string,
  identity: ReleasePlan['identity'],
  { backups: { restore, seed, stores, requested }, instance }: Observation,
): DynamicObject | undefined {
  const data = { ...input, name: releaseJobName(instance, operationID, phase), operationID }
  if (phase === 'restore') return restore === undefined ? undefined : buildRestoreJob({ ...data, ...restore })
  if (phase === 'rehearse') {
    const deadlineSeconds = input.policy.migrationDeadlineSeconds
    const backupID = requested.type === 'Succeeded' ? requested.backupID : undefined
    return stores === undefined ? undefined : buildRehearsalJob({ ...data, stores, backupID: backupID ?? 'Latest', deadlineSeconds })
  }
  if (phase === 'seed' && instance.spec.seed?.from !== undefined) {
    if (seed === undefined) return undefined
    const marked = withIdentity(instance, identity)
    const deadlineSeconds = input.policy.migrationDeadlineSeconds
    return buildSeedJob({
      ...data,
      instance: marked,
      source: seed,
      stores: stores ?? { first: seed.store, second: undefined },
      deadlineSeconds,
    })
  }
  return buildReleaseJob({ ...input, phase, releaseID: operationID, ...(identity === undefined ? {} : { identity }) })
}

/** Creates the NotejamBackup of the operation, if the plan says so. Its name says whose it is, so a second one cannot come of it. */
export async function createBackup({ instance }: Observation, plan: ReleasePlan, context: ReconcileContext): Promise<Applications> {
  const { operation } = plan
  if (operation === undefined || plan.backup !== 'Create') return nothingApplied
  const desired = buildBackup(instance, operation)
  try {
    const { action } = await context.applier.apply({ resource: notejamBackups, desired, owner: instance, createOnly: true })
    return { ...nothingApplied, changed: action === 'created' }
  } catch (error) {
    return refusalOf(notejamBackups, desired, error)
  }
}

/** What only older code needs is removed by the code that serves; everything else is done by the image that is to come. */
function imageOf(phase: Phase, { release, operation }: ReleasePlan): string {
  const by = phase === 'contract' || operation?.type === 'Restore' ? release.current : release.target
  return by === undefined ? '' : deployOf(by).image
}

/** Deletes the Job of a step that is not to go on. */
export async function withdrawJob({ instance, jobs, jobUID }: Observation, { applier }: ReconcileContext): Promise<void> {
  const job = jobs.find(({ metadata }) => metadata.uid === jobUID)
  if (job !== undefined) await applier.delete(resources.jobs, job, instance)
}

/** Deletes children that the spec does not ask for any more, and the Jobs of releases that the history has forgotten. */
export async function prune(observation: Observation, plan: ReleasePlan, { applier }: ReconcileContext): Promise<void> {
  const { instance, children, jobs } = observation
  const wanted = new Set(childrenOf(observation, plan).map(({ desired }) => `${desired.kind}/${desired.metadata.name}`))
  for (const { resource, object } of children) {
    const isUnknown =
      (resource === resources.networkPolicies && observation.secrets.problems.length + observation.backups.problems.length > 0) ||
      (resource === resources.cronJobs && instance.spec.backup !== undefined && cronJobsInput(observation, plan) === undefined)
    const isWanted = isUnknown || !optionalChildren.includes(resource) || wanted.has(`${resource.kind}/${object.metadata.name}`)
    if (!isWanted) await applier.delete(resource, object, instance)
  }
  const { current, history = [] } = plan.release
  const kept = new Set([plan.operation?.id, current?.id, ...history.map(({ id }) => id)])
  for (const job of jobs) {
    if (isFinished(job) && !kept.has(job.metadata.annotations?.[annotations.release])) await applier.delete(resources.jobs, job, instance)
  }
}

/** Ends runs of the schedule whose node is away, and forgets backups that were made for operations long past; their archives stay. */
export async function pruneBackups({ instance, backups }: Observation, context: ReconcileContext): Promise<void> {
  const { applier, cache } = context
  for (const job of backups.stuck) {
    const owner = cache
      .controlledBy(resources.cronJobs, instance.metadata.uid ?? '')
      .find(({ metadata }) => metadata.uid === controllerOf(job)?.uid)
    if (owner !== undefined) await applier.delete(resources.jobs, job, owner)
  }
  for (const backup of backups.outdated) await applier.delete(notejamBackups, backup, instance)
  await freeVolume(instance, context)
}

function isFinished({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: value }) => value === 'True' && (type === 'Complete' || type === 'Failed')) === true
}

/** The objects that the operator keeps for the instance: what was applied in this pass, and what was there. */
export function inventoryOf(observation: Observation, applied: readonly KubeObject[]): readonly KubeObject[] {
  const { children, secrets } = observation
  const all = [...children.map(({ object }) => object), ...secrets.own, ...applied]
  return [...new Map(all.map((object) => [`${object.kind}/${object.metadata.name}`, object])).values()]
}

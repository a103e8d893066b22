import { annotations } from '../api/labels.ts'
import type { Job } from '../api/objects.ts'
import { ApiError, isForbidden, isInvalid, isNamespaceTerminating } from '../kube/errors.ts'
import type { KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import { NameConflict } from '../runtime/errors.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { deploymentInput } from './deployed.ts'
import type { Observation } from './observe.ts'
import type { ReleasePlan, Stall } from './release.ts'
import { renderChildren, type Child } from './resources/children.ts'
import { buildMigrationJob } from './resources/migration-job.ts'

/** What applying the children came to. */
export interface Applications {
  readonly objects: readonly KubeObject[]
  readonly problems: readonly Stall[]
  /** What the server refused: tried again with backoff, once the rest is done and reported. */
  readonly error: Error | undefined
}

/** Before anything was applied. */
export const nothingApplied: Applications = { objects: [], problems: [], error: undefined }

function childrenOf(observation: Observation, plan: ReleasePlan): readonly Child[] {
  const { instance, policy } = observation
  return renderChildren({ instance, policy }, plan.deploy === undefined ? undefined : deploymentInput(observation, plan.deploy))
}

/**
 * Applies every child. One that is refused, or is somebody else's, is reported and does not keep the others from being applied.
 *
 * @throws what the connection or an overloaded server throws: the pass is repeated
 */
export async function applyChildren(observation: Observation, plan: ReleasePlan, context: ReconcileContext): Promise<Applications> {
  const objects: KubeObject[] = []
  const problems: Stall[] = []
  let refused: Error | undefined
  for (const { resource, desired } of childrenOf(observation, plan)) {
    try {
      const { object } = await context.applier.apply({ resource, desired, owner: observation.instance })
      objects.push(object)
    } catch (error) {
      problems.push(explain(resource, desired, error))
      if (error instanceof ApiError) refused ??= error
    }
  }
  return { objects, problems, error: refused }
}

function explain(resource: Resource, { kind, metadata }: KubeObject, error: unknown): Stall {
  if (error instanceof NameConflict) return { reason: 'NameConflict', message: error.message }
  if (isNamespaceTerminating(error) || !(isForbidden(error) || isInvalid(error))) throw error
  const message = `${kind} ${metadata.name} was refused: ${error.message}`
  const isGrowth = resource === resources.persistentVolumeClaims && /resize|expan|shrink|less than|immutable/i.test(error.message)
  return { reason: isGrowth ? 'StorageNotExpandable' : 'ApplyRefused', message }
}

/** What {@link applyChildren} would change: for a paused instance. */
export function planChildren(observation: Observation, plan: ReleasePlan, { applier }: ReconcileContext): readonly string[] {
  const { instance } = observation
  const changed = childrenOf(observation, plan).filter(
    ({ resource, desired }) => applier.plan({ resource, desired, owner: instance }) !== 'unchanged',
  )
  const names = changed.map(({ desired }) => `${desired.kind} ${desired.metadata.name}`)
  const isNewImage = plan.release.current?.image !== instance.spec.image && plan.operation === undefined
  return isNewImage ? [`the image, to ${instance.spec.image}`, ...names] : names
}

/** Creates the migration Job of the operation, if the plan says so. Its name says what it does, so a second one cannot come of it. */
export async function createMigrationJob(observation: Observation, plan: ReleasePlan, context: ReconcileContext): Promise<Applications> {
  const { instance, policy, appPods } = observation
  const { operation, release } = plan
  const { connection } = observation.secrets
  if (operation === undefined || connection === undefined || plan.job !== 'Create') return nothingApplied
  const image = release.target?.image ?? instance.spec.image
  const besideApp =
    connection.type === 'SQLite' && appPods.some(({ spec, status }) => spec.nodeName !== undefined && status?.phase === 'Running')
  const desired = buildMigrationJob({ instance, policy, connection, image, releaseID: operation.id, besideApp })
  try {
    const { action, object } = await context.applier.apply({ resource: resources.jobs, desired, owner: instance, createOnly: true })
    const note = `Job ${object.metadata.name} migrates the database for ${image}`
    if (action === 'created') {
      context.recorder.event(instance, { type: 'Normal', reason: 'MigrationStarted', action: 'Migrate', note, related: object })
    }
    return nothingApplied
  } catch (error) {
    const problem = explain(resources.jobs, desired, error)
    return { ...nothingApplied, problems: [problem], error: error instanceof ApiError ? error : undefined }
  }
}

/** Deletes the migration Job of a release that another image replaced before it did anything. */
export async function withdrawJob({ instance, jobs, jobUID }: Observation, { applier }: ReconcileContext): Promise<void> {
  const job = jobs.find(({ metadata }) => metadata.uid === jobUID)
  if (job !== undefined) await applier.delete(resources.jobs, job, instance)
}

/** Deletes children that the spec does not ask for any more, and the Jobs of releases that the history has forgotten. */
export async function prune(observation: Observation, plan: ReleasePlan, { applier }: ReconcileContext): Promise<void> {
  const { instance, ingress, disruptionBudget, jobs } = observation
  const wanted = new Set(childrenOf(observation, plan).map(({ desired }) => `${desired.kind}/${desired.metadata.name}`))
  const optional = [
    [resources.ingresses, ingress],
    [resources.podDisruptionBudgets, disruptionBudget],
  ] as const
  for (const [resource, object] of optional) {
    if (object !== undefined && !wanted.has(`${resource.kind}/${object.metadata.name}`)) await applier.delete(resource, object, instance)
  }
  const { current, history = [] } = plan.release
  const kept = new Set([plan.operation?.id, current?.id, ...history.map(({ id }) => id)])
  for (const job of jobs) {
    if (isFinished(job) && !kept.has(job.metadata.annotations?.[annotations.release])) await applier.delete(resources.jobs, job, instance)
  }
}

function isFinished({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: value }) => value === 'True' && (type === 'Complete' || type === 'Failed')) === true
}

/** The objects that the operator keeps for the instance: what was applied in this pass, and what was there. */
export function inventoryOf(observation: Observation, applied: readonly KubeObject[]): readonly KubeObject[] {
  const { deployment, claim, disruptionBudget, ingress, service, secrets } = observation
  const all = [claim, service, deployment, disruptionBudget, ingress, secrets.own, ...applied].filter((object) => object !== undefined)
  return [...new Map(all.map((object) => [`${object.kind}/${object.metadata.name}`, object])).values()]
}

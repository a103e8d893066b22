import { annotations, type Component } from '../api/labels.ts'
import type { NotejamInstance, Release, ReleaseStatus } from '../api/notejam.ts'
import type { Deployment, Job, Pod, StatefulSet } from '../api/objects.ts'
import { effectivePolicy, type EffectivePolicy } from '../api/policy.ts'
import { registryDigest } from '../api/image.ts'
import { isNotFound } from '../kube/errors.ts'
import { controllerOf, describeObject, keyOf, keyToString, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { ownerNameIndex, podsByInstance } from './indexes.ts'
import { observeBackups, type BackupsSeen } from '../backup/observe-instance.ts'
import { notejamInstances } from './kinds.ts'
import { findConflict } from './conflict.ts'
import { findConnectionShortage } from './database-connections.ts'
import { observeDatabase, type ObservedDatabase } from './database-observe.ts'
import { readHibernation, type Hibernation } from './hibernation.ts'
import { readJobState, type JobState } from './job-state.ts'
import { findLeavingClaim, findOwnClaim } from './own-claim.ts'
import { gatekeeperOf } from './release/gate.ts'
import { phaseOf } from './release/steps.ts'
import type { Stall } from './release/types.ts'
import { readApproval } from './release/approval.ts'
import { childResources } from './resources/children.ts'
import { httpRoutes } from './resources/http-route.ts'
import { releaseJobName, workloadName } from './resources/names.ts'
import { decideScaling, type Scaling } from './scaling.ts'
import { outlives, type SecretsState } from './secrets.ts'

/** An object that the instance owns. */
export interface OwnedChild {
  readonly resource: Resource
  readonly object: KubeObject
}

/** Everything known about one instance, gathered once per pass. */
export interface Observation {
  readonly instance: NotejamInstance
  readonly policy: EffectivePolicy
  readonly release: ReleaseStatus | undefined
  readonly deployment: Deployment | undefined
  readonly scaling: Scaling
  /** The objects of the instance that are kept as they are rendered. */
  readonly children: readonly OwnedChild[]
  readonly jobs: readonly Job[]
  readonly job: JobState
  readonly jobUID: string | undefined
  /** Pods of the app that have not ended. */
  readonly appPods: readonly Pod[]
  /** No pod of the app is there, and the Deployment, if there is one, wants none. */
  readonly appGone: boolean
  /** The instance that spec.release.gate names. */
  readonly gatekeeper: NotejamInstance | undefined
  readonly approval: Release['approval']
  readonly secrets: SecretsState
  /** The built-in database; undefined where there is none. */
  readonly database: ObservedDatabase | undefined
  /** What is missing, or in the way. */
  readonly problems: readonly Stall[]
  /** Objects of an earlier instance of the same name, which must be gone first. */
  readonly outlived: readonly string[]
  /** Another instance has what this one wants, so nothing of it may be touched. */
  readonly rivalled: boolean
  /** Why the instance sleeps; undefined while it is awake. */
  readonly asleep: string | undefined
  readonly hibernation: Hibernation
  readonly backups: BackupsSeen
  readonly now: number
}

/** Gathers an {@link Observation}. */
export async function observe(instance: NotejamInstance, context: ReconcileContext, secrets: SecretsState): Promise<Observation> {
  const { cache, clock } = context
  const now = clock.now()
  const hibernation = readHibernation(instance.spec, now)
  // What is under way comes to its end first: a release that slept in the middle would never be seen to serve.
  const asleep = instance.status?.operation === undefined ? hibernation.reason : undefined
  const awakePolicy = effectivePolicy(instance.spec)
  const policy = asleep === undefined ? awakePolicy : { ...awakePolicy, replicas: 0 }
  const uid = instance.metadata.uid ?? ''
  const key: ObjectKey = { namespace: instance.metadata.namespace ?? '', name: workloadName(instance) }
  const pods = cache.byIndex<Pod>(resources.pods, podsByInstance, `${key.namespace}/${key.name}`)
  const jobs = cache.controlledBy<Job>(resources.jobs, uid)
  const [deployment] = cache.controlledBy<Deployment>(resources.deployments, uid)
  const { operation } = instance.status ?? {}
  const phase = phaseOf(operation?.step)
  const jobName = operation === undefined || phase === undefined ? undefined : releaseJobName(instance, operation.id, phase)
  const job = jobs.find(({ metadata }) => metadata.name === jobName)
  const outlived = findOutlived(instance, secrets, context)
  const foreign = outlived.length > 0 ? undefined : await findForeignWorkload(deployment ?? job, key, context)
  const podsOf = (component: Component) =>
    pods.filter((pod) => pod.metadata.labels?.['app.kubernetes.io/component'] === component && !hasEnded(pod))
  const appPods = podsOf('app')
  const appGone = appPods.length === 0 && isAtZero(deployment)
  const gatekeeper = gatekeeperOf(instance)
  const rival = findConflict(instance, secrets.address, cache)
  const schedule: Stall | undefined =
    hibernation.invalid === undefined ? undefined : { reason: 'InvalidSchedule', message: hibernation.invalid }
  const gateway: Stall | undefined =
    instance.spec.http?.gateway === undefined || cache.has(httpRoutes)
      ? undefined
      : { reason: 'GatewayAPIMissing', message: gatewayMissing }
  const [set] = cache.controlledBy<StatefulSet>(resources.statefulSets, uid)
  const database = observeDatabase({
    ...{ instance, policy, set, jobs, asleep },
    clientsGone: appGone && pods.every((pod) => hasEnded(pod) || pod.metadata.labels?.['app.kubernetes.io/component'] === 'database'),
    secretHash: secrets.databaseHash,
    pods: podsOf('database'),
  })
  const backups = await observeBackups(instance, asleep, pods, secrets, context)
  const missingClaim = await findMissingClaim(instance, context)
  const shortage = findConnectionShortage(instance, policy)
  const problems = [
    rival,
    gateway,
    ...secrets.problems,
    foreign,
    missingClaim,
    shortage,
    ...(database?.problems ?? []),
    schedule,
    ...backups.problems,
  ]
  return {
    instance,
    policy,
    release: recoverRelease(instance, deployment, jobs),
    deployment,
    scaling: decideScaling(policy, deployment),
    children: findChildren(instance, cache),
    jobs,
    job: readJobState(
      job,
      pods.filter((pod) => controllerOf(pod)?.uid === job?.metadata.uid),
      phase,
    ),
    jobUID: job?.metadata.uid,
    appPods,
    appGone,
    gatekeeper: gatekeeper === undefined ? undefined : cache.get<NotejamInstance>(notejamInstances, gatekeeper),
    approval: await findApproval(instance, context),
    secrets,
    database,
    problems: problems.filter((problem) => problem !== undefined),
    outlived,
    rivalled: rival !== undefined,
    asleep,
    hibernation,
    backups,
    now,
  }
}

const gatewayMissing = 'The cluster does not serve httproutes.gateway.networking.k8s.io/v1; install the Gateway API, or use http.ingress'

function findChildren(instance: NotejamInstance, cache: CacheReader): Observation['children'] {
  const { uid = '' } = instance.metadata
  const claim = findOwnClaim(instance, cache)
  const owned = childResources.flatMap((resource) => cache.controlledBy(resource, uid).map((object) => ({ resource, object })))
  return claim === undefined || owned.some(({ object }) => object === claim)
    ? owned
    : [{ resource: resources.persistentVolumeClaims, object: claim }, ...owned]
}

function findOutlived(instance: NotejamInstance, secrets: SecretsState, { cache }: ReconcileContext): readonly string[] {
  const found = [...childResources, resources.jobs]
    .flatMap((resource) => cache.byIndex(resource, ownerNameIndex, keyToString(keyOf(instance))))
    .filter((object) => outlives(object, instance))
  const claim = findLeavingClaim(instance, cache)
  return [
    ...(claim === undefined ? found : [...found, claim]).map((object) => `${object.kind} ${object.metadata.name}`),
    ...secrets.outlived.map((name) => `Secret ${name}`),
  ]
}

function isAtZero(deployment: Deployment | undefined): boolean {
  if (deployment === undefined) return true
  const { observedGeneration = 0, replicas = 0 } = deployment.status ?? {}
  return deployment.spec.replicas === 0 && replicas === 0 && observedGeneration >= (deployment.metadata.generation ?? 0)
}

/** Who approved the image, which no cache keeps: asked for once, when the release that waits for it is about to begin. */
async function findApproval(instance: NotejamInstance, { client, signal }: ReconcileContext): Promise<Release['approval']> {
  const { spec, status } = instance
  const isAsked = spec.release?.updatePolicy === 'OnApproval' && spec.release.approvedImage === spec.image
  if (!isAsked || status?.operation !== undefined || status?.release?.current?.image === spec.image) return undefined
  return readApproval(await client.get(notejamInstances, keyOf(instance), { signal }))
}

function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/**
 * Whether somebody else's Deployment has the name: it is asked before a migration touches the database, for the roll-out after it could not happen.
 * Objects of others are in no cache, so this asks the server, until our own is there, or the Job that it is asked for: what comes later, the apply
 * refuses.
 */
async function findForeignWorkload(own: KubeObject | undefined, key: ObjectKey, context: ReconcileContext): Promise<Stall | undefined> {
  if (own !== undefined) return undefined
  const found = await getIfThere<KubeObject>(resources.deployments, key, context)
  if (found === undefined) return undefined
  const owner = controllerOf(found)
  if (owner === undefined && found.metadata.annotations?.[annotations.adopt] === key.name) return undefined
  const whose = owner === undefined ? 'belongs to nobody that it names' : `belongs to ${owner.kind} ${owner.name} (${owner.uid})`
  return {
    reason: 'NameConflict',
    message: `${describeObject(found)} exists and ${whose}, so it is left alone. Rename or delete it, or give the instance another name`,
  }
}

async function findMissingClaim(instance: NotejamInstance, context: ReconcileContext): Promise<Stall | undefined> {
  const name = instance.spec.database.sqlite?.storage.existingClaim
  if (name === undefined) return undefined
  const { namespace } = keyOf(instance)
  const found = await getIfThere(resources.persistentVolumeClaims, { namespace, name }, context)
  if (found !== undefined) return undefined
  return { reason: 'ClaimNotFound', message: `PersistentVolumeClaim ${name} is not there; create it in namespace ${namespace}` }
}

async function getIfThere<T extends KubeObject>(resource: Resource, key: ObjectKey, context: ReconcileContext): Promise<T | undefined> {
  try {
    return await context.client.get<T>(resource, key, { signal: context.signal, metadataOnly: true })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/**
 * The releases of the status; where it was lost (an object restored from a file, say), what the children still tell: the counter never goes back,
 * so that a Job of an old release is never taken for one of a new one, and what is deployed stays deployed.
 */
function recoverRelease(instance: NotejamInstance, deployment: Deployment | undefined, jobs: readonly Job[]): ReleaseStatus | undefined {
  const known = instance.status?.release
  if (known?.counter !== undefined) return known
  const ids = [deployment, ...jobs].map((object) => object?.metadata.annotations?.[annotations.release] ?? '')
  const counter = Math.max(0, ...ids.map((id) => Number(/^r(\d+)/.exec(id)?.[1] ?? 0)))
  if (counter === 0) return known
  // The newest release was under way: its Jobs are found again by their names, so it is gone through again, and none runs twice.
  const isUnderWay = !ids.slice(0, 1).includes(`r${counter}`) && jobs.some((job) => isForRelease(job, `r${counter}`, instance.spec.image))
  const current = releaseOf(deployment)
  return { ...known, counter: isUnderWay ? counter - 1 : counter, ...(current === undefined ? {} : { current }) }
}

/** The release that a Deployment says it runs. */
export function releaseOf(deployment: Deployment | undefined): Release | undefined {
  const { [annotations.image]: image, [annotations.release]: id } = deployment?.metadata.annotations ?? {}
  const digest = registryDigest(deployment?.spec.template.spec.containers[0]?.image)
  return image === undefined || id === undefined ? undefined : { id, image, ...(digest === undefined ? {} : { digest }) }
}

function isForRelease({ metadata }: Job, id: string, image: string): boolean {
  return metadata.annotations?.[annotations.release] === id && metadata.annotations[annotations.image] === image
}

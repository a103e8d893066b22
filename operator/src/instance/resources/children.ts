import { buildCronJobs, type CronJobsInput } from '../../backup/resources/backup-cron-jobs.ts'
import { buildMaskCronJobs } from '../../backup/resources/mask-cron-job.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { resources, type Resource } from '../../kube/resource.ts'
import { holdsOwnClaim } from '../own-claim.ts'
import type { Scaling } from '../scaling.ts'
import { buildAutoscaler } from './autoscaler.ts'
import { buildClaim } from './claim.ts'
import { buildDatabaseService } from './database-service.ts'
import { buildDatabaseSet, type DatabaseInput } from './database-set.ts'
import { buildDeployment, type DeploymentInput } from './deployment.ts'
import { buildDisruptionBudget } from './disruption-budget.ts'
import { buildHTTPRoute, httpRoutes } from './http-route.ts'
import { buildIngress } from './ingress.ts'
import { buildNetworkPolicies, type NetworkInput } from './network-policies.ts'
import type { RenderInput } from './render-input.ts'
import { buildService } from './service.ts'

/** A child as it is wanted. */
export interface Child {
  readonly resource: Resource
  readonly desired: DynamicObject
  /** It has no owner reference, and is ours by an annotation: the garbage collector is to leave it. */
  readonly orphaned?: boolean
}

/** What all children together depend on beside the Deployment's own. */
export interface ChildrenInput extends RenderInput {
  readonly scaling: Scaling
  /** What the network policies depend on beside the instance; undefined leaves them alone. */
  readonly network: Omit<NetworkInput, keyof RenderInput> | undefined
  /** What the built-in database depends on; undefined leaves it alone. */
  readonly database: DatabaseInput | undefined
  /** What the CronJobs depend on; undefined leaves them alone. */
  readonly cronJobs?: CronJobsInput | undefined
}

/** Kinds whose objects come and go with what the spec says: one that is not rendered is deleted. The others stay with the instance. */
export const optionalChildren: readonly Resource[] = [
  resources.networkPolicies,
  resources.podDisruptionBudgets,
  resources.ingresses,
  httpRoutes,
  resources.horizontalPodAutoscalers,
  resources.cronJobs,
]

/** Every kind that is kept as it is rendered. */
export const childResources: readonly Resource[] = [
  resources.persistentVolumeClaims,
  resources.services,
  resources.statefulSets,
  resources.deployments,
  ...optionalChildren,
]

/**
 * The children that are kept as they are rendered, in the order in which they are applied: what others need comes first.
 *
 * @param deployment - what the Deployment depends on beside the instance; undefined leaves the Deployment alone
 */
export function renderChildren(input: ChildrenInput, deployment: Omit<DeploymentInput, keyof ChildrenInput> | undefined): readonly Child[] {
  const rendered: readonly (readonly [Resource, DynamicObject | undefined])[] = [
    [resources.persistentVolumeClaims, buildClaim(input)],
    [resources.services, buildService(input)],
    [resources.services, buildDatabaseService(input)],
    ...(input.network === undefined
      ? []
      : buildNetworkPolicies({ ...input, ...input.network }).map((policy) => [resources.networkPolicies, policy] as const)),
    [resources.statefulSets, input.database === undefined ? undefined : buildDatabaseSet(input.database)],
    [resources.deployments, deployment === undefined ? undefined : buildDeployment({ ...input, ...deployment })],
    [resources.podDisruptionBudgets, buildDisruptionBudget(input)],
    [resources.ingresses, buildIngress(input)],
    [httpRoutes, buildHTTPRoute(input)],
    ...(input.cronJobs === undefined
      ? []
      : [...buildCronJobs(input.cronJobs), ...buildMaskCronJobs(input.cronJobs)].map((cronJob) => [resources.cronJobs, cronJob] as const)),
    // Only over a Deployment whose replicas were handed over: two would set them otherwise.
    [resources.horizontalPodAutoscalers, input.scaling.by === 'autoscaler' ? buildAutoscaler(input) : undefined],
  ]
  return rendered.flatMap(([resource, desired]) => {
    if (desired === undefined) return []
    const orphaned = resource === resources.persistentVolumeClaims && holdsOwnClaim(input.instance)
    return [{ resource, desired, ...(orphaned ? { orphaned } : {}) }]
  })
}

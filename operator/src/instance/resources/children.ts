import type { DynamicObject } from '../../kube/object.ts'
import { resources, type Resource } from '../../kube/resource.ts'
import { buildClaim } from './claim.ts'
import { buildDeployment, type DeploymentInput } from './deployment.ts'
import { buildDisruptionBudget } from './disruption-budget.ts'
import { buildIngress } from './ingress.ts'
import type { RenderInput } from './render-input.ts'
import { buildService } from './service.ts'

/** A child as it is wanted. */
export interface Child {
  readonly resource: Resource
  readonly desired: DynamicObject
}

/**
 * The children that are kept as they are rendered, in the order in which they are applied: what others need comes first.
 *
 * @param deployment - what the Deployment depends on beside the instance; undefined leaves the Deployment alone
 */
export function renderChildren(input: RenderInput, deployment: Omit<DeploymentInput, keyof RenderInput> | undefined): readonly Child[] {
  const rendered: readonly (readonly [Resource, DynamicObject | undefined])[] = [
    [resources.persistentVolumeClaims, buildClaim(input)],
    [resources.services, buildService(input)],
    [resources.deployments, deployment === undefined ? undefined : buildDeployment({ ...input, ...deployment })],
    [resources.podDisruptionBudgets, buildDisruptionBudget(input)],
    [resources.ingresses, buildIngress(input)],
  ]
  return rendered.flatMap(([resource, desired]) => (desired === undefined ? [] : [{ resource, desired }]))
}

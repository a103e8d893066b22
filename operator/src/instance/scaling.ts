import { annotations } from '../api/labels.ts'
import type { Deployment } from '../api/objects.ts'
import type { EffectivePolicy } from '../api/policy.ts'

/** Who decides on the number of pods: the operator, which then names it, or an autoscaler, with whose field the operator does not meddle. */
export type Scaling = { readonly by: 'operator'; readonly replicas: number } | { readonly by: 'autoscaler' }

/**
 * Decides who scales. An autoscaler never wakes a Deployment from zero, nor is there one for a Deployment that does not exist: in both cases the
 * operator sets the least number, and hands over in the pass after.
 *
 * @param live - the Deployment as it is
 */
export function decideScaling({ autoscaling, replicas }: EffectivePolicy, live: Deployment | undefined): Scaling {
  if (autoscaling === undefined || replicas === 0 || (live?.spec.replicas ?? 0) === 0) return { by: 'operator', replicas }
  return { by: 'autoscaler' }
}

/**
 * Whether the operator still owns the replicas that it is to leave to an autoscaler. An owner that leaves a field out of what it applies deletes it,
 * and a Deployment without replicas has one: so somebody else must own the field first, with the number that is there
 * (Kubernetes documentation, "Server-Side Apply", transferring ownership).
 */
export function needsHandOver(scaling: Scaling, live: Deployment | undefined): live is Deployment {
  return scaling.by === 'autoscaler' && live !== undefined && live.metadata.annotations?.[annotations.scaledBy] !== 'autoscaler'
}

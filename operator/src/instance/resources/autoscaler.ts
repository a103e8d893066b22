import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** The autoscaler of the Deployment; none where the number of pods is fixed. */
export function buildAutoscaler({ instance, policy }: RenderInput): DynamicObject | undefined {
  if (policy.autoscaling === undefined) return undefined
  const { minReplicas, maxReplicas, metrics, behavior } = policy.autoscaling
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: childMetadata(instance, 'app', workloadName(instance)),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: workloadName(instance) },
      minReplicas,
      maxReplicas,
      metrics,
      // Applied empty, it would be filled with the defaults of Kubernetes or not, depending on what was there before.
      ...(Object.keys(behavior).length === 0 ? {} : { behavior }),
    },
  }
}

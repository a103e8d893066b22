import { childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { workloadName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** Pods from which on a budget makes sense: with one, it would keep its node from ever being drained. */
const leastReplicas = 2

/** Keeps a drain from taking more than one pod at a time; one that is not ready anyway never stands in its way. */
export function buildDisruptionBudget({ instance, policy }: RenderInput): DynamicObject | undefined {
  if (policy.mostReplicas < leastReplicas) return undefined
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: childMetadata(instance, 'app', workloadName(instance)),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels(instance.metadata.name, 'app') },
    },
  }
}

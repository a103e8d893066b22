import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { OPERATOR_NAMESPACE, OPERATOR_RELEASE } from '../cluster/operator-install.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** A pod, as far as bars about pods look into it. */
export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string }
  readonly status?: {
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[]
  }
}

interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly { readonly nodeName?: string; readonly conditions: { readonly ready?: boolean } }[] | null
}

interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity?: string | null }
}

/** Whether a pod serves: ready, and not on its way out. */
export function serves({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    (status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false)
  )
}

/** Pods of the app of an instance. */
export async function appPods(api: ApiClient, namespace: string, name: string): Promise<readonly Pod[]> {
  const labelSelector = `app.kubernetes.io/instance=${name},app.kubernetes.io/component=app`
  return await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, { labelSelector })
}

/** Endpoints of a Service on a node that still get requests. */
export async function readyEndpoints(api: ApiClient, namespace: string, service: string, node: string): Promise<number> {
  const type = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }
  const slices = await api.list<EndpointSlice>(type, namespace, { labelSelector: `kubernetes.io/service-name=${service}` })
  return slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ nodeName, conditions }) => nodeName === node && conditions.ready)
    .length
}

/** Node of the operator that has the lease. */
export async function leaderNode(api: ApiClient): Promise<string> {
  return await waitFor(
    async () => {
      const lease = await api.get<Lease>({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }, OPERATOR_RELEASE, OPERATOR_NAMESPACE)
      const holder = lease?.spec.holderIdentity ?? ''
      if (holder === '') return undefined
      const pods = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, OPERATOR_NAMESPACE)
      return pods.find(({ metadata }) => holder.startsWith(metadata.name))?.spec.nodeName
    },
    { what: 'a leader of the operator', timeoutMs: 60_000 },
  )
}

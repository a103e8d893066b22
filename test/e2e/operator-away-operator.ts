import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { OPERATOR_NAMESPACE, OPERATOR_RELEASE } from '../cluster/operator-install.ts'
import { waitFor } from '../cluster/wait-for.ts'

const deployments = { apiVersion: 'apps/v1', kind: 'Deployment' } as const
const pods = { apiVersion: 'v1', kind: 'Pod' } as const
const instances = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' } as const

/** Who writes what is asked for; status has a manager of its own, for the truth may have changed meanwhile. */
const managers = new Set(['notejam-operator', 'notejam-operator/replicas'])
/** The field that this one owns goes over to the autoscaler when that first sets another number. */
const passing = 'notejam-operator/replicas'
const operatorsPort = 8080

interface ManagedFields {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly fieldsV1?: object
}

/** What the operator has set in an object. */
interface Marks {
  readonly uid: string
  readonly entries: readonly ManagedFields[]
}

interface ManagedObject extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly managedFields?: readonly ManagedFields[] }
}

async function operatorPods(api: ApiClient): Promise<readonly KubeObject[]> {
  return await api.list(pods, OPERATOR_NAMESPACE, { labelSelector: `app.kubernetes.io/instance=${OPERATOR_RELEASE}` })
}

/** Scales the operator and waits until there are so many; with none, also the last pod is gone. */
export async function scaleOperator(api: ApiClient, replicas: number): Promise<void> {
  await api.patch(deployments, OPERATOR_RELEASE, OPERATOR_NAMESPACE, { spec: { replicas } }, 'scale')
  await waitFor(
    async () => {
      const found = await api.get<KubeObject & { status?: { readyReplicas?: number } }>(deployments, OPERATOR_RELEASE, OPERATOR_NAMESPACE)
      return (found?.status?.readyReplicas ?? 0) === replicas && (await operatorPods(api)).length === replicas
    },
    { what: `${replicas} pods of the operator`, timeoutMs: 120_000, intervalMs: 250 },
  )
}

/** Writes that the only operator has sent since its start, but for those to its Lease, which are PUTs. */
export async function operatorWrites(api: ApiClient): Promise<number> {
  const [pod] = await operatorPods(api)
  const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods/${pod?.metadata.name}:${operatorsPort}/proxy/metrics`
  const lines = (await api.raw(path)).split('\n').filter((line) => /^rest_client_requests_total\{.*method="(PATCH|POST|DELETE)"/.test(line))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** What the operator has set in the instance's objects, by object: its field managers' entries, with the time of the last change. */
export async function operatorsMarks(api: ApiClient, namespace: string, name: string): Promise<Readonly<Record<string, Marks>>> {
  const instance = await api.get<KubeObject & { status?: { inventory?: readonly { kind: string; name: string }[] } }>(
    instances,
    name,
    namespace,
  )
  const versions: Readonly<Record<string, string>> = {
    Deployment: 'apps/v1',
    HorizontalPodAutoscaler: 'autoscaling/v2',
    CronJob: 'batch/v1',
    PodDisruptionBudget: 'policy/v1',
    Ingress: 'networking.k8s.io/v1',
    NetworkPolicy: 'networking.k8s.io/v1',
  }
  const children = instance?.status?.inventory ?? []
  const marks = await Promise.all(
    children.map(async ({ kind, name: child }) => {
      const found = await api.get<ManagedObject>({ apiVersion: versions[kind] ?? 'v1', kind }, child, namespace)
      const entries = found?.metadata.managedFields?.filter(({ manager }) => managers.has(manager)) ?? []
      return [`${kind} ${child}`, { uid: found?.metadata.uid ?? '', entries }] as const
    }),
  )
  return Object.fromEntries(marks)
}

/** Objects that the operator has made, deleted or changed: what it set then differs, or the time at which it set it. */
export function changedMarks(before: Readonly<Record<string, Marks>>, after: Readonly<Record<string, Marks>>): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((object) => differ(before[object], after[object])).toSorted()
}

function differ(before: Marks | undefined, after: Marks | undefined): boolean {
  if (before?.uid !== after?.uid) return true
  const texts = (marks: Marks | undefined): readonly string[] => marks?.entries.map((entry) => JSON.stringify(entry)) ?? []
  const [old, now] = [new Set(texts(before)), new Set(texts(after))]
  const lost = before?.entries.some((entry) => entry.manager !== passing && !now.has(JSON.stringify(entry))) ?? false
  return lost || [...now].some((entry) => !old.has(entry))
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'

const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' } as const

/** A condition as `status.conditions` has it. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** A NotejamInstance, as far as the tests of this tier look into it. */
export interface Instance extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly Condition[]
    readonly url?: string
    readonly operation?: object
    readonly readyReplicas?: number
    readonly release?: { readonly counter?: number; readonly current?: { readonly image?: string; readonly digest?: string } }
  }
}

/** The quick start's instance for one test: environment Test on SQLite, behind the Ingress under a host name of its own. */
export function instanceObject(
  namespace: string,
  name: string,
  image: string,
  ingressUrl: string,
  spec: Readonly<Record<string, unknown>> = {},
): KubeObject {
  return {
    apiVersion: instanceType.apiVersion,
    kind: instanceType.kind,
    metadata: { name, namespace },
    spec: {
      environment: 'Test',
      image,
      database: { type: 'SQLite', sqlite: { storage: { size: '64Mi' } } },
      http: { hosts: [hostOf(namespace, name)], ingress: {} },
      app: { publicURL: urlOf(namespace, name, ingressUrl) },
      release: { rollout: { minReadySeconds: 1, progressDeadlineSeconds: 60 } },
      ...spec,
    },
  }
}

/** Host name under which an instance is asked for. Browsers resolve names under `localhost` to this machine (RFC 6761, 6.3). */
export function hostOf(namespace: string, name: string): string {
  return `${name}.${namespace}.localhost`
}

/** Address that a person types: the host name, and the port of the Ingress controller. */
export function urlOf(namespace: string, name: string, ingressUrl: string): string {
  return `http://${hostOf(namespace, name)}:${new URL(ingressUrl).port}`
}

export async function getInstance(api: ApiClient, namespace: string, name: string): Promise<Instance | undefined> {
  return await api.get<Instance>(instanceType, name, namespace)
}

export function conditionOf(instance: Instance | undefined, type: string): Condition | undefined {
  return instance?.status?.conditions?.find((condition) => condition.type === type)
}

/** Waits until the newest spec was acted on and the instance is ready. */
export async function instanceReady(api: ApiClient, namespace: string, name: string, timeoutMs = 120_000): Promise<Instance> {
  return await waitFor(
    async () => {
      const instance = await getInstance(api, namespace, name)
      const current = instance?.status?.observedGeneration === instance?.metadata.generation
      return current && conditionOf(instance, 'Ready')?.status === 'True' ? instance : undefined
    },
    { what: `NotejamInstance ${namespace}/${name} becoming ready`, timeoutMs, intervalMs: 200 },
  )
}

/** Waits until a condition of the newest spec has this status and reason. */
export async function instanceHas(
  api: ApiClient,
  namespace: string,
  name: string,
  wanted: { readonly type: string; readonly status: Condition['status']; readonly reason?: string },
  timeoutMs = 120_000,
): Promise<Condition> {
  let last: Instance | undefined
  try {
    return await waitFor(
      async () => {
        last = await getInstance(api, namespace, name)
        const found = conditionOf(last, wanted.type)
        const matches = found?.status === wanted.status && (wanted.reason === undefined || found.reason === wanted.reason)
        return matches && last?.status?.observedGeneration === last?.metadata.generation ? found : undefined
      },
      { what: `${wanted.type}=${wanted.status} (${wanted.reason ?? 'any reason'}) of ${namespace}/${name}`, timeoutMs, intervalMs: 200 },
    )
  } catch (error) {
    throw new Error(`${String(error)}; conditions: ${JSON.stringify(last?.status?.conditions ?? [])}`, { cause: error })
  }
}

export async function setImage(api: ApiClient, namespace: string, name: string, image: string): Promise<void> {
  await api.patch(instanceType, name, namespace, { spec: { image } })
}

export async function deleteInstance(api: ApiClient, namespace: string, name: string): Promise<void> {
  await api.delete(instanceType, name, namespace)
}

/** Follows an instance in the background and keeps each state of a condition that it passes through. */
export class ConditionHistory {
  readonly #states: string[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(api: ApiClient, namespace: string, name: string, type: string) {
    this.#done = this.#follow(api, namespace, name, type)
  }

  /** `status:reason` in order, without repetitions; the last is that of now. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort()
    await this.#done
    return this.#states
  }

  async #follow(api: ApiClient, namespace: string, name: string, type: string): Promise<void> {
    let ended = false
    while (!ended) {
      // Read before the look: what the caller saw before `end` is seen here too.
      ended = this.#stop.signal.aborted
      const condition = conditionOf(await getInstance(api, namespace, name).catch(() => undefined), type)
      const state = condition === undefined ? undefined : `${condition.status}:${condition.reason}`
      if (state !== undefined && state !== this.#states.at(-1)) this.#states.push(state)
      if (!ended) await sleep(100)
    }
  }
}

/** Everything that belongs to an instance or was made for it, by kind and name. */
export async function childrenOf(api: ApiClient, namespace: string): Promise<readonly string[]> {
  const kinds = [
    ['apps/v1', 'Deployment'],
    ['batch/v1', 'Job'],
    ['v1', 'Pod'],
    ['v1', 'Service'],
    ['v1', 'Secret'],
    ['v1', 'PersistentVolumeClaim'],
    ['networking.k8s.io/v1', 'Ingress'],
  ] as const
  const lists = await Promise.all(
    kinds.map(async ([apiVersion, kind]) => {
      const objects = await api.list({ apiVersion, kind }, namespace, { labelSelector: 'app.kubernetes.io/part-of=notejam' })
      return objects.map((object) => `${kind}/${object.metadata.name}`)
    }),
  )
  return lists.flat().toSorted()
}

/** Names of the migration Jobs of a namespace, oldest first. */
export async function migrationJobs(api: ApiClient, namespace: string): Promise<readonly KubeObject[]> {
  return await api.list({ apiVersion: 'batch/v1', kind: 'Job' }, namespace, { labelSelector: 'app.kubernetes.io/component=migration' })
}

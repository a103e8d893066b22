import { onTestFinished } from 'vitest'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { FakeKubelet } from './instance-kubelet.ts'
import { OperatorProcess } from './instance-operator.ts'

/** Kind for the API client. */
export const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }
/** Kind for the API client. */
export const jobType = { apiVersion: 'batch/v1', kind: 'Job' }
/** Kind for the API client. */
export const deploymentType = { apiVersion: 'apps/v1', kind: 'Deployment' }
/** Kinds that the operator makes. */
export const childTypes = [
  deploymentType,
  jobType,
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
] as const

/** The parts of an instance that tests look at. */
export interface Instance extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
    readonly release?: {
      readonly counter?: number
      readonly current?: { readonly image: string; readonly digest?: string; readonly schemaVersion?: string }
      readonly history?: readonly { readonly id: string; readonly image: string; readonly result: string }[]
    }
    readonly operation?: { readonly id: string; readonly step: string }
    readonly inventory?: readonly { readonly kind: string; readonly name: string }[]
  }
}

/** A namespace with an operator, a kubelet and an instance in it. */
export class Scene {
  readonly #api: ApiClient
  readonly #kubeconfig: string
  readonly namespace: string
  readonly kubelet: FakeKubelet
  operator: OperatorProcess

  private constructor(api: ApiClient, kubeconfig: string, namespace: string) {
    this.#api = api
    this.#kubeconfig = kubeconfig
    this.namespace = namespace
    this.kubelet = new FakeKubelet(api, namespace)
    this.operator = new OperatorProcess(kubeconfig, namespace)
  }

  /** Opens a scene for the test that is running; its end closes it. */
  static async open(api: ApiClient, kubeconfig: string): Promise<Scene> {
    const scene = new Scene(api, kubeconfig, await testNamespace(api))
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.log(scene.operator.log.join('\n'))
      scene.kubelet.stop()
      await scene.operator.kill()
    })
    scene.kubelet.start()
    await scene.operator.whenReady()
    return scene
  }

  /** Kills the operator and starts it anew. */
  async restartOperator(): Promise<void> {
    await this.operator.kill()
    this.operator = new OperatorProcess(this.#kubeconfig, this.namespace)
    await this.operator.whenReady()
  }

  /** Creates the instance `notes` with an image of that tag. */
  async create(tag: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const spec = {
      environment: 'Test',
      image: this.kubelet.image(tag),
      database: { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } },
      http: { hosts: ['notes.example.org'], ingress: {} },
      release: { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 } },
      ...more,
    }
    await this.#api.create({ ...instanceType, metadata: { name: 'notes', namespace: this.namespace }, spec })
  }

  /** Changes its spec by a merge patch. */
  async edit(spec: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#api.patch(instanceType, 'notes', this.namespace, { spec })
  }

  /** The instance as it is. */
  async get(): Promise<Instance | undefined> {
    return this.#api.get<Instance>(instanceType, 'notes', this.namespace)
  }

  /** Waits until a condition has a status and a reason for the present generation, and gives its message. */
  async until(type: string, status: string, reason: string): Promise<string> {
    let seen: unknown
    try {
      return await waitFor(
        async () => {
          const instance = await this.get()
          seen = instance?.status
          if (instance?.status?.observedGeneration !== instance?.metadata.generation) return undefined
          const found = instance?.status?.conditions?.find((condition) => condition.type === type)
          return found?.status === status && found.reason === reason ? found.message : undefined
        },
        { what: `${type}=${status}, ${reason}`, timeoutMs: 30_000, intervalMs: 40 },
      )
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify(seen, undefined, 1)}`, { cause: error })
    }
  }

  /** Waits until the image of that tag is served. */
  async served(tag: string, timeoutMs = 30_000): Promise<void> {
    const image = this.kubelet.image(tag)
    await waitFor(async () => (await this.get())?.status?.release?.current?.image === image, {
      what: `release of ${tag}`,
      timeoutMs,
      intervalMs: 40,
    })
    await this.until('Ready', 'True', 'Serving')
  }

  /** Image of the Deployment. */
  async deployedImage(): Promise<string | undefined> {
    const deployment = await this.#api.get<KubeObject & { spec: { template: { spec: { containers: { image: string }[] } } } }>(
      deploymentType,
      'notes',
      this.namespace,
    )
    return deployment?.spec.template.spec.containers[0]?.image
  }

  /** All Jobs of the namespace. */
  async jobs(): Promise<readonly KubeObject[]> {
    return this.#api.list(jobType, this.namespace)
  }

  /** All objects of the kinds that the operator makes. */
  async children(): Promise<readonly KubeObject[]> {
    return (await Promise.all(childTypes.map((type) => this.#api.list(type, this.namespace)))).flat()
  }
}

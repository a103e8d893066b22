import type { ApiClient, KubeObject } from '../../cluster/api-client.ts'
import { childCollections, collections, type Collection } from './collections.ts'
import type { Observer } from './observer.ts'

/** Milliseconds between two looks at everything. */
const lookMs = 1000

interface PodTemplate {
  readonly metadata?: { readonly labels?: object; readonly annotations?: object }
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] }
}

interface Workload extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly template: PodTemplate }
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly object[] }
}

/** What a stage plays. */
export interface StageOptions {
  readonly api: ApiClient
  readonly observer: Observer
  /** Whether there are pods too: for memory, and for what follows pods. */
  readonly pods: boolean
}

/**
 * Plays controller manager and kubelet for a control plane in which both are still, with as few writes as possible: Jobs succeed, Deployments are
 * complete as soon as they are applied, children of deleted instances go. What is measured is then the operator and not who shares the machine with
 * it.
 */
export class Stage implements AsyncDisposable {
  readonly #options: StageOptions
  readonly #stopListening: (() => void)[] = []
  /** By UID of the object. */
  readonly #running = new Map<string, Promise<void>>()
  /** UIDs of deleted instances. */
  readonly #dead = new Set<string>()
  /** Newest pod of each Deployment. */
  readonly #pods = new Map<string, string>()
  /** Calls that the API server refused, newest last. */
  readonly failures: string[] = []

  constructor(options: StageOptions) {
    this.#options = options
  }

  /** Begins to play; what is there already is taken up. */
  async start(): Promise<void> {
    const { observer } = this.#options
    await observer.watch(collections.instances.path, collections.instances)
    this.#stopListening.push(
      observer.on(collections.instances.path, ({ type, object }) => {
        if (type === 'DELETED') this.#dead.add(object.metadata.uid ?? '')
      }),
    )
    for (const collection of childCollections) {
      await observer.watch(collection.path, collection)
      this.#stopListening.push(
        observer.on(collection.path, ({ type, object }) => {
          if (type !== 'DELETED') this.#play(collection, object)
        }),
      )
    }
    // Level-triggered, as those whom it plays: whatever failed is tried again.
    const timer = setInterval(() => this.#look(), lookMs)
    this.#stopListening.push(() => clearInterval(timer))
    this.#look()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stopListening) stop()
    await Promise.all(this.#running.values())
  }

  /** Deletes this very object: by now another one may have its name. */
  async #delete(collection: Collection, { name, namespace, uid = '' }: KubeObject['metadata']): Promise<void> {
    const { api } = this.#options
    const body = { propagationPolicy: 'Background', preconditions: { uid } }
    const { status, text } = await api.call('DELETE', await api.path(collection, namespace, name), { body })
    if (status >= 300 && status !== 404 && status !== 409)
      throw new Error(`${collection.kind} ${name} could not be collected: ${status} ${text}`)
  }

  #look(): void {
    for (const collection of childCollections) {
      for (const object of this.#options.observer.objects(collection.path)) this.#play(collection, object)
    }
  }

  /** Does what is to be done for one object, unless that is under way. */
  #play(collection: Collection, object: KubeObject): void {
    const { uid = '' } = object.metadata
    if (this.#running.has(uid)) return
    const work = this.#workFor(collection, object)
    if (work === undefined) return
    const running = work
      // What was deleted or changed meanwhile brings another event.
      .catch((error: unknown) => void this.failures.push(String(error)))
      .finally(() => this.#running.delete(uid))
    this.#running.set(uid, running)
  }

  #workFor(collection: Collection, object: KubeObject): Promise<void> | undefined {
    // A pass that ran while its instance was deleted may make a child after all others are gone.
    if (this.#dead.has(ownerOf(object) ?? '')) return this.#remove(collection, object)
    if (collection === collections.jobs) return this.#job(object as Workload)
    if (collection === collections.deployments) return this.#deployment(object as Workload)
    return undefined
  }

  #job(job: Workload): Promise<void> | undefined {
    if ((job.status?.conditions ?? []).length > 0 || job.metadata.deletionTimestamp !== undefined) return undefined
    return this.#complete(job)
  }

  async #complete(job: Workload): Promise<void> {
    const { api, pods } = this.#options
    const { name, namespace = '' } = job.metadata
    if (pods) await this.#pod(job, `${name}-pod`, migrated)
    const time = now()
    const condition = (type: string): object => ({
      type,
      status: 'True',
      reason: 'CompletionsReached',
      message: '',
      lastTransitionTime: time,
    })
    await api.patch(
      collections.jobs,
      name,
      namespace,
      {
        status: {
          startTime: time,
          completionTime: time,
          succeeded: 1,
          ready: 0,
          uncountedTerminatedPods: {},
          conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
        },
      },
      'status',
    )
  }

  #deployment(deployment: Workload): Promise<void> | undefined {
    const { generation, deletionTimestamp } = deployment.metadata
    if (deployment.status?.observedGeneration === generation || deletionTimestamp !== undefined) return undefined
    return this.#rollOut(deployment)
  }

  async #rollOut(deployment: Workload): Promise<void> {
    const { api, pods } = this.#options
    const { name, namespace = '', generation = 0 } = deployment.metadata
    const { replicas = 1 } = deployment.spec
    if (pods) await this.#replacePod(deployment)
    const time = now()
    const condition = (type: string, reason: string): object => ({
      type,
      status: 'True',
      reason,
      message: '',
      lastTransitionTime: time,
      lastUpdateTime: time,
    })
    await api.patch(
      collections.deployments,
      name,
      namespace,
      {
        status: {
          observedGeneration: generation,
          replicas,
          updatedReplicas: replicas,
          readyReplicas: replicas,
          availableReplicas: replicas,
          conditions: [condition('Available', 'MinimumReplicasAvailable'), condition('Progressing', 'NewReplicaSetAvailable')],
        },
      },
      'status',
    )
  }

  async #replacePod(deployment: Workload): Promise<void> {
    const { name, namespace = '', uid = '', generation = 0 } = deployment.metadata
    const before = this.#pods.get(uid)
    const pod = `${name}-${generation}`
    if (before === pod) return
    this.#pods.set(uid, pod)
    await this.#pod(deployment, pod, serving)
    if (before !== undefined) await this.#options.api.delete(collections.pods, before, namespace, { gracePeriodSeconds: '0' })
  }

  async #pod(owner: Workload, name: string, status: (container: { name: string; image: string }) => object): Promise<void> {
    const { api } = this.#options
    const { namespace = '', uid = '' } = owner.metadata
    const { metadata, spec } = owner.spec.template
    const [container] = spec.containers
    if (container === undefined) return
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        labels: { ...(metadata?.labels as Record<string, string> | undefined) },
        annotations: { ...(metadata?.annotations as Record<string, string> | undefined) },
        ownerReferences: [
          { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid, controller: true },
        ] as KubeObject['metadata']['ownerReferences'] & object,
      },
      spec: { ...spec, nodeName: 'stage' },
    }
    await api.create(pod).catch((error: unknown) => {
      // An earlier attempt made it.
      if (!/: 409 /.test(String(error))) throw error
    })
    await api.patch(collections.pods, name, namespace, { status: status(container) }, 'status')
  }

  /** Plays the garbage collector. */
  async #remove(collection: Collection, { metadata }: KubeObject): Promise<void> {
    const { api, pods } = this.#options
    const { name, namespace = '', uid = '' } = metadata
    // A claim has a finalizer that only the controller manager takes away.
    if ((metadata.finalizers ?? []).length > 0) await api.patch(collection, name, namespace, { metadata: { finalizers: null, uid } })
    await this.#delete(collection, metadata)
    const pod = collection === collections.jobs ? `${name}-pod` : this.#pods.get(uid)
    this.#pods.delete(uid)
    if (pods && pod !== undefined) await api.delete(collections.pods, pod, namespace, { gracePeriodSeconds: '0' })
  }
}

function ownerOf({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.[0]?.uid
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}

function containerStatus({ name, image }: { readonly name: string; readonly image: string }): object {
  return { name, image, imageID: image, restartCount: 0 }
}

function migrated(container: { readonly name: string; readonly image: string }): object {
  const message = `${JSON.stringify({ command: 'migrate', outcome: 'Migrated', schemaVersion: 7 })}\n`
  const terminated = { exitCode: 0, reason: 'Completed', message, startedAt: now(), finishedAt: now() }
  return { phase: 'Succeeded', containerStatuses: [{ ...containerStatus(container), ready: false, state: { terminated } }] }
}

function serving(container: { readonly name: string; readonly image: string }): object {
  const lastTransitionTime = new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    phase: 'Running',
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime })),
    containerStatuses: [
      { ...containerStatus(container), ready: true, started: true, state: { running: { startedAt: lastTransitionTime } } },
    ],
  }
}

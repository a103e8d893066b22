import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { collections } from '../bench/operator/collections.ts'
import { Observer } from '../bench/operator/observer.ts'
import { allTags } from './fleet-knowledge.ts'
import { FakeKubelet, type Pod } from './instance-kubelet.ts'

/** Milliseconds between two looks at what an event did not bring forward. */
const lookMs = 200

interface Claim extends KubeObject {
  readonly spec: { readonly volumeName?: string; readonly storageClassName?: string }
}

/**
 * Kubelet and provisioner of a whole cluster without nodes: one watch for all namespaces. Controller manager and scheduler are the real ones.
 */
export class FleetStage implements AsyncDisposable {
  readonly observer: Observer
  readonly #api: ApiClient
  readonly #kubelets = new Map<string, FakeKubelet>()
  /** Versions of pods and claims that were looked at, by UID. */
  readonly #seen = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(kubeconfig: string) {
    this.observer = new Observer(kubeconfig)
    this.#api = ApiClient.fromKubeconfig(kubeconfig)
  }

  /** Begins to play. */
  async start(): Promise<void> {
    for (const collection of [collections.instances, collections.pods, collections.claims]) {
      await this.observer.watch(collection.path, collection)
    }
    this.#next()
  }

  /** The kubelet of a namespace, with the database of its instance. */
  kubelet(namespace: string): FakeKubelet {
    const known = this.#kubelets.get(namespace) ?? new FakeKubelet(this.#api, namespace)
    if (!this.#kubelets.has(namespace)) for (const tag of allTags) known.image(tag)
    this.#kubelets.set(namespace, known)
    return known
  }

  /** All kubelets. */
  get kubelets(): readonly FakeKubelet[] {
    return [...this.#kubelets.values()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    await this.#looking
    await this.observer[Symbol.asyncDispose]()
    await this.#api.close()
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#next())
    }, lookMs)
  }

  async #look(): Promise<void> {
    const pods = Map.groupBy(this.observer.objects<Pod>(collections.pods.path), ({ metadata }) => metadata.namespace ?? '')
    const claims = this.observer.objects<Claim>(collections.claims.path).filter((claim) => this.#isNew(claim))
    await Promise.all([
      ...[...pods].map(async ([namespace, all]) => {
        const changed = all.filter((pod) => this.#isNew(pod))
        if (changed.length > 0) await this.kubelet(namespace).look(all, changed, (pod) => this.#forget(pod))
      }),
      ...claims.map(async (claim) => await this.#provide(claim)),
    ])
  }

  #isNew({ metadata: { uid = '', resourceVersion = '' } }: KubeObject): boolean {
    if (this.#seen.get(uid) === resourceVersion) return false
    this.#seen.set(uid, resourceVersion)
    return true
  }

  #forget({ metadata }: KubeObject): void {
    this.#seen.delete(metadata.uid ?? '')
  }

  /** Makes a volume for a claim; the controller manager binds them. */
  async #provide(claim: Claim): Promise<void> {
    const { storageClassName, volumeName } = claim.spec
    const { namespace = '', name, uid = '' } = claim.metadata
    if (storageClassName === undefined || volumeName !== undefined) return
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `volume-${uid}` },
      spec: {
        storageClassName,
        capacity: { storage: '100Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
        csi: { driver: 'fleet.example', volumeHandle: uid },
      },
    }
    const { status } = await this.#api.call('POST', '/api/v1/persistentvolumes', { body: volume })
    if (status >= 300 && status !== 409) this.#forget(claim)
  }
}

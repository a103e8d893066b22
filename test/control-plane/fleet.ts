import { setTimeout as sleep } from 'node:timers/promises'
import { collections } from '../bench/operator/collections.ts'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { applyCrds } from '../support/crds.ts'
import { differences, likenessOf } from './fleet-compare.ts'
import { planEdits, type Edit, type Planned } from './fleet-edits.ts'
import { placed, present } from './fleet-knowledge.ts'
import { FleetStage } from './fleet-stage.ts'
import { exceptionsIn, faultsOf, finalTag, restOf, tally } from './fleet-state.ts'
import {
  bring,
  clusterFurniture,
  clusterLatecomers,
  databaseSecret,
  firstInstance,
  forAll,
  furniture,
  imageOf,
  instanceName,
  latecomers,
} from './fleet-world.ts'
import { OperatorProcess } from './instance-operator.ts'
import { instanceType, type Instance } from './instance-scene.ts'

/** How {@link runFleet} runs. */
export interface FleetOptions {
  readonly api: ApiClient
  readonly kubeconfig: string
  readonly instances: number
  /** Edits that the API server takes; those that it refuses come on top. */
  readonly edits: number
  /** How long the storm lasts. */
  readonly seconds: number
  /** How long instances may take to come to rest: longer than any deadline that edits set. */
  readonly settleSeconds: number
  readonly seed: number
  readonly report: (line: string) => void
}

/** What {@link runFleet} found. */
export interface FleetFound {
  readonly accepted: number
  readonly refused: number
  /** What instances had come to when the storm was over. */
  readonly rests: string
  /** The same, once what was missing is there and all have a good image. */
  readonly finalRests: string
  /** Instances that came to no rest, or whose status says no known reason. */
  readonly stuck: readonly string[]
  /** Instances that have other objects than a fresh one of their spec, with the edits that led there. */
  readonly different: readonly string[]
  /** Lines of the log that tell of an exception. */
  readonly exceptions: readonly string[]
  readonly wipes: number
  /** Databases that were emptied while pods of the app were there, or twice for one release. */
  readonly badWipes: number
}

/** Runs of edits that are made in advance, for each that is to be taken: many are refused. */
const reserve = 3
const parallel = 16

/**
 * Lets edits rain on many instances, each in a namespace of its own; waits until all have come to rest; then gives each a good image and what it
 * lacks, and holds it against a fresh instance that was made with the spec that it has by now.
 *
 * Of the spec, the last step changes what makes the past count: which image is served, who waits for whom, and the version that the data of a
 * built-in database is of.
 */
export async function runFleet(options: FleetOptions): Promise<FleetFound> {
  const { api, kubeconfig, instances, report } = options
  await applyCrds(api)
  await bring(api, clusterFurniture)
  await using stage = new FleetStage(kubeconfig)
  await stage.start()
  const operator = new OperatorProcess(kubeconfig, undefined)
  try {
    await operator.whenReady()
    return await new Fleet(options, stage, operator).run()
  } finally {
    report(`${instances} instances; the operator ${operator.alive ? 'lives' : 'has ended'}, ${operator.log.length} lines of log`)
    await operator.kill()
  }
}

class Fleet {
  readonly #options: FleetOptions
  readonly #stage: FleetStage
  readonly #operator: OperatorProcess
  /** Edits that were taken, by namespace. */
  readonly #taken = new Map<string, string[]>()
  readonly #refusals: string[] = []
  #accepted = 0

  constructor(options: FleetOptions, stage: FleetStage, operator: OperatorProcess) {
    this.#options = options
    this.#stage = stage
    this.#operator = operator
  }

  async run(): Promise<FleetFound> {
    const { api, instances, report } = this.#options
    const namespaces = Array.from({ length: instances }, (_, index) => namespaceOf('storm', index))
    await forAll(namespaces, parallel, async (namespace, index) => {
      await bring(api, [...furniture(index, namespace), firstInstance(index, namespace)])
    })
    await this.#rest(namespaces)
    report('all instances are there')
    await this.#storm(namespaces)
    report(`${this.#accepted} edits were taken, ${this.#refusals.length} refused: ${tally(this.#refusals).slice(0, 600)}`)
    const stuck = await this.#rest(namespaces)
    const rests = this.#restsOf(namespaces)
    report(`after the storm: ${rests}`)
    await this.#calm(namespaces)
    stuck.push(...(await this.#rest(namespaces)))
    const finalRests = this.#restsOf(namespaces)
    report(`with what was missing, and a good image: ${finalRests}`)
    const different = await this.#compare(namespaces)
    const wipes = this.#stage.kubelets.flatMap((kubelet) => kubelet.wipes)
    const repeated = this.#stage.kubelets.map((kubelet) => kubelet.wipes.length - new Set(kubelet.wipes.map(({ id }) => id)).size)
    return {
      accepted: this.#accepted,
      refused: this.#refusals.length,
      ...{ rests, finalRests, stuck, different },
      exceptions: [...(this.#operator.alive ? [] : ['the operator has ended']), ...exceptionsIn(this.#operator.log)],
      wipes: wipes.length,
      badWipes: wipes.filter(({ appPods }) => appPods > 0).length + repeated.reduce((sum, count) => sum + count, 0),
    }
  }

  #instance(namespace: string): Instance | undefined {
    return this.#stage.observer.find<Instance>(collections.instances.path, namespace, instanceName)
  }

  #restsOf(namespaces: readonly string[]): string {
    return tally(
      namespaces.map((namespace) => {
        const instance = this.#instance(namespace)
        return (instance === undefined ? undefined : restOf(instance)) ?? 'at work'
      }),
    )
  }

  /** Waits until all have come to rest; tells of those that do not, and of those whose status is wrong. */
  async #rest(namespaces: readonly string[]): Promise<string[]> {
    const atWork = () =>
      namespaces.filter((namespace) => {
        const instance = this.#instance(namespace)
        return instance === undefined || restOf(instance) === undefined
      })
    const timeoutMs = this.#options.settleSeconds * 1000
    await waitFor(() => atWork().length === 0, { what: 'rest', timeoutMs, intervalMs: 100 }).catch(() => undefined)
    const restless = atWork().map((namespace) => `${namespace} comes to no rest: ${JSON.stringify(this.#instance(namespace)?.status)}`)
    const faults = namespaces.flatMap((namespace) => {
      const instance = this.#instance(namespace)
      return instance === undefined ? [] : faultsOf(instance)
    })
    return [...restless, ...faults]
  }

  async #storm(namespaces: readonly string[]): Promise<void> {
    const { edits, seconds, seed, instances, report } = this.#options
    const plan = planEdits({ instances, count: edits * reserve, seed })
    const startedAt = performance.now()
    const rain = async () => {
      for (let next = plan.shift(); next !== undefined && this.#accepted < edits; next = plan.shift()) {
        await this.#make(next, namespaces[next.instance] ?? '')
        const due = startedAt + (this.#accepted / edits) * seconds * 1000
        await sleep(Math.max(0, due - performance.now()))
      }
    }
    const timer = setInterval(() => report(`${this.#accepted} edits: ${this.#restsOf(namespaces)}`), 30_000)
    await Promise.all(Array.from({ length: parallel }, rain))
    clearInterval(timer)
  }

  async #make({ instance, edit }: Planned, namespace: string): Promise<void> {
    const refusal = await this.#send(edit, namespace, instance)
    if (refusal !== undefined) {
      this.#refusals.push(refusal)
      return
    }
    this.#accepted += 1
    const taken = this.#taken.get(namespace) ?? []
    this.#taken.set(namespace, [...taken, JSON.stringify(edit)])
  }

  /** Makes an edit; gives what was edited if it was refused. */
  async #send(edit: Edit, namespace: string, index: number): Promise<string | undefined> {
    const { api } = this.#options
    switch (edit.type) {
      case 'Patch':
        return (await this.#patch(namespace, placed(edit.patch, namespace))) ? undefined : edit.what
      case 'Image': {
        const image = imageOf(edit.tag, edit.byDigest)
        const release = edit.approved ? { release: { approvedImage: image } } : {}
        return (await this.#patch(namespace, { spec: { image, ...release } })) ? undefined : 'image'
      }
      case 'Password':
        await api.apply(databaseSecret(index, namespace, present.database, edit.password))
        return undefined
      case 'Loss': {
        const type =
          { Deployment: 'apps/v1', Service: 'v1', PodDisruptionBudget: 'policy/v1' }[edit.kind as string] ?? 'networking.k8s.io/v1'
        await api.delete({ apiVersion: type, kind: edit.kind }, instanceName, namespace)
        return undefined
      }
      case 'Store': {
        const { dataEndings } = this.#stage.kubelet(namespace)
        if (edit.works) dataEndings.delete('backup')
        else dataEndings.set('backup', { exitCode: 1, outcome: 'StoreUnavailable', message: 'the store does not answer' })
        return undefined
      }
    }
  }

  async #patch(namespace: string, patch: object): Promise<boolean> {
    const { api } = this.#options
    const path = await api.path(instanceType, namespace, instanceName)
    const { status, text } = await api.call('PATCH', path, { body: patch, contentType: 'application/merge-patch+json' })
    if (status >= 300 && status !== 422 && status !== 400) throw new Error(`a patch of ${namespace} was answered with ${status}: ${text}`)
    return status < 300
  }

  /** Ends what waits, brings what is missing, and gives everybody a good image: from here on nothing but the spec counts. */
  async #calm(namespaces: readonly string[]): Promise<void> {
    const { api } = this.#options
    await bring(api, clusterLatecomers)
    await forAll(namespaces, parallel, async (namespace, index) => {
      this.#stage.kubelet(namespace).dataEndings.clear()
      await bring(api, latecomers(index, namespace))
      const { spec } = (await api.get<Specified>(instanceType, instanceName, namespace)) ?? {}
      if (spec === undefined) throw new Error(`the instance of ${namespace} is gone`)
      await api.patch(instanceType, instanceName, namespace, {
        spec: {
          image: imageOf(finalTag, spec.environment === 'Production'),
          ...{ managementPolicy: 'Managed', runPolicy: 'Running', hibernation: null, expiration: null },
          release: { updatePolicy: 'Automatic', gate: null, retryToken: 'after the storm' },
          ...(await this.#ownServer(namespace, spec)),
          ...ownHosts(namespace, spec),
        },
      })
    })
  }

  /** The version that the data of a built-in database is of follows from what ran. */
  async #ownServer(namespace: string, { database }: Spec): Promise<object> {
    if (database.builtIn === undefined) return {}
    const set = await this.#options.api.get<Workload>({ apiVersion: 'apps/v1', kind: 'StatefulSet' }, `${instanceName}-database`, namespace)
    const image = set?.spec.template.spec.containers[0]?.image
    return image === undefined ? {} : { database: { builtIn: { image } } }
  }

  /** Makes a fresh instance for each, and says in what the two differ. */
  async #compare(namespaces: readonly string[]): Promise<readonly string[]> {
    const { api, seed, settleSeconds } = this.#options
    const found: string[] = []
    const fresh = namespaces.map((_, index) => namespaceOf('fresh', index))
    await forAll(namespaces, parallel, async (namespace, index) => {
      const [twin = ''] = fresh.slice(index)
      const { metadata, spec } = (await api.get<Specified>(instanceType, instanceName, namespace)) ?? {}
      if (metadata === undefined) return
      const { labels = {}, annotations = {} } = metadata
      await bring(api, [...furniture(index, twin), ...latecomers(index, twin)])
      const object = { ...instanceType, metadata: { name: instanceName, namespace: twin, labels, annotations }, spec }
      await api.create(JSON.parse(JSON.stringify(object).replaceAll(namespace, twin)) as KubeObject)
    })
    found.push(...(await this.#rest(fresh)))
    const deadline = performance.now() + settleSeconds * 1000
    await forAll(namespaces, parallel, async (namespace, index) => {
      const look = async () => await this.#differences(namespace, fresh[index] ?? '')
      let last = await look()
      while (last.length > 0 && performance.now() < deadline) {
        await sleep(500)
        last = await look()
      }
      if (last.length > 0)
        found.push(`seed ${seed}, ${namespace}:\n  ${last.join('\n  ')}\n  after ${(this.#taken.get(namespace) ?? []).join('\n    ')}`)
    })
    return found
  }

  async #differences(namespace: string, twin: string): Promise<readonly string[]> {
    const { api } = this.#options
    const [old, fresh] = await Promise.all([namespace, twin].map(async (of) => await api.get<Instance>(instanceType, instanceName, of)))
    if (old === undefined || fresh === undefined) return ['one of the two is gone']
    const [found, wanted] = await Promise.all([likenessOf(api, old), likenessOf(api, fresh)])
    return differences(found, wanted, restOf(fresh)?.startsWith('Stalled') === true)
  }
}

interface Spec {
  readonly environment: string
  readonly database: { readonly builtIn?: object }
  readonly http?: { readonly hosts?: readonly string[] }
}

interface Specified extends KubeObject {
  readonly spec: Spec
}

interface Workload extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } } }
}

/** Hosts that nobody else wants, and no Gateway, which this cluster does not serve. */
function ownHosts(namespace: string, { http }: Spec): object {
  if (http === undefined) return {}
  const { hosts = [] } = http
  const own = hosts.filter((host) => host.includes(namespace))
  const changed = own.length === hosts.length ? {} : { hosts: own.length === 0 ? [`${namespace}.example.org`] : own }
  return { http: { gateway: null, ...changed } }
}

/** Names of equal length, so that one can stand for the other. */
function namespaceOf(kind: 'storm' | 'fresh', index: number): string {
  return `fleet-${kind}-${String(index).padStart(4, '0')}`
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../operator/src/kube/client.ts'
import { collections } from '../bench/operator/collections.ts'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import type { FleetStage } from './fleet-stage.ts'
import { bring } from './fleet-world.ts'
import type { FakeKubelet } from './instance-kubelet.ts'
import { instanceType, jobType } from './instance-scene.ts'
import { differenceOf, takeBeginning, takeEnd, type Beginning, type End, type EndedInstance } from './kill-matrix-end.ts'
import { MortalOperator, type Death } from './kill-matrix-operator.ts'
import { commandsOf, imageFor, objectsOf, tagOf, type Ending, type Story } from './kill-matrix-stories.ts'

/** What a {@link Life} is lived on. */
export interface Ground {
  readonly api: ApiClient
  readonly client: Client
  readonly stage: FleetStage
}

/** What happens to the operators of one release. */
export interface Fate {
  /** How the operator of that number is killed, from 0; undefined for one that lives on. */
  readonly deathOf: (life: number) => Death | undefined
  /** Whether nobody follows before the Jobs that are there have ended. */
  readonly isAway?: boolean
  /** Takes the journal out: what a killed operator has written into it is not there for the next one. */
  readonly withoutJournal?: boolean
}

/** What a release came to. */
export interface Told {
  readonly end: End | undefined
  /** The writes that operators were killed at. */
  readonly deaths: readonly string[]
  /** In what the end is not as expected. */
  readonly problem: string | undefined
}

const spared: Fate = { deathOf: () => undefined }

/** Longest time that a release may take, with its kills. */
const releaseMs = 180_000
const lookMs = 150
/** How long nothing may change until an end counts as one: the operator leaves a report for a second. */
const quietMs = 1500
const awayMs = 8000

/** The life of one instance of a story, from its installation through as many releases as are asked for. */
export class Life implements AsyncDisposable {
  readonly #ground: Ground
  readonly #story: Story
  readonly #namespace: string
  readonly #kubelet: FakeKubelet
  #operator: MortalOperator
  #image = 0
  #servedTag: string

  private constructor(ground: Ground, story: Story, namespace: string) {
    this.#ground = ground
    this.#story = story
    this.#namespace = namespace
    this.#kubelet = ground.stage.kubelet(namespace)
    this.#servedTag = this.#nextTag('Good')
    this.#operator = new MortalOperator(ground.client, namespace)
  }

  /** Installs the instance and takes in one more image: from then on a release is like the one before it. */
  static async begin(ground: Ground, story: Story): Promise<Life> {
    const life = new Life(ground, story, await createNamespace(ground.api, { prefix: 'kill' }))
    await bring(ground.api, objectsOf(story, life.#servedTag, life.#namespace))
    await waitFor(() => life.#isAtRest(life.#servedTag, 'Good'), { what: `the installation of ${nameOf(story)}`, timeoutMs: releaseMs })
    await life.renew()
    return life
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#operator.end()
    await deleteNamespace(this.#ground.api, this.#namespace)
  }

  /**
   * Takes a good image in, with nobody killed; what it has to do for that depends on the release before.
   *
   * @throws Error when that does not come to its end
   */
  async renew(): Promise<void> {
    const { end, problem } = await this.#release('Good', spared, undefined)
    if (end === undefined) throw new Error(problem)
  }

  /**
   * Takes in an image that ends as the story says.
   *
   * @param expected - what the same came to with nobody killed; undefined for that very release
   */
  async release(fate: Fate = spared, expected?: End): Promise<Told> {
    return await this.#release(this.#story.ending, fate, expected)
  }

  async #release(ending: Ending, fate: Fate, expected: End | undefined): Promise<Told> {
    const { api } = this.#ground
    const [tag, previousTag] = [this.#nextTag(ending), this.#servedTag]
    const beginning = await takeBeginning(api, this.#seen() ?? missing(), this.#kubelet)
    const deaths: string[] = []
    this.#expose(fate, 0)
    await api.patch(instanceType, 'notes', this.#namespace, { spec: { image: imageFor(this.#story, tag) } })
    const take = async () =>
      await takeEnd(api, this.#seen() ?? missing(), this.#kubelet, beginning, { tag, previousTag, countsPods: ending === 'Good' })
    const deadline = performance.now() + releaseMs
    let last: End | undefined
    let quietSince = performance.now()
    for (;;) {
      const { lastWrite } = this.#operator
      if (lastWrite !== undefined) {
        deaths.push(lastWrite)
        await this.#replace(fate, deaths.length)
        quietSince = performance.now()
      }
      const end = this.#isAtRest(tag, ending) ? await take() : undefined
      if (end === undefined || last === undefined || differenceOf(end, last) !== undefined) quietSince = performance.now()
      last = end
      if (performance.now() - quietSince > quietMs || performance.now() > deadline) break
      await sleep(lookMs)
    }
    if (ending === 'Good') this.#servedTag = tag
    return { end: last, deaths, problem: this.#judge(last, expected, ending, beginning, tag) }
  }

  #judge(end: End | undefined, expected: End | undefined, ending: Ending, { ran }: Beginning, tag: string): string | undefined {
    if (end === undefined)
      return `${tag} came to no end: ran ${this.#kubelet.ran.slice(ran).join(', ')}; ${JSON.stringify(this.#seen()?.status)}`
    const commands = commandsOf({ ...this.#story, ending })
    if (end.commands.join() !== commands.join()) return `ran ${end.commands.join()}, not ${commands.join()}`
    return expected === undefined ? undefined : differenceOf(end, expected)
  }

  #expose(fate: Fate, life: number): void {
    const death = fate.deathOf(life)
    if (death !== undefined) this.#operator.expose(death)
  }

  /** After a kill: another operator, which knows nothing but what the cluster tells. */
  async #replace(fate: Fate, life: number): Promise<void> {
    const { api, client } = this.#ground
    await this.#operator.end()
    if (fate.isAway === true) await this.#untilJobsEnd()
    if (fate.withoutJournal === true) {
      await api.patch(instanceType, 'notes', this.#namespace, { status: { operation: null, release: { target: null } } }, 'status')
    }
    this.#operator = new MortalOperator(client, this.#namespace)
    this.#expose(fate, life)
  }

  async #untilJobsEnd(): Promise<void> {
    const deadline = performance.now() + awayMs
    const isActive = ({ status }: Job) => !(status?.conditions ?? []).some(({ type }) => type === 'Complete' || type === 'Failed')
    while ((await this.#ground.api.list<Job>(jobType, this.#namespace)).some(isActive) && performance.now() < deadline) await sleep(lookMs)
  }

  #isAtRest(tag: string, ending: Ending): boolean {
    const { metadata, status } = this.#seen() ?? missing()
    const { operation, release, conditions = [] } = status ?? {}
    const is = (type: string) => conditions.some((condition) => condition.type === type && condition.status === 'True')
    if (status?.observedGeneration === undefined || status.observedGeneration !== metadata.generation) return false
    const image = imageFor(this.#story, tag)
    if (ending === 'Good') return operation === undefined && release?.current?.image === image && is('Ready')
    // Without anything to go back to, a roll-out that failed stays as it is, to be looked at.
    const isOver = operation === undefined ? release?.history?.[0]?.image === image : operation.step === 'RollingOut'
    return is('Stalled') && isOver
  }

  #seen(): EndedInstance | undefined {
    return this.#ground.stage.observer.find<EndedInstance>(collections.instances.path, this.#namespace, 'notes')
  }

  #nextTag(ending: Ending): string {
    const tag = tagOf(ending, this.#image++)
    this.#kubelet.image(tag)
    return tag
  }
}

interface Job extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] }
}

function missing(): EndedInstance {
  return { ...instanceType, metadata: { name: 'notes' } }
}

/** A story in words. */
export function nameOf({ strategy, engine, ending }: Story): string {
  return `${strategy} on ${engine}, ${ending}`
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../../cluster/api-client.ts'
import { waitFor } from '../../cluster/wait-for.ts'
import { collections } from './collections.ts'
import {
  deployedImage,
  forEachInFlight,
  imageOf,
  instanceObject,
  isServed,
  markOf,
  markPatch,
  namesOf,
  type Instance,
  type World,
} from './world.ts'

/** How long and how hard. */
export interface ChurnOptions {
  readonly world: World
  readonly namespace: string
  readonly instances: number
  readonly operationsPerSecond: number
  readonly seconds: number
  /** A number in [0, 1). */
  readonly random: () => number
  /** Seconds after which an operation that was not answered counts as missed. */
  readonly missedAfterSeconds: number
}

/** What the auditor saw. */
export interface ChurnResult {
  readonly operations: Readonly<Record<Operation, number>>
  readonly total: number
  readonly perSecond: number
  /** What was never put right, in words. */
  readonly missed: readonly string[]
  /** Longest time from an operation until it was seen to be answered. */
  readonly slowestSeconds: number
}

/** What is done to an instance: see {@link weights}. */
export type Operation = 'edit' | 'label' | 'class' | 'delete' | 'foreign' | 'release' | 'replace'

/** Of a hundred operations, so many are of a kind. */
const weights: Readonly<Record<Operation, number>> = {
  /** Changes the spec, so that the Deployment has to change. */
  edit: 54,
  /** Changes a label of the Service that the operator keeps. */
  label: 14,
  /** Changes the class of the Ingress that the operator keeps. */
  class: 12,
  /** Deletes the Service or the Ingress. */
  delete: 8,
  /** Changes an annotation of the Deployment that is nobody's business. */
  foreign: 8,
  /** Changes the image: a migration and a roll-out. */
  release: 2,
  /** Deletes the instance and creates one of the same name. */
  replace: 2,
}

/** Milliseconds between two looks of the auditor. */
const lookMs = 100
const partOf = 'app.kubernetes.io/part-of'

interface Expectation {
  readonly what: string
  readonly since: number
  readonly isMet: () => boolean
}

interface Subject {
  readonly name: string
  mark: string
  image: string
  /** An operation is being done; while it is replaced, until it is served again. */
  busy: boolean
}

/**
 * Does operations on instances and their children at a steady rate, and audits by watches of its own that each is answered: the children say what the
 * spec says, what was spoilt is repaired, what was deleted is there again. The instances are left as they are at the end.
 */
export class Churn {
  readonly #options: ChurnOptions
  readonly #subjects: readonly Subject[]
  readonly #expectations = new Map<string, Expectation>()
  readonly #counts: Record<Operation, number> = { edit: 0, label: 0, class: 0, delete: 0, foreign: 0, release: 0, replace: 0 }
  readonly #missed: string[] = []
  #slowest = 0
  #sequence = 0

  constructor(options: ChurnOptions) {
    this.#options = options
    this.#subjects = namesOf(0, options.instances).map((name) => ({ name, mark: 'mark-0', image: imageOf(1), busy: false }))
  }

  /** Operations so far. */
  get total(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count, 0)
  }

  /** Creates the instances and waits until all are served. */
  async prepare(): Promise<void> {
    const { world, namespace } = this.#options
    for (const collection of [collections.services, collections.ingresses]) await world.observer.watch(collection.path, collection)
    await forEachInFlight(this.#subjects, async (subject) => void (await world.api.create(this.#object(subject))))
    for (const subject of this.#subjects) this.#expect(subject, 'replace', 'being served', () => this.#serves(subject))
    await this.#settle()
    if (this.#missed.length > 0) throw new Error(`${this.#missed.length} instances of ${namespace} are not served: ${this.#missed[0]}`)
    this.#slowest = 0
  }

  /** Runs, and waits until everything is answered or missed. */
  async run(): Promise<ChurnResult> {
    const { operationsPerSecond, seconds } = this.#options
    const started = performance.now()
    const running = new Set<Promise<void>>()
    let begun = 0
    while (performance.now() - started < seconds * 1000) {
      const due = Math.floor(((performance.now() - started) / 1000) * operationsPerSecond) + 1
      for (; begun < due; begun++) {
        const work = this.#operate().finally(() => running.delete(work))
        running.add(work)
      }
      this.#look()
      await sleep(lookMs)
    }
    const elapsedSeconds = (performance.now() - started) / 1000
    await Promise.all(running)
    await this.#settle()
    const { total } = this
    return {
      operations: this.#counts,
      total,
      perSecond: total / elapsedSeconds,
      missed: this.#missed,
      slowestSeconds: this.#slowest / 1000,
    }
  }

  async #settle(): Promise<void> {
    const timeoutMs = this.#options.missedAfterSeconds * 2000
    await waitFor(() => this.#look() === 0, { what: 'an answer to every operation', timeoutMs, intervalMs: lookMs })
  }

  /** Gives how many expectations are left. */
  #look(): number {
    const now = performance.now()
    for (const [key, expectation] of this.#expectations) {
      const afterMs = now - expectation.since
      if (expectation.isMet()) {
        this.#slowest = Math.max(this.#slowest, afterMs)
        this.#expectations.delete(key)
      } else if (afterMs > this.#options.missedAfterSeconds * 1000) {
        this.#missed.push(`${key}: ${expectation.what}`)
        this.#expectations.delete(key)
      }
    }
    return this.#expectations.size
  }

  #expect(subject: Subject, aspect: string, what: string, isMet: () => boolean): void {
    this.#expectations.set(`${subject.name}/${aspect}`, { what, since: performance.now(), isMet })
  }

  async #operate(): Promise<void> {
    const operation = this.#choose()
    const idle = this.#subjects.filter(({ busy }) => !busy)
    const subject = idle[Math.floor(this.#options.random() * idle.length)]
    if (subject === undefined) return
    this.#counts[operation] += 1
    subject.busy = true
    try {
      await this.#perform(operation, subject)
      subject.busy = operation === 'replace'
    } catch (error) {
      subject.busy = false
      // A child that was deleted a moment ago cannot be spoilt.
      if (!/: 404 /.test(String(error))) this.#missed.push(`${operation} of ${subject.name} could not be done: ${String(error)}`)
    }
  }

  #choose(): Operation {
    let rest = this.#options.random() * Object.values(weights).reduce((sum, weight) => sum + weight, 0)
    for (const [operation, weight] of Object.entries(weights)) {
      rest -= weight
      if (rest < 0) return operation as Operation
    }
    return 'edit'
  }

  async #perform(operation: Operation, subject: Subject): Promise<void> {
    const { world, namespace, random } = this.#options
    const { api } = world
    const { name } = subject
    switch (operation) {
      case 'edit': {
        const mark = `mark-${++this.#sequence}`
        subject.mark = mark
        await api.patch(collections.instances, name, namespace, markPatch(mark))
        this.#expect(subject, 'edit', `the Deployment carrying ${mark} or a later mark`, () => this.#carries(subject))
        return
      }
      case 'label': {
        const spoilt = await api.patch(collections.services, name, namespace, { metadata: { labels: { [partOf]: 'somebody' } } })
        this.#expect(subject, 'label', 'the label of the Service being repaired', () => {
          const service = this.#find(collections.services.path, subject)
          return isLater(service, spoilt) && service?.metadata.labels?.[partOf] === 'notejam'
        })
        return
      }
      case 'class': {
        const spoilt = await api.patch(collections.ingresses, name, namespace, { spec: { ingressClassName: 'somebody' } })
        this.#expect(subject, 'class', 'the class of the Ingress being repaired', () => {
          const ingress = this.#find(collections.ingresses.path, subject)
          return isLater(ingress, spoilt) && classOf(ingress) === 'bench'
        })
        return
      }
      case 'delete': {
        const collection = random() < 0.5 ? collections.services : collections.ingresses
        const before = world.observer.find(collection.path, namespace, name)?.metadata.uid
        await api.delete(collection, name, namespace)
        this.#expect(subject, `delete-${collection.kind}`, `a new ${collection.kind}`, () => {
          const found = world.observer.find(collection.path, namespace, name)
          return found !== undefined && found.metadata.uid !== before
        })
        return
      }
      case 'foreign':
        await api.patch(collections.deployments, name, namespace, {
          metadata: { annotations: { 'example.org/note': String(++this.#sequence) } },
        })
        return
      case 'release': {
        const image = imageOf(++this.#sequence)
        subject.image = image
        await api.patch(collections.instances, name, namespace, { spec: { image } })
        this.#expect(subject, 'release', `the Deployment running ${image} or a later image`, () => this.#runs(subject))
        return
      }
      case 'replace':
        await this.#replace(subject)
    }
  }

  async #replace(subject: Subject): Promise<void> {
    const { world, namespace } = this.#options
    for (const key of this.#expectations.keys()) if (key.startsWith(`${subject.name}/`)) this.#expectations.delete(key)
    await world.api.delete(collections.instances, subject.name, namespace)
    subject.mark = `mark-${++this.#sequence}`
    const { metadata } = await world.api.create(this.#object(subject))
    this.#expect(subject, 'replace', 'the new instance being served', () => {
      if (!this.#serves(subject, metadata.uid)) return false
      subject.busy = false
      return true
    })
  }

  #object({ name, mark, image }: Subject): KubeObject {
    return instanceObject(this.#options.namespace, name, { mark, image })
  }

  #serves(subject: Subject, uid?: string): boolean {
    const instance = this.#find<Instance>(collections.instances.path, subject)
    return instance !== undefined && (uid === undefined || instance.metadata.uid === uid) && isServed(instance) && this.#carries(subject)
  }

  #carries(subject: Subject): boolean {
    const deployment = this.#find(collections.deployments.path, subject)
    return deployment !== undefined && markOf(deployment) === subject.mark
  }

  #runs(subject: Subject): boolean {
    const deployment = this.#find(collections.deployments.path, subject)
    return deployment !== undefined && deployedImage(deployment) === subject.image
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- raw JSON of the API: the caller says which kind it expects
  #find<T extends KubeObject>(path: string, { name }: Subject): T | undefined {
    return this.#options.world.observer.find<T>(path, this.#options.namespace, name)
  }
}

function classOf(ingress: KubeObject | undefined): string | undefined {
  return (ingress as { readonly spec?: { readonly ingressClassName?: string } } | undefined)?.spec?.ingressClassName
}

/** Whether what is seen came after a write, by the server's own order (its versions count up). */
function isLater(seen: KubeObject | undefined, written: KubeObject): boolean {
  return Number(seen?.metadata.resourceVersion ?? 0) > Number(written.metadata.resourceVersion)
}

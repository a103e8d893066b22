import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'

/**
 * What an image does, by a word in its tag: `badmigration` fails its migration, `slowmigration` runs until it is let go, `crash` ends again and
 * again, `unready` never becomes ready, `otherversion` refuses the data of its database, `unpullable` cannot be pulled, `badpages` serves pages that do not work, `locked`, `drifted`, `toonew` and
 * `leap` end their migration as the image contract says, `expand` adds a step to the schema, `contract` leaves one to be removed (these two also beside
 * another word). All others are good.
 */
export type Behaviour =
  | 'good'
  | 'badmigration'
  | 'slowmigration'
  | 'crash'
  | 'unready'
  | 'otherversion'
  | 'unpullable'
  | 'badpages'
  | 'locked'
  | 'drifted'
  | 'toonew'
  | 'leap'
  | 'expand'
  | 'contract'

/** A pod, as far as a kubelet looks at it. */
export interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly Container[]; readonly initContainers?: readonly Container[] }
  readonly status?: {
    readonly phase?: string
    readonly containerStatuses?: readonly { readonly ready?: boolean; readonly restartCount?: number }[]
  }
}

interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}

/** The mark in the database of the scene. */
interface Mark {
  readonly instanceUID: string
  readonly environment: string
  readonly fingerprint: string
}

/** How a Job of the image contract ends. */
interface Ending {
  readonly exitCode: number
  readonly outcome: string
  readonly message?: string
  /** What it says instead of a report. */
  readonly log?: string
  readonly [field: string]: unknown
}

const podType = { apiVersion: 'v1', kind: 'Pod' }
const behaviours: readonly Behaviour[] = [
  'badmigration',
  'slowmigration',
  'crash',
  'unready',
  'otherversion',
  'unpullable',
  'badpages',
  'locked',
  'drifted',
  'toonew',
  'leap',
  'expand',
  'contract',
]

/** How migrations end that do not succeed (image contract). */
const failures: Partial<Readonly<Record<Behaviour, Ending>>> = {
  badmigration: { exitCode: 1, outcome: 'Failed', message: 'no such table: pads' },
  locked: { exitCode: 3, outcome: 'Locked', message: 'another command holds the lock' },
  drifted: { exitCode: 4, outcome: 'Drifted', message: 'migration 2 was applied with another hash' },
  toonew: { exitCode: 5, outcome: 'ContractedPast', message: 'the schema serves code from level 9 on' },
  leap: { exitCode: 1, outcome: 'ContractFirst', message: 'take in release 2 first' },
}

/** Repository of every image in these tests. */
export const repository = 'registry.example/notejam'

/** Digest that the registry would give to a tag. */
export function digestOf(tag: string): string {
  return `sha256:${createHash('sha256').update(tag).digest('hex')}`
}

/**
 * Plays the kubelet for the pods of one namespace in a control plane without nodes: gives them the status that their image asks for. Like the real
 * one it is level-triggered, and leaves alone what is as it should be.
 */
export class FakeKubelet {
  readonly #api: ApiClient
  readonly #namespace: string
  readonly #tags = new Map<string, string>()
  readonly #stop = new AbortController()
  /** How containers ended, by UID of their pod and name: one that has run does not run again because its pod is seen late. */
  readonly #endings = new Map<string, PodStatus>()
  /** Containers that served or ended, so named. */
  readonly #noted = new Set<string>()
  #appPods = 0
  /** Lets `slowmigration` images end. */
  slowMigrationsEnd = false
  /** Tags of the images that were run, newest last: what migrated, what served. */
  readonly ran: string[] = []
  /** Ids for which the database was emptied, and how many pods of the app were there then. */
  readonly wipes: { readonly id: string; readonly appPods: number }[] = []
  /** The mark in the database; a test may put somebody else's there. */
  mark: Mark | undefined
  /** Lets wipes run until it is set. */
  wipesEnd = true
  /** Lets pods of `crash` and `unready` images serve, once it is set. */
  appsRecover = false
  /** Lets built-in databases start until it is set. */
  databasesStart = true
  /** Lets backups run until it is set. */
  backupsEnd = true
  /** How data commands end, by name, where not well. */
  readonly dataEndings = new Map<string, Ending>()
  /** Arguments of the restores that were done, and how many pods of the app were there then. */
  readonly restores: { readonly args: readonly string[]; readonly appPods: number }[] = []
  /** Seals the key of the archive. */
  seal: ((recipient: string) => string) | undefined
  /** Lets restores run until it is set. */
  restoresEnd = true
  /** What lies in the store. */
  readonly archives: { readonly uid: string; readonly reason: string; readonly backupID: string }[] = []

  constructor(api: ApiClient, namespace: string) {
    this.#api = api
    this.#namespace = namespace
  }

  /** An image that the kubelet knows. */
  image(tag: string): string {
    this.#tags.set(digestOf(tag), tag)
    return `${repository}:${tag}`
  }

  start(): void {
    void this.#loop()
  }

  stop(): void {
    this.#stop.abort()
  }

  async #serveDatabase(pod: Pod, { name, image }: Container): Promise<void> {
    if (!this.databasesStart && pod.status?.containerStatuses?.[0]?.ready !== true) return
    const status = serving(pod, behaviours.find((word) => image.includes(word)) ?? 'good')
    if (status === undefined) return
    const { containerStatus, ...rest } = status
    const containerStatuses = [{ name, image, imageID: image, ready: false, restartCount: 0, started: true, ...containerStatus }]
    await this.#api.patch(podType, pod.metadata.name, this.#namespace, { status: { ...rest, containerStatuses } }, 'status')
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const pods = await this.#api.list<Pod>(podType, this.#namespace)
        this.#count(pods)
        await Promise.all(pods.map((pod) => this.#sync(pod)))
      } catch {
        // The API server may be away, or the pod gone meanwhile: the next look sees what is there.
      }
      await sleep(40, undefined, { signal }).catch(() => undefined)
    }
  }

  /**
   * Looks at pods that somebody else watches, instead of {@link start}: for many namespaces at once.
   *
   * @param all - all pods of the namespace
   * @param changed - those that are to be looked at
   * @param failed - called for one whose status could not be written
   */
  async look(all: readonly Pod[], changed: readonly Pod[], failed: (pod: Pod) => void): Promise<void> {
    this.#count(all)
    await Promise.all(changed.map(async (pod) => await this.#sync(pod).catch(() => failed(pod))))
  }

  #count(pods: readonly Pod[]): void {
    this.#appPods = pods.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'app').length
  }

  async #sync(pod: Pod): Promise<void> {
    const [container] = pod.spec.containers
    if (container === undefined || pod.metadata['deletionTimestamp'] !== undefined) return
    if (container.name === 'database') return this.#serveDatabase(pod, container)
    const { image } = container
    const tag = image.includes('@')
      ? (this.#tags.get(image.slice(image.indexOf('@') + 1)) ?? 'unknown')
      : image.slice(image.lastIndexOf(':') + 1)
    const behaviour = behaviours.find((word) => tag.includes(word)) ?? 'good'
    const first = pod.spec.initContainers?.find(({ name }) => name === 'backup' || name === 'mask')
    // Of the containers that begin one after the other, the first one that does not end well is the last.
    const begun = first === undefined ? undefined : this.#job(pod, first, tag, behaviour)
    if (first !== undefined && begun === undefined) return
    const isOver = begun?.phase === 'Succeeded'
    const status =
      container.name === 'app'
        ? serving(pod, this.appsRecover ? 'good' : behaviour)
        : begun !== undefined && !isOver
          ? begun
          : this.#job(pod, container, tag, behaviour)
    if (status === undefined) return
    if (first !== undefined && begun !== undefined) {
      this.#note(pod, first, tag, begun)
      const own = { name: first.name, image, imageID: `${repository}@${digestOf(tag)}`, ready: isOver, restartCount: 0 }
      const initContainerStatuses = [{ ...own, ...begun.containerStatus }]
      await this.#api.patch(
        podType,
        pod.metadata.name,
        this.#namespace,
        { status: { phase: begun.phase, initContainerStatuses } },
        'status',
      )
      if (!isOver) return
    }
    this.#note(pod, container, tag, status)
    const base = { name: container.name, image, imageID: `${repository}@${digestOf(tag)}`, ready: false, restartCount: 0, started: true }
    const { containerStatus, ...rest } = status
    await this.#api.patch(
      podType,
      pod.metadata.name,
      this.#namespace,
      { status: { ...rest, containerStatuses: [{ ...base, ...containerStatus }] } },
      'status',
    )
  }

  #job(pod: Pod, container: Container, tag: string, behaviour: Behaviour): PodStatus | undefined {
    const phase = pod.status?.phase
    if (phase === 'Succeeded' || phase === 'Failed') return undefined
    if (behaviour === 'unpullable') return pod.status?.containerStatuses === undefined ? unpullable : undefined
    const isHeld =
      (container.name === 'migrate' && behaviour === 'slowmigration' && !this.slowMigrationsEnd) ||
      (container.name === 'wipe' && !this.wipesEnd) ||
      (container.name === 'backup' && !this.backupsEnd) ||
      (container.name === 'restore' && !this.restoresEnd)
    if (isHeld) return phase === 'Running' ? undefined : running
    const key = `${pod.metadata.uid ?? ''}/${container.name}`
    const known = this.#endings.get(key)
    if (known !== undefined) return known
    const { exitCode, log, ...report } = this.#end(container, tag, behaviour)
    const status = ended(exitCode, log ?? JSON.stringify({ command: container.name, ...report }))
    this.#endings.set(key, status)
    return status
  }

  /** Notes that a container runs, once for what it comes to. */
  #note({ metadata: { uid } }: Pod, { name }: Container, tag: string, status: PodStatus): void {
    const key = `${uid ?? ''}/${name}`
    const isOnTheWay = status === running || status === unpullable
    if (!isOnTheWay && this.#noted.has(key)) return
    if (!isOnTheWay) this.#noted.add(key)
    this.ran.push(`${name} ${tag}`)
  }

  /** Plays the command: what it does to the database of the scene, and what it says at its end. */
  #end({ name, args = [], env = [] }: Container, tag: string, behaviour: Behaviour): Ending {
    const variable = (wanted: string) => env.find((entry) => entry.name === wanted)?.value ?? ''
    switch (name) {
      case 'inspect': {
        const database = this.mark === undefined ? 'empty' : 'ours'
        return { exitCode: 0, outcome: 'Ok', database, pending: tag.includes('expand') ? ['2:expand'] : [], identity: this.mark }
      }
      case 'wipe':
        if (this.mark?.fingerprint !== args[args.indexOf('--fingerprint') + 1]) return { exitCode: 6, outcome: 'FenceRefused' }
        this.wipes.push({ id: args[args.indexOf('--wipe-id') + 1]?.split('/')[1] ?? '', appPods: this.#appPods })
        return { exitCode: 0, outcome: 'Wiped' }
      case 'migrate': {
        const failure = failures[behaviour]
        if (failure !== undefined) return failure
        this.mark ??= {
          instanceUID: variable('NOTEJAM_INSTANCE_UID'),
          environment: variable('NOTEJAM_ENVIRONMENT'),
          fingerprint: tag,
        }
        const pendingContract = tag.includes('contract') ? 1 : 0
        return { exitCode: 0, outcome: 'Migrated', schemaVersion: 7, pendingContract, identity: this.mark }
      }
      case 'contract':
        return { exitCode: 0, outcome: 'Migrated', schemaVersion: 8, pendingContract: 0 }
      case 'smoke':
      case 'verify':
        // One tries pages, the other an archive.
        if (args[0] === 'verify') return this.dataEndings.get(name) ?? this.#verified()
        return behaviour === 'badpages'
          ? { exitCode: 10, outcome: 'SmokeFailed', message: 'list with the pad: 500' }
          : { exitCode: 0, outcome: 'Passed' }
      case 'backup':
        return this.#backUp(args, env)
      case 'restore':
        return this.#restore(args, variable('NOTEJAM_INSTANCE_UID'), variable('SECRET_KEY_RECIPIENT'), variable('NOTEJAM_ENVIRONMENT'))
      case 'prune':
        return (
          this.dataEndings.get(name) ?? {
            exitCode: 0,
            outcome: 'Pruned',
            kept: this.archives.length,
            deleted: 0,
            oldest: '2026-01-01T00:00:00.000Z',
          }
        )
      default:
        return this.dataEndings.get(name) ?? { exitCode: 0, outcome: 'Ok' }
    }
  }

  #restore(args: readonly string[], instanceUID: string, recipient: string, environment: string): Ending {
    const bad = this.dataEndings.get('restore')
    if (bad !== undefined) return bad
    this.restores.push({ args, appPods: this.#appPods })
    this.mark ??= { instanceUID, environment, fingerprint: 'restored' }
    const sealed = recipient === '' || this.seal === undefined ? {} : { sealedSecretKey: this.seal(recipient) }
    return {
      ...sealed,
      exitCode: 0,
      outcome: 'Restored',
      backupID: '20260101T000000Z-0123abcd',
      schemaVersion: 7,
      rows: 42,
      durationSeconds: 3.4,
    }
  }

  #verified(): Ending {
    return { exitCode: 0, outcome: 'Verified', backupID: this.archives.at(-1)?.backupID, durationSeconds: 12 }
  }

  #backUp(args: readonly string[], env: NonNullable<Container['env']>): Ending {
    const bad = this.dataEndings.get('backup')
    if (bad !== undefined) return bad
    const argument = (name: string) => args[args.indexOf(name) + 1] ?? ''
    const [uid, reason] = [argument('--uid'), argument('--reason')]
    const known = this.archives.find((archive) => archive.uid === uid)
    const backupID = known?.backupID ?? `20260101T00000${this.archives.length}Z-0123abcd`
    if (known === undefined) this.archives.push({ uid, reason, backupID })
    const stores = env.filter(({ name }) => /^(SECOND_)?STORE_NAME$/.test(name)).map(({ value }) => ({ store: value, state: 'Stored' }))
    return {
      exitCode: 0,
      outcome: known === undefined ? 'Succeeded' : 'AlreadyStored',
      backupID,
      uid,
      reason,
      engine: 'sqlite',
      schemaVersion: 7,
      startTime: new Date().toISOString(),
      completionTime: new Date().toISOString(),
      sizeBytes: 4096,
      sha256: '0'.repeat(64),
      rows: 42,
      copies: stores,
    }
  }
}

interface PodStatus {
  readonly phase: string
  readonly conditions?: readonly object[]
  readonly containerStatus: object
}

const refused: PodStatus = {
  phase: 'Running',
  conditions: readiness('False'),
  containerStatus: {
    state: {
      terminated: {
        exitCode: 65,
        reason: 'Error',
        message: 'The data is of PostgreSQL 17, the image holds PostgreSQL 18\n',
        startedAt: '2026-01-01T00:00:00Z',
        finishedAt: '2026-01-01T00:00:01Z',
      },
    },
  },
}
const running: PodStatus = { phase: 'Running', containerStatus: { state: { running: { startedAt: '2026-01-01T00:00:00Z' } } } }
const unpullable: PodStatus = {
  phase: 'Pending',
  containerStatus: {
    started: false,
    imageID: '',
    state: { waiting: { reason: 'ErrImagePull', message: 'failed to resolve reference: not found' } },
  },
}

function serving(pod: Pod, behaviour: Behaviour): PodStatus | undefined {
  const [known] = pod.status?.containerStatuses ?? []
  switch (behaviour) {
    case 'unpullable':
      return known === undefined ? unpullable : undefined
    case 'crash':
      return (known?.restartCount ?? 0) >= 3 ? undefined : crashed((known?.restartCount ?? 0) + 1)
    case 'otherversion':
      return known === undefined ? refused : undefined
    case 'unready':
      return known === undefined ? { ...running, conditions: readiness('False') } : undefined
    default:
      return known?.ready === true
        ? undefined
        : { ...running, conditions: readiness('True'), containerStatus: { ...running.containerStatus, ready: true } }
  }
}

function readiness(status: 'True' | 'False'): readonly object[] {
  const lastTransitionTime = new Date(Date.now() - 2000).toISOString().replace(/\.\d+Z$/, 'Z')
  return ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: type.endsWith('Ready') ? status : 'True',
    lastTransitionTime,
  }))
}

function crashed(restartCount: number): PodStatus {
  const last = {
    exitCode: 1,
    reason: 'Error',
    message: 'TypeError: cannot read the sky',
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:01Z',
  }
  return {
    phase: 'Running',
    conditions: readiness('False'),
    containerStatus: {
      restartCount,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
      lastState: { terminated: last },
    },
  }
}

function ended(exitCode: number, text: string): PodStatus {
  const reason = exitCode === 0 ? 'Completed' : 'Error'
  const message = `${text}\n`
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const times = { startedAt: now, finishedAt: now }
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatus: { started: false, state: { terminated: { exitCode, reason, message, ...times } } },
  }
}

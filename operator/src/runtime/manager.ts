import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Client } from '../kube/client.ts'
import type { ObjectKey } from '../kube/object.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import { AppliedMemory, type ApplierAnnotations } from './applier.ts'
import { createBreather } from './breather.ts'
import { sleep, SystemClock, type Clock } from './clock.ts'
import { Controller, type ControllerEnvironment } from './controller.ts'
import { DefinitionCheck, type ExpectedDefinition } from './definitions.ts'
import { LeaderElector, openFence, type ElectionTimes } from './election.ts'
import { DrainTimeout } from './errors.ts'
import { LoopLag, serveHealth, type HealthCheck, type HealthOptions, type HealthServer } from './health.ts'
import { IdleCollector } from './idle-collector.ts'
import { Informers, type DeniedNamespace, type Reflect } from './informers.ts'
import { leaseLock } from './lease-lock.ts'
import type { Logger } from './log.ts'
import { noMetrics, type RuntimeMetrics } from './metrics.ts'
import type { ControllerOptions } from './reconciler.ts'
import { EventRecorder } from './recorder.ts'
import { isServed } from './served.ts'
import type { Scope } from './scope.ts'

export type { ExpectedDefinition } from './definitions.ts'

/** What a manager is made from. */
export interface ManagerOptions {
  readonly client: Client
  /** Makes the reflectors; `kube` has them. */
  readonly reflect: Reflect
  readonly scope: Scope
  readonly controllers: readonly ControllerOptions[]
  readonly log: Logger
  /** Qualified name of the program for events, as `notejam.io/operator`. */
  readonly reportingController: string
  readonly fieldManager: string
  readonly annotations: ApplierAnnotations
  /** The lease to lead by; `false` for a process that is alone for sure (a developer's machine). */
  readonly election: false | { readonly lease: ObjectKey; readonly identity?: string; readonly times?: ElectionTimes }
  /** Where to answer probes; `false` for none. */
  readonly health: false | Pick<HealthOptions, 'host' | 'port' | 'metrics'>
  /** Schemas to compare at the start: a cluster whose definitions are older than the operator loses fields silently. */
  readonly definitions?: readonly ExpectedDefinition[]
  readonly metrics?: RuntimeMetrics
  readonly clock?: Clock
  /** In [0, 1). */
  readonly random?: () => number
  /** Seconds until the caches have to be filled: 120. */
  readonly syncSeconds?: number
  /** Seconds that running passes have when the process is asked to stop: 30. Keep the pod's grace period 10 s above. */
  readonly drainSeconds?: number
  /** Seconds between two passes on an object that nothing happens to: 36,000. */
  readonly resyncSeconds?: number
  /** Collects garbage, thoroughly; called when work has ceased. Default: nothing does. */
  readonly collect?: () => void
}

/** How a manager is doing; what `/readyz?verbose` says, as data. */
export interface ManagerStatus {
  readonly synced: boolean
  readonly leading: boolean
  readonly missing: readonly string[]
  readonly denied: readonly DeniedNamespace[]
  /** Custom resources that are served with another schema than the operator's. */
  readonly outdatedDefinitions: readonly string[]
}

/** Runs controllers: caches, election, health, orderly end. */
export interface Manager {
  /**
   * Runs until the signal is aborted, then stops in order: no new passes, running ones end (30 s), the lease is given away, servers close.
   * A second process may be ready all the time: its caches are warm, it only lacks the lease.
   *
   * @throws SyncTimeout when the caches were not filled in time
   * @throws LeaseLost when the lease was lost; end the process at once, nothing else is waited for
   * @throws DrainTimeout when passes had to be cut
   */
  run(signal: AbortSignal): Promise<void>
  readonly status: ManagerStatus
  /** Port of the health server, once it listens. */
  readonly healthPort: number | undefined
  /** The controller of that name, to ask it for a pass. */
  controller(name: string): Controller
}

/** Lag of the event loop, in seconds, above which the process counts as dead. */
const deadlyLagSeconds = 5

/** Makes a manager; nothing happens before `run`. */
export function createManager(options: ManagerOptions): Manager {
  return new RuntimeManager(options)
}

class RuntimeManager implements Manager {
  readonly #options: Required<Omit<ManagerOptions, 'definitions'>> & Pick<ManagerOptions, 'definitions'>
  readonly #log: Logger
  readonly #informers: Informers
  readonly #elector: LeaderElector | undefined
  readonly #recorder: EventRecorder
  readonly #controllers: readonly Controller[]
  readonly #lag: LoopLag
  readonly #collector: IdleCollector
  readonly #definitions: DefinitionCheck
  #synced = false
  #stopping = false
  #health: HealthServer | undefined

  constructor(options: ManagerOptions) {
    const clock = options.clock ?? new SystemClock()
    this.#options = {
      metrics: noMetrics,
      random: Math.random,
      syncSeconds: 120,
      drainSeconds: 30,
      resyncSeconds: 36_000,
      collect: () => {},
      ...options,
      clock,
    }
    const { client, reflect, scope, log, metrics, random, election, reportingController, fieldManager, annotations, resyncSeconds } =
      this.#options
    this.#log = log
    this.#informers = new Informers({
      reflect,
      scope,
      clock,
      log,
      metrics,
      isServed: (resource, signal) => isServed(client, resource, signal),
    })
    const identity = (election === false ? undefined : election.identity) ?? `${hostname()}_${randomUUID()}`
    this.#elector =
      election === false
        ? undefined
        : new LeaderElector({
            lock: leaseLock(client, election.lease),
            identity,
            clock,
            random,
            log,
            metrics,
            ...(election.times === undefined ? {} : { times: election.times }),
          })
    const fence = this.#elector ?? openFence
    this.#recorder = new EventRecorder({
      client,
      fence,
      clock,
      log,
      metrics,
      reportingController,
      reportingInstance: identity.slice(0, 128),
    })
    const memory = new AppliedMemory()
    const environment: ControllerEnvironment = {
      client,
      informers: this.#informers,
      fence,
      recorder: this.#recorder,
      memory,
      clock,
      random,
      log,
      metrics,
      breather: createBreather(() => clock.monotonic()),
      fieldManager,
      annotations,
      resyncSeconds,
    }
    this.#controllers = options.controllers.map((controller) => new Controller(controller, environment))
    for (const { primary, sources = [] } of options.controllers)
      for (const { resource } of [primary, ...sources])
        this.#informers.subscribe(resource, ({ type, object }) => {
          if (type !== 'deleted' || object.metadata.uid === undefined) return
          memory.forget(object.metadata.uid)
          this.#recorder.forget(object.metadata.uid)
        })
    this.#definitions = new DefinitionCheck({
      client,
      clock,
      random,
      log,
      needed: neededBy(options.controllers),
      expected: options.definitions ?? [],
    })
    this.#collector = new IdleCollector({
      clock,
      passes: () => this.#controllers.reduce((sum, { passes }) => sum + passes, 0),
      isBusy: () => this.#controllers.some(({ processing }) => processing.length > 0),
      collect: this.#options.collect,
    })
    this.#lag = new LoopLag(clock, (seconds) => metrics.eventLoopLag(seconds))
  }

  get status(): ManagerStatus {
    return {
      synced: this.#synced,
      leading: this.#elector?.leading ?? this.#synced,
      missing: [...this.#definitions.unserved, ...this.#informers.missing()],
      denied: this.#informers.denied,
      outdatedDefinitions: this.#definitions.outdated,
    }
  }

  get healthPort(): number | undefined {
    return this.#health?.port
  }

  controller(name: string): Controller {
    const found = this.#controllers.find((controller) => controller.name === name)
    if (found === undefined) throw new RangeError(`There is no controller "${name}".`)
    return found
  }

  async run(signal: AbortSignal): Promise<void> {
    const sources = new AbortController()
    let watches: Promise<void> = Promise.resolve()
    // All timers of the runtime let the process end; while it runs, it must not, even when there is no connection for a moment.
    const hold = setInterval(() => {}, 60_000)
    this.#lag.start()
    try {
      await this.#listen()
      await this.#definitions.whenServed(signal)
      await this.#definitions.compare(signal)
      watches = this.#informers.start(sources.signal)
      await this.#informers.whenSynced(this.#options.syncSeconds, signal)
      this.#synced = true
      this.#collector.start()
      this.#log.info({ denied: this.#informers.denied.length }, 'The caches are filled')
      await this.#elector?.acquire(signal)
      await this.#lead(signal, sources)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    } finally {
      this.#stopping = true
      sources.abort(new Error('The manager stops.'))
      await watches
      this.#lag.stop()
      this.#collector.stop()
      await this.#health?.close()
      clearInterval(hold)
    }
  }

  /** Passes run here, and only here. */
  async #lead(signal: AbortSignal, sources: AbortController): Promise<void> {
    const { clock, drainSeconds } = this.#options
    const cut = new AbortController()
    const drained = new AbortController()
    const workers = Promise.all(this.#controllers.map((controller) => controller.run(cut.signal)))
    const stopped = new Promise<'stop'>((resolve) => {
      if (signal.aborted) resolve('stop')
      signal.addEventListener('abort', () => resolve('stop'), { once: true })
    })
    // Workers end by themselves only when one of them is broken, which must not pass silently.
    const ended = await Promise.race([stopped, workers, ...(this.#elector === undefined ? [] : [this.#elector.lost])])
    this.#stopping = true
    for (const controller of this.#controllers) controller.stop()
    if (ended instanceof Error) {
      // Another process may be writing already: nothing is waited for, nothing is tidied up.
      cut.abort(ended)
      throw ended
    }
    sources.abort(new Error('The manager stops.'))
    this.#log.info(
      { drainSeconds, passes: this.#controllers.flatMap(({ processing }) => processing).length },
      'Stopping; running passes may end',
    )
    const late = sleep(clock, drainSeconds * 1000, drained.signal).then(
      () => 'late' as const,
      () => 'in time' as const,
    )
    const outcome = await Promise.race([workers.then(() => 'in time' as const), late])
    const left = this.#controllers.flatMap(({ processing }) => processing)
    drained.abort()
    if (outcome === 'late') cut.abort(new DrainTimeout(drainSeconds, left))
    else await this.#recorder.flush()
    await this.#elector?.release()
    if (outcome === 'late') throw new DrainTimeout(drainSeconds, left)
  }

  async #listen(): Promise<void> {
    const { health } = this.#options
    if (health === false) return
    const live: Record<string, HealthCheck> = {
      'event-loop': () => (this.#lag.seconds < deadlyLagSeconds ? undefined : `it is ${this.#lag.seconds.toFixed(1)} s late`),
    }
    const elector = this.#elector
    if (elector !== undefined) live['lease-loop'] = () => (elector.alive ? undefined : 'it does not go round any more')
    const { metrics, ...address } = health
    const sampled = async () => {
      for (const controller of this.#controllers) controller.sample()
      return metrics === undefined ? { contentType: 'text/plain', body: '' } : metrics()
    }
    this.#health = await serveHealth({
      ...address,
      live,
      ready: this.#readyChecks(),
      ...(metrics === undefined ? {} : { metrics: sampled }),
    })
    this.#log.info({ port: this.#health.port }, 'Answering probes')
  }

  #readyChecks(): Readonly<Record<string, HealthCheck>> {
    return {
      definitions: () => (this.#definitions.unserved.length === 0 ? undefined : `not served: ${this.#definitions.unserved.join(', ')}`),
      // A cache that was filled once and whose watch is broken is still good for reading: that is for metrics, not for readiness.
      caches: () => (this.#synced ? undefined : `not filled: ${this.#informers.missing().join(', ') || 'not started'}`),
      running: () => (this.#stopping ? 'the process is stopping' : undefined),
    }
  }
}

/** The watched resources that the API has to serve, each once. */
function neededBy(controllers: readonly ControllerOptions[]): readonly Resource[] {
  const needed = new Map<string, Resource>()
  for (const { primary, sources = [] } of controllers) {
    needed.set(resourceName(primary.resource), primary.resource)
    for (const { resource, optional } of sources) if (optional !== true) needed.set(resourceName(resource), resource)
  }
  return [...needed.values()]
}

import type { Client } from '../kube/client.ts'
import { isNamespaceTerminating, isNotFound } from '../kube/errors.ts'
import type { AppliedObject, KubeObject } from '../kube/object.ts'
import { Limiter } from '../kube/limiter.ts'
import { resources } from '../kube/resource.ts'
import { TokenBucket } from './backoff.ts'
import { microTime, sleep, type Clock } from './clock.ts'
import type { Fence } from './election.ts'
import { hashJson } from './json.ts'
import type { Logger } from './log.ts'
import type { RuntimeMetrics } from './metrics.ts'

/** Something worth telling a person, about an object. Record it on transitions, not on states. */
export interface EventOptions {
  /** `Normal`, or `Warning` when somebody may have to act. */
  readonly type: 'Normal' | 'Warning'
  /** UpperCamelCase, of a closed list. */
  readonly reason: string
  /** What was being done, UpperCamelCase. */
  readonly action: string
  /** For people; cut at 1,024 bytes. No secrets. */
  readonly note: string
  /** A second object, such as the Job that failed. */
  readonly related?: KubeObject
}

/** Writes events. Never throws and never waits: an event that cannot be written is dropped and counted. */
export interface Recorder {
  event(regarding: KubeObject, event: EventOptions): void
}

/** What a recorder is built from. */
export interface RecorderOptions {
  readonly client: Client
  readonly fence: Fence
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: RuntimeMetrics
  /** Qualified name of the program, as `notejam.io/operator`. */
  readonly reportingController: string
  /** Which process, as the pod's name. */
  readonly reportingInstance: string
}

/** An event that was written, and how often it came again. */
interface Series {
  /** Resolves with the event's name once it was created; undefined when that failed. */
  readonly written: Promise<string | undefined>
  count: number
  lastAt: number
  lastWrittenAt: number
}

/** What is kept of one object. */
interface Subject {
  usedAt: number
  readonly budget: TokenBucket
  readonly reasons: Map<string, TokenBucket>
  readonly series: Map<string, Series>
}

/** A series ends after six minutes of silence and is written again every thirty (client-go, `events_broadcaster.go`). */
const seriesEndsMs = 6 * 60_000
const seriesRefreshMs = 30 * 60_000
/** Per object: burst 25, then one in five minutes (client-go's spam filter, which has it per source and object). */
const objectBudget = { ratePerSecond: 1 / 300, burst: 25 }
/**
 * Per object, type and reason: at most ten in the first hour of a lasting failure whose note changes each time. Of its own, so that one loud reason
 * does not hide the others (kubernetes/kubernetes#124747).
 */
const reasonBudget = { ratePerSecond: 1 / 600, burst: 4 }
/** Objects remembered, the least recently used forgotten (client-go's LRU), and writes that may wait. */
const subjectsKept = 4096
const pendingLimit = 4000
/** Writes at once: events give way to what they tell of, and are written one after the other, as client-go does. */
const writesInFlight = 1
/**
 * After each write the next one waits so many times as long as it took: a server that is slow is busy with more important things. The longer the line, the
 * less is waited, so that nothing is dropped for it; and not at all once an event was a minute in line, so that people are told while it matters.
 */
const restFactor = 4
const longestLineMs = 60_000
/** How often what has become worthless is looked for: series that ended, and objects whose budgets are full again. */
const sweepMs = 60_000
/** Kinds of event of one object that are told apart. */
const seriesKept = 64

/** Bytes of a note (`events.k8s.io/v1`, validation). */
const noteBytes = 1024

/** {@link Recorder} for `events.k8s.io/v1`, with series. */
export class EventRecorder implements Recorder {
  readonly #options: RecorderOptions
  readonly #subjects = new Map<string, Subject>()
  readonly #turns = new Limiter(writesInFlight)
  #hurry = new AbortController()
  #pending = 0
  #sequence = 0
  #sweptAt = 0

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** Objects that are remembered. */
  get size(): number {
    return this.#subjects.size
  }

  event(regarding: KubeObject, event: EventOptions): void {
    const { clock, fence, metrics } = this.#options
    if (!fence.held) return
    const now = clock.monotonic()
    this.#sweep(now)
    const id = regarding.metadata.uid ?? `${regarding.kind}/${regarding.metadata.namespace ?? ''}/${regarding.metadata.name}`
    const subject = this.#subject(id, now)
    const key = hashJson([event.type, event.reason, event.action, event.note, event.related?.metadata.uid])
    const series = subject.series.get(key)
    if (series !== undefined && now - series.lastAt < seriesEndsMs) {
      this.#repeat(regarding, series, now)
      return
    }
    if (!this.#mayWrite(subject, `${event.type}/${event.reason}`)) {
      metrics.event('dropped')
      return
    }
    if (subject.series.size >= seriesKept) subject.series.delete(subject.series.keys().next().value ?? '')
    // Before it waits, an event becomes what is written: in line it must not keep whole objects, of which thousands would be most of the memory.
    const body = this.#bodyOf(regarding, event)
    const written = this.#write('created', () => this.#create(body))
    subject.series.set(key, { written, count: 1, lastAt: now, lastWrittenAt: now })
    void this.#dropFailed(subject, key, written)
  }

  /** The object is gone, and no other will have its UID: once its events are written, nothing stays of it. */
  forget(uid: string): void {
    const subject = this.#subjects.get(uid)
    if (subject === undefined) return
    void this.#dropWritten(uid, subject)
  }

  /** Waits until all events that were recorded are written or dropped, without rests between them; for a graceful stop. */
  async flush(): Promise<void> {
    this.#hurry.abort()
    await Promise.all([...this.#subjects.values()].flatMap(({ series }) => [...series.values()].map(({ written }) => written)))
  }

  async #dropWritten(id: string, subject: Subject): Promise<void> {
    await Promise.all([...subject.series.values()].map(({ written }) => written))
    if (this.#subjects.get(id) === subject) this.#subjects.delete(id)
  }

  #repeat(regarding: KubeObject, series: Series, now: number): void {
    series.count++
    series.lastAt = now
    // The second occurrence makes it a series at once; from then on only the half-hourly refresh is written.
    if (series.count > 2 && now - series.lastWrittenAt < seriesRefreshMs) return
    series.lastWrittenAt = now
    const namespace = namespaceFor(regarding)
    void this.#write('series', async () => {
      const name = await series.written
      if (name === undefined) return undefined
      const body = { series: { count: series.count, lastObservedTime: microTime(this.#options.clock.now()) } }
      const key = { namespace, name }
      await this.#inTurn(() => this.#options.client.patch(resources.events, key, body, this.#callOptions()))
      return name
    })
  }

  /** What could not be written is no series to count up: the next occurrence is a new event. */
  async #dropFailed(subject: Subject, key: string, written: Series['written']): Promise<void> {
    if ((await written) === undefined) subject.series.delete(key)
  }

  async #create(body: AppliedObject): Promise<string> {
    await this.#inTurn(() => this.#options.client.create(resources.events, body, this.#callOptions()))
    return body.metadata.name
  }

  #bodyOf(regarding: KubeObject, event: EventOptions): AppliedObject {
    const { clock, reportingController, reportingInstance } = this.#options
    const at = clock.now()
    // Deterministic length, unique for the process and moment; names of objects have up to 253 characters.
    const name = `${regarding.metadata.name.slice(0, 200)}.${hashJson([reportingInstance, at, this.#sequence++])
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '0')
      .slice(0, 16)}`
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace: namespaceFor(regarding) },
      eventTime: microTime(at),
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: cut(event.note),
      regarding: reference(regarding),
      ...(event.related === undefined ? {} : { related: reference(event.related) }),
      reportingController,
      reportingInstance,
    }
    return body
  }

  async #inTurn(send: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#options
    const queued = clock.monotonic()
    const release = await this.#turns.acquire()
    const started = clock.monotonic()
    await send().finally(() => void this.#rest(clock.monotonic() - started, started - queued).then(release))
  }

  /** Resolves when the next write may leave, after one that took so many milliseconds, and was so long in line. */
  async #rest(tookMs: number, queuedMs: number): Promise<void> {
    if (queuedMs >= longestLineMs) return
    const waitMs = tookMs * restFactor * Math.max(0, 1 - this.#pending / pendingLimit)
    if (waitMs <= 0) return
    await sleep(this.#options.clock, waitMs, this.#hurry.signal).catch(() => {})
  }

  #callOptions() {
    return { guard: () => this.#options.fence.assertHeld('write an event') }
  }

  async #write(kind: 'created' | 'series', send: () => Promise<string | undefined>): Promise<string | undefined> {
    const { log, metrics } = this.#options
    if (this.#pending >= pendingLimit) {
      metrics.event('dropped')
      return undefined
    }
    this.#pending++
    try {
      const name = await send()
      if (name !== undefined) metrics.event(kind)
      return name
    } catch (error) {
      metrics.event('failed')
      // A namespace that goes away takes no events, and one that was collected cannot be counted up: neither is worth a warning.
      if (isNamespaceTerminating(error) || isNotFound(error)) log.debug({ err: error }, 'Could not write an event')
      else log.warn({ err: error }, 'Could not write an event')
      return undefined
    } finally {
      this.#pending--
    }
  }

  #mayWrite(subject: Subject, reason: string): boolean {
    const known = subject.reasons.get(reason)
    const bucket = known ?? new TokenBucket(reasonBudget, this.#options.clock)
    if (known === undefined) subject.reasons.set(reason, bucket)
    return bucket.tryTake() && subject.budget.tryTake()
  }

  /** Forgets what makes no difference any more: names of objects come and go, and each leaves something. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return
    this.#sweptAt = now
    for (const [id, { usedAt, budget, reasons, series }] of this.#subjects) {
      for (const [key, { lastAt }] of series) if (now - lastAt >= seriesEndsMs) series.delete(key)
      const isSpent = now - usedAt < seriesEndsMs || !budget.full || [...reasons.values()].some((bucket) => !bucket.full)
      if (!isSpent) this.#subjects.delete(id)
    }
  }

  #subject(id: string, now: number): Subject {
    const known = this.#subjects.get(id)
    const subject = known ?? {
      usedAt: now,
      budget: new TokenBucket(objectBudget, this.#options.clock),
      reasons: new Map(),
      series: new Map(),
    }
    subject.usedAt = now
    // A Map keeps the order of insertion: taken out and put in again, the first is the least recently used.
    this.#subjects.delete(id)
    this.#subjects.set(id, subject)
    if (this.#subjects.size > subjectsKept) this.#subjects.delete(this.#subjects.keys().next().value ?? '')
    return subject
  }
}

/** Records nothing. */
export const silentRecorder: Recorder = { event: () => {} }

/** Events about cluster-scoped objects live in `default`, as everywhere in Kubernetes. */
function namespaceFor(object: KubeObject): string {
  return object.metadata.namespace ?? 'default'
}

function reference(object: KubeObject): object {
  const { name, namespace, uid, resourceVersion } = object.metadata
  return { apiVersion: object.apiVersion, kind: object.kind, name, namespace, uid, resourceVersion }
}

/** Cuts at a character, not in the middle of one. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= noteBytes) return note
  const room = noteBytes - Buffer.byteLength('…')
  return `${new TextDecoder().decode(Buffer.from(note).subarray(0, room)).replace(/�+$/, '')}…`
}

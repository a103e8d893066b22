import type { Dispatcher } from 'undici'
import type { CallOptions, Channel, RawAnswer, RawRequest } from './client.ts'
import { AbortScope } from './abort-scope.ts'
import { sleep, type Clock } from './clock.ts'
import type { ClusterConfig } from './config.ts'
import { toConnectionError } from './connection-failure.ts'
import { ApiError, ConnectionError, DeadlineExceeded, isUnauthorized, KubeError, MalformedAnswer, WatchSilent } from './errors.ts'
import { Guarded } from './guard-interceptor.ts'
import { Limiter } from './limiter.ts'
import type { Logger } from './logger.ts'
import { noMetrics, type TransportMetrics } from './metrics.ts'
import { ConnectionPool, type Lane } from './connection-pool.ts'
import { decideRetry } from './retry.ts'
import { answerToError } from './status-error.ts'
import { untilAborted } from './until-aborted.ts'

/** Options of {@link Transport}. */
export interface TransportOptions {
  readonly config: ClusterConfig
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly logger: Logger
  readonly metrics?: TransportMetrics
  /** `User-Agent`; name the program and its version, administrators look for it in audit logs. */
  readonly userAgent: string
  /**
   * Calls in flight at a time, lease and watches apart. Default 32. There is no limit per second: fairness between clients is the server's affair
   * (API Priority and Fairness), and its 429 is obeyed.
   */
  readonly maxInFlight?: number
  /** Which failed calls are sent again; tests put another in. */
  readonly decideRetry?: typeof decideRetry
}

/** A request as the client makes it. */
export interface TransportRequest extends RawRequest {
  /** Whether doing it twice is the same as doing it once. Default: true for GET and PUT. */
  readonly idempotent?: boolean
}

/** A request whose answer is a stream. */
export interface StreamRequest extends Pick<TransportRequest, 'path' | 'query' | 'accept'> {
  readonly call: string
  readonly signal?: AbortSignal
  readonly headersTimeoutMs: number
  /** Milliseconds without a byte after which {@link WatchSilent} is thrown. */
  readonly silenceMs?: number
}

/** An open stream. Whoever has it must iterate to its end or close it. */
export interface StreamAnswer {
  readonly body: AsyncIterable<Uint8Array>
  close(): void
}

/** Default deadline of a call, and the longest that a call with all its retries takes. */
const defaultDeadlineMs = 30_000
/** An attempt gets at least so long before it is given up for the next one. */
const shortestAttemptMs = 5_000

/** Sends requests to one API server: credentials, connections, deadlines, retries, the cap on calls in flight, metrics. */
export class Transport {
  readonly #options: TransportOptions
  readonly #metrics: TransportMetrics
  readonly #pool: ConnectionPool
  readonly #base: URL
  readonly #limiters: Readonly<Record<Exclude<Channel, 'watches'>, Limiter>>
  #streams = 0

  constructor(options: TransportOptions) {
    const maxInFlight = options.maxInFlight ?? 32
    this.#options = options
    this.#metrics = options.metrics ?? noMetrics.transport
    this.#base = new URL(options.config.server)
    this.#limiters = { calls: new Limiter(maxInFlight), lease: new Limiter(2) }
    this.#pool = new ConnectionPool({
      proxyUrl: options.config.proxyUrl,
      maxInFlight,
      onRenewed: (reason) => this.#metrics.renewed(reason),
    })
  }

  /**
   * Sends a request until it is answered, its retries are used up, or its deadline is over.
   *
   * @throws ApiError, ConnectionError, DeadlineExceeded, ConfigError, or the signal's reason
   */
  async call(request: TransportRequest): Promise<RawAnswer> {
    const { clock } = this.#options
    const deadlineMs = request.deadlineMs ?? defaultDeadlineMs
    const call = request.call ?? `${request.method} ${request.path}`
    const endsAt = clock.monotonic() + deadlineMs
    using scope = new AbortScope(request.signal, clock, deadlineMs, () => new DeadlineExceeded(call, deadlineMs))
    let lastError: unknown
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await this.#attempt(request, call, scope.signal, endsAt)
      } catch (error) {
        if (scope.signal.aborted) throw this.#whyAborted(scope.signal, lastError ?? error)
        const waitMs = this.#retryAfter(request, error, attempts)
        if (waitMs === undefined || clock.monotonic() + waitMs >= endsAt) throw error
        lastError = error
        this.#metrics.retried(request.method, this.#base.host, codeOf(error))
        await sleep(clock, waitMs, scope.signal).catch(() => {
          throw this.#whyAborted(scope.signal, error)
        })
      }
    }
  }

  /**
   * Opens a stream; never tries again by itself.
   *
   * @throws ApiError, ConnectionError, DeadlineExceeded when the head does not come in time, or the signal's reason
   */
  async stream(request: StreamRequest): Promise<StreamAnswer> {
    const { clock } = this.#options
    const scope = new AbortScope(
      request.signal,
      clock,
      request.headersTimeoutMs,
      () => new DeadlineExceeded(request.call, request.headersTimeoutMs),
    )
    let lane: Lane | undefined
    try {
      const started = clock.monotonic()
      const prepared = await this.#prepare({ ...request, method: 'GET', channel: 'watches' }, scope.signal)
      lane = prepared.lane
      const response = await lane.dispatcher.request(prepared.options)
      const head = { status: response.statusCode, headers: response.headers }
      this.#metrics.requested('GET', this.#base.host, String(head.status), (clock.monotonic() - started) / 1000)
      if (head.status !== 200) throw answerToError(request.call, head, await response.body.text(), clock.now())
      scope.disarm()
      this.#countStreams(1)
      return this.#open(request, response.body, lane, scope)
    } catch (error) {
      const cause = scope.signal.aborted ? (scope.signal.reason as Error) : this.#toFailure(request.call, error)
      if (cause instanceof DeadlineExceeded) this.#pool.giveUp('watches', lane)
      if (!(cause instanceof ApiError)) this.#metrics.requested('GET', this.#base.host, '<error>', 0)
      if (isUnauthorized(cause) || isTlsFailure(cause)) this.#options.config.credentials.invalidate()
      scope[Symbol.dispose]()
      throw cause
    }
  }

  /** Closes all connections; whatever runs fails. */
  async close(): Promise<void> {
    await this.#pool.close()
  }

  async #attempt(request: TransportRequest, call: string, signal: AbortSignal, endsAt: number): Promise<RawAnswer> {
    const { clock } = this.#options
    const { host } = this.#base
    const channel = request.channel === 'lease' ? 'lease' : 'calls'
    const limiter = this.#limiters[channel]
    const queuedAt = clock.monotonic()
    const release = await limiter.acquire(signal)
    const started = clock.monotonic()
    this.#metrics.waited(request.method, host, (started - queuedAt) / 1000)
    this.#metrics.inFlight(channel, limiter.active)
    const attemptMs = isIdempotent(request) ? Math.max(shortestAttemptMs, (endsAt - started) / 2) : endsAt - started
    using scope = new AbortScope(signal, clock, attemptMs, () => new DeadlineExceeded(call, Math.round(attemptMs)))
    let code = '<error>'
    const guarded = new Guarded(request.guard)
    try {
      const { lane, options, sentBytes } = await this.#prepare({ ...request, channel }, scope.signal)
      const response = await guarded.dispatcher(lane.dispatcher).request(options)
      const head = { status: response.statusCode, headers: response.headers }
      const text = await response.body.text()
      code = String(head.status)
      this.#metrics.transferred(request.method, host, sentBytes, text.length)
      if (head.status >= 400) throw answerToError(call, head, text, clock.now())
      if (expectsJson(request) && !text.trimStart().startsWith('{'))
        throw new MalformedAnswer(call, `it begins with ${JSON.stringify(text.slice(0, 40))}`)
      return { ...head, text }
    } catch (error) {
      if (guarded.refusal !== undefined) throw guarded.refusal
      throw scope.signal.aborted ? (scope.signal.reason as Error) : this.#toFailure(call, error)
    } finally {
      release()
      this.#metrics.requested(request.method, host, code, (clock.monotonic() - started) / 1000)
      this.#metrics.inFlight(channel, limiter.active)
    }
  }

  async #prepare(request: TransportRequest & { readonly channel: Channel }, signal: AbortSignal) {
    const credentials = await untilAborted(this.#options.config.credentials.current(), signal)
    const lane = this.#pool.lane(request.channel, credentials.tls)
    const body = request.body === undefined ? null : JSON.stringify(request.body)
    const options: Dispatcher.RequestOptions = {
      origin: this.#base.origin,
      path: `${this.#base.pathname.replace(/\/$/, '')}${request.path}${queryString(request.query)}`,
      method: request.method,
      headers: {
        ...credentials.headers,
        accept: request.accept ?? 'application/json',
        'user-agent': this.#options.userAgent,
        ...(body !== null && { 'content-type': request.contentType ?? 'application/json' }),
      },
      body,
      signal,
    }
    return { lane, options, sentBytes: body?.length ?? 0 }
  }

  #retryAfter(request: CallOptions & TransportRequest, error: unknown, attempts: number): number | undefined {
    const { random, config } = this.#options
    const stale = isUnauthorized(error) || isTlsFailure(error)
    if (stale) config.credentials.invalidate()
    if (isUnauthorized(error)) return attempts === 1 ? 0 : undefined
    if (attempts > (request.maxRetries ?? Number.POSITIVE_INFINITY)) return undefined
    return (this.#options.decideRetry ?? decideRetry)({ error, attempts, idempotent: isIdempotent(request), random: random() })
  }

  #toFailure(call: string, error: unknown): Error {
    if (error instanceof KubeError) return error
    return toConnectionError(call, error)
  }

  /** A deadline that ran out because of something says of what. */
  #whyAborted(signal: AbortSignal, because: unknown): Error {
    const reason = signal.reason as Error
    if (reason instanceof DeadlineExceeded && reason !== because) reason.cause ??= because
    return reason
  }

  #open(request: StreamRequest, body: AsyncIterable<Uint8Array>, lane: Lane, scope: AbortScope): StreamAnswer {
    let open = true
    const close = () => {
      if (!open) return
      open = false
      this.#countStreams(-1)
      scope.abort(new Error('closed'))
      scope[Symbol.dispose]()
    }
    const chunks = this.#chunks(request, body, lane, scope)
    return {
      close,
      body: {
        async *[Symbol.asyncIterator]() {
          try {
            yield* chunks
          } finally {
            close()
          }
        },
      },
    }
  }

  /** Hands chunks on and measures how long each is waited for; time that the reader takes does not count. */
  async *#chunks(
    request: StreamRequest,
    body: AsyncIterable<Uint8Array>,
    lane: Lane,
    scope: AbortScope,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, void>
    const { silenceMs } = request
    for (;;) {
      let next: IteratorResult<Uint8Array, void>
      const timer =
        silenceMs === undefined
          ? undefined
          : this.#options.clock.setTimeout(() => {
              this.#pool.giveUp('watches', lane)
              scope.abort(new WatchSilent(request.call, silenceMs))
            }, silenceMs)
      try {
        next = await iterator.next()
      } catch (error) {
        throw scope.signal.aborted ? (scope.signal.reason as Error) : toConnectionError(request.call, error)
      } finally {
        timer?.cancel()
      }
      if (next.done === true) return
      yield next.value
    }
  }

  #countStreams(change: number): void {
    this.#streams += change
    this.#metrics.inFlight('watches', this.#streams)
  }
}

function isIdempotent(request: TransportRequest): boolean {
  return request.idempotent ?? (request.method === 'GET' || request.method === 'PUT')
}

function expectsJson(request: TransportRequest): boolean {
  return request.accept === undefined || request.accept.startsWith('application/json')
}

function isTlsFailure(error: unknown): boolean {
  return error instanceof ConnectionError && error.failure === 'TLS'
}

function codeOf(error: unknown): string {
  return error instanceof ApiError ? String(error.status) : '<error>'
}

function queryString(query: RawRequest['query']): string {
  const pairs = Object.entries(query ?? {}).filter((pair): pair is [string, string | number | boolean] => pair[1] !== undefined)
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()}`
}

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { parse, stringify } from 'yaml'
import { Authority } from '../cluster/pki.ts'
import { errorLine, failureStatus, type Fault, type FaultRule, type SeenRequest, type Strike } from './faults.ts'
import { Gate } from './gate.ts'
import { WatchRelay, type Sink } from './watch-relay.ts'

/** A request that the proxy saw. */
export interface LoggedRequest extends SeenRequest {
  /** Milliseconds of `performance.now()`. */
  readonly at: number
}

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }]
  readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }]
}

const localhost = '127.0.0.1'

/**
 * A proxy that ends TLS in front of a real API server and lets a test do to the traffic what networks, gateways and restarting servers do. It
 * speaks HTTP/1.1 and HTTP/2, as the API server does. Clients take the kubeconfig in {@link FaultProxy.kubeconfig}; the proxy itself comes to the
 * API server with the certificate of the kubeconfig that it was given, and sees no credentials of its clients.
 *
 * @example
 * await using proxy = await FaultProxy.start(inject('controlPlane').kubeconfig)
 * proxy.inject({ fault: { type: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }, times: 3 })
 */
export class FaultProxy implements AsyncDisposable {
  readonly requests: LoggedRequest[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'notejam-fault-proxy-'))
  readonly #server: Http2SecureServer
  readonly #upstream: Agent
  readonly #upstreamUrl: string
  readonly #rules = new Map<FaultRule, number>()
  readonly #relays = new Set<WatchRelay>()
  readonly #sockets = new Set<Socket>()
  readonly #gate = new Gate()
  readonly #stopped = new AbortController()

  private constructor(upstream: { readonly url: string; readonly ca: string; readonly cert: string; readonly key: string }) {
    const { url, ca, cert, key } = upstream
    this.#upstreamUrl = url
    this.#upstream = new Agent({ allowH2: false, connect: { ca, cert, key }, headersTimeout: 0, bodyTimeout: 0 })
    this.#server = createSecureServer({ allowHTTP1: true, ...this.#issue() })
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      // As the API server: a head and a body that are written apart must not wait for each other.
      socket.setNoDelay(true)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    })
    for (const event of ['sessionError', 'tlsClientError']) this.#server.on(event, () => {})
    this.#server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      request.on('error', () => {})
      response.on('error', () => {})
      this.#serve(request, response).catch(() => cutConnection(request, response))
    })
  }

  /** Starts a proxy in front of the API server of a kubeconfig with certificates inside. */
  static async start(kubeconfig: string): Promise<FaultProxy> {
    const file = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
    const { cluster } = file.clusters[0]
    const { user } = file.users[0]
    const pem = (text: string | undefined) => Buffer.from(text ?? '', 'base64').toString()
    const proxy = new FaultProxy({
      url: cluster['server'] ?? '',
      ca: pem(cluster['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data']),
    })
    proxy.#server.listen(0, localhost)
    await once(proxy.#server, 'listening')
    proxy.#writeKubeconfig()
    return proxy
  }

  /** Path of a kubeconfig that leads through the proxy; its authority is a file that {@link newCertificate} replaces. */
  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig')
  }

  get url(): string {
    return `https://${localhost}:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections of clients that are open now. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Watches that are open now. */
  get openWatches(): number {
    return this.#relays.size
  }

  /**
   * Adds a fault.
   *
   * @returns takes it away
   */
  inject(rule: FaultRule): () => void {
    this.#rules.set(rule, rule.times ?? Number.POSITIVE_INFINITY)
    return () => void this.#rules.delete(rule)
  }

  /** Takes all faults away and lets everything flow. */
  heal(): void {
    this.#rules.clear()
    this.thaw()
  }

  /** Hits every watch that is open. */
  async strike(strike: Strike): Promise<void> {
    await Promise.all([...this.#relays].map(async (relay) => await relay.strike(strike)))
  }

  /** Ends all connections at once. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** From now on nothing is passed on in either direction; connections stay open. */
  freeze(): void {
    this.#gate.close()
  }

  thaw(): void {
    this.#gate.open()
  }

  /** Shows a certificate of a new authority from now on, and ends all connections, as a rotation does. */
  newCertificate(): void {
    this.#server.setSecureContext(this.#issue())
    this.cutAll()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort()
    this.heal()
    this.cutAll()
    this.#server.close()
    await this.#upstream.destroy()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** A new authority and a certificate of it; clients find the authority in a file. */
  #issue(): { readonly cert: string; readonly key: string } {
    const authority = Authority.create('fault-proxy authority')
    writeFileSync(join(this.#folder, 'ca.crt'), authority.cert)
    return authority.issue({ commonName: 'fault-proxy', usages: ['server'], names: [localhost] })
  }

  #writeKubeconfig(): void {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'proxy', cluster: { server: this.url, 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'nobody', user: { token: 'unused' } }],
      contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'nobody' } }],
      'current-context': 'proxy',
    }
    writeFileSync(this.kubeconfig, stringify(config))
  }

  async #serve(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const seen = this.#see(request)
    const faults = this.#faultsFor(seen)
    await this.#gate.passed()
    for (const fault of faults) if (await this.#answer(fault, request, response)) return
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const aborted = new AbortController()
    response.once('close', () => aborted.abort())
    const upstream = await this.#upstream.request({
      origin: this.#upstreamUrl,
      path: request.url,
      method: seen.method,
      headers: passedHeaders(request),
      body: chunks.length === 0 ? null : Buffer.concat(chunks),
      signal: AbortSignal.any([aborted.signal, this.#stopped.signal]),
    })
    if (faults.some(({ type }) => type === 'CutAfter')) {
      await upstream.body.dump()
      cutConnection(request, response)
      return
    }
    await this.#gate.passed()
    response.writeHead(upstream.statusCode, { 'content-type': String(upstream.headers['content-type'] ?? 'application/json') })
    if (seen.isWatch && upstream.statusCode === 200) {
      // Node sends the head with the first byte only, and a quiet watch has none.
      if (request.httpVersionMajor === 1) (response as unknown as { flushHeaders(): void }).flushHeaders()
      await this.#relay(sinkOf(request, response), faults, upstream.body)
    } else await this.#pass(sinkOf(request, response), faults, upstream.body)
  }

  #see(request: Http2ServerRequest): SeenRequest {
    const url = new URL(request.url, this.url)
    const seen = { method: request.method, path: url.pathname, query: url.searchParams, isWatch: url.searchParams.get('watch') === 'true' }
    this.requests.push({ ...seen, at: performance.now() })
    return seen
  }

  #faultsFor(seen: SeenRequest): readonly Fault[] {
    const hits: Fault[] = []
    for (const [rule, left] of this.#rules) {
      if (rule.when !== undefined && !rule.when(seen)) continue
      hits.push(rule.fault)
      if (left <= 1) this.#rules.delete(rule)
      else this.#rules.set(rule, left - 1)
    }
    return hits
  }

  /** Whether the fault was the whole answer. */
  async #answer(fault: Fault, request: Http2ServerRequest, response: Http2ServerResponse): Promise<boolean> {
    switch (fault.type) {
      case 'CutBefore':
        cutConnection(request, response)
        return true
      case 'Hang':
        return true
      case 'Refuse': {
        const retryAfter = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }
        response.writeHead(fault.status, { 'content-type': 'application/json', ...retryAfter })
        response.end(failureStatus(fault.status, fault.reason, fault.retryAfterSeconds))
        return true
      }
      case 'Html':
        response.writeHead(fault.status, { 'content-type': 'text/html' })
        response.end('<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>')
        return true
      case 'WatchError':
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(errorLine(fault.status, fault.reason, fault.retryAfterSeconds))
        return true
      case 'EmptyWatch':
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end()
        return true
      case 'Delay':
        await sleep(fault.milliseconds)
        return false
      case 'CutAfter':
      case 'CutInside':
      case 'Trickle':
      case 'Duplicate':
      case 'Lag':
        return false
    }
  }

  async #relay(sink: Sink, faults: readonly Fault[], upstream: AsyncIterable<Uint8Array>): Promise<void> {
    const relay = new WatchRelay({ sink, gate: this.#gate, faults })
    this.#relays.add(relay)
    try {
      await relay.run(upstream)
    } finally {
      this.#relays.delete(relay)
    }
  }

  async #pass(sink: Sink, faults: readonly Fault[], upstream: AsyncIterable<Uint8Array>): Promise<void> {
    const trickle = faults.find((fault) => fault.type === 'Trickle')
    for await (const chunk of upstream) {
      await this.#gate.passed()
      if (faults.some(({ type }) => type === 'CutInside')) {
        await sink.write(chunk.subarray(0, chunk.length / 2))
        sink.cut()
        return
      }
      const size = trickle?.bytes ?? chunk.length
      for (let start = 0; start < chunk.length; start += size) {
        await sink.write(chunk.subarray(start, start + size))
        if (trickle !== undefined) await sleep(trickle.everyMs)
      }
    }
    sink.end()
  }
}

function passedHeaders(request: Http2ServerRequest): Record<string, string> {
  const names = ['accept', 'content-type', 'user-agent']
  return Object.fromEntries(
    names.map((name) => [name, request.headers[name]]).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}

function sinkOf(request: Http2ServerRequest, response: Http2ServerResponse): Sink {
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        if (response.destroyed || response.writableEnded) reject(new Error('the client has gone'))
        else response.write(data, (error?: Error | null) => (error ? reject(error) : resolve()))
      }),
    end: () => response.end(),
    cut: () => cutConnection(request, response),
  }
}

/** HTTP/1.1: the whole connection. HTTP/2: as well, with all other streams in it, as a broken network does. */
function cutConnection(request: Http2ServerRequest, response: Http2ServerResponse): void {
  if (request.httpVersionMajor === 1) {
    request.socket.destroy()
    return
  }
  const { session } = response.stream
  if (session === undefined) response.stream.destroy()
  else session.destroy()
}

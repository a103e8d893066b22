import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Timer } from './clock.ts'

/** A named question; undefined when all is well, else what is wrong, in a sentence. */
export type HealthCheck = () => string | undefined

/** What a health server is built from. */
export interface HealthOptions {
  /** Address to listen at; default all. */
  readonly host?: string
  /** 0 takes any free port. */
  readonly port: number
  /** Whether the process should be ended. Must not depend on the API server: ending a process does not mend that one. */
  readonly live: Readonly<Record<string, HealthCheck>>
  /** Whether it can do its work, or take over. */
  readonly ready: Readonly<Record<string, HealthCheck>>
  /** Body and content type of `/metrics`; 404 without it. */
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>
}

/** A server that listens. */
export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics`. As at the API server, `?verbose` lists every check, `?exclude=name` leaves one out, and
 * `/readyz/name` asks a single one; 200 or 500.
 */
export async function serveHealth({ host, port, live, ready, metrics }: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, contentType = 'text/plain; charset=utf-8') => {
      response.writeHead(request.method === 'GET' || request.method === 'HEAD' ? status : 405, {
        'content-type': contentType,
        'cache-control': 'no-store',
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const url = new URL(request.url ?? '/', 'http://localhost')
    const [, root = '', single] = url.pathname.split('/')
    const checks = { healthz: live, livez: live, readyz: ready }[root]
    if (url.pathname === '/metrics' && metrics !== undefined) {
      metrics().then(
        ({ body, contentType }) => answer(200, body, contentType),
        (error: unknown) => answer(500, String(error)),
      )
      return
    }
    if (checks === undefined || (single !== undefined && !(single in checks))) {
      answer(404, 'There is nothing here; ask /healthz, /readyz or /metrics.\n')
      return
    }
    const excluded = new Set(url.searchParams.getAll('exclude'))
    const names = single === undefined ? Object.keys(checks).filter((name) => !excluded.has(name)) : [single]
    const { ok, report } = ask(root, names, checks)
    answer(ok ? 200 : 500, ok && !url.searchParams.has('verbose') ? 'ok' : report)
  })
  server.keepAliveTimeout = 5000
  await listen(server, port, host)
  server.unref()
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function ask(
  root: string,
  names: readonly string[],
  checks: Readonly<Record<string, HealthCheck>>,
): { readonly ok: boolean; readonly report: string } {
  const results = names.map((name) => ({ name, problem: checks[name]?.() }))
  const ok = results.every(({ problem }) => problem === undefined)
  const lines = results.map(({ name, problem }) => (problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`))
  return { ok, report: `${[...lines, `${root} check ${ok ? 'passed' : 'failed'}`].join('\n')}\n` }
}

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Measures by how much the event loop is late. */
export class LoopLag {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #report: (seconds: number) => void
  #timer: Timer | undefined
  #dueAt = 0
  #last = 0

  /** @param report - told each measurement, in seconds */
  constructor(clock: Clock, report: (seconds: number) => void, intervalMs = 500) {
    this.#clock = clock
    this.#report = report
    this.#intervalMs = intervalMs
  }

  /** Seconds: the last measurement, or what the one that is due is late by now. */
  get seconds(): number {
    const late = this.#timer === undefined ? 0 : (this.#clock.monotonic() - this.#dueAt) / 1000
    return Math.max(0, this.#last, late)
  }

  start(): void {
    this.#dueAt = this.#clock.monotonic() + this.#intervalMs
    this.#timer = this.#clock.setTimeout(() => {
      this.#last = Math.max(0, (this.#clock.monotonic() - this.#dueAt) / 1000)
      this.#report(this.#last)
      this.start()
    }, this.#intervalMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

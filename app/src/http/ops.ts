import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import { messageOf } from '../errors.ts'
import type { Readiness } from './readiness.ts'

/** Options of {@link createOpsServer}. */
export interface OpsOptions {
  readonly readiness: () => Promise<Readiness>
  readonly registry: Registry
  /** Told before metrics are read, for those that are not kept up to date. */
  readonly onScrape: () => Promise<void>
}

/** The ops port: `/healthz` (this process), `/readyz` (may requests be sent here), `/metrics` (Prometheus). Never exposed to people. */
export function createOpsServer(options: OpsOptions): Server {
  return createServer((request, response) => {
    const [path] = (request.url ?? '').split('?')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'method not allowed\n')
      return
    }
    route(path ?? '', response, options).catch((error: unknown) => {
      answer(response, 500, 'text/plain', `${messageOf(error)}\n`)
    })
  })
}

async function route(path: string, response: ServerResponse, { readiness, registry, onScrape }: OpsOptions): Promise<void> {
  switch (path) {
    case '/healthz': {
      answer(response, 200, 'application/json', '{"status":"ok"}\n')
      return
    }
    case '/readyz': {
      const state = await readiness()
      answer(response, state.ready ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`)
      return
    }
    case '/metrics': {
      await onScrape()
      answer(response, 200, registry.contentType, await registry.metrics())
      return
    }
    default: {
      answer(response, 404, 'text/plain', 'not found; there are /healthz, /readyz and /metrics\n')
    }
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

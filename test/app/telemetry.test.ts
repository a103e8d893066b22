import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NotejamClient } from '../support/notejam-client.ts'
import { runAppCommand, startApp } from './app-process.ts'
import { createTestDatabase } from './databases.ts'

/** A span as OTLP has it in JSON. */
interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly kind: number
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string; readonly intValue?: number } }[]
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
  }[]
}

interface Collector extends AsyncDisposable {
  readonly url: string
  readonly exports: readonly Export[]
  spans(): readonly Span[]
}

/** A collector that keeps what it is sent over OTLP/HTTP. */
async function startCollector(): Promise<Collector> {
  const exports: Export[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat((await request.toArray()) as Buffer[]).toString()
      if (request.url === '/v1/traces') exports.push(JSON.parse(body) as Export)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exports,
    spans: () => exports.flatMap((each) => each.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const attribute = ({ attributes }: Pick<Span, 'attributes'>, name: string) => {
  const value = attributes.find(({ key }) => key === name)?.value
  return value?.stringValue ?? value?.intValue
}

/** Prints each module that is loaded. */
const tellLoads = `data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module'; registerHooks({ load(url, context, next) { console.log('LOADED ' + url); return next(url, context) } })`,
)}`

// What the image holds: a folder without node_modules around it.
let bundle: string
beforeAll(() => {
  bundle = mkdtempSync(join(tmpdir(), 'notejam-bundle-'))
  const { status, stderr } = spawnSync(resolve('node_modules/.bin/rolldown'), ['-c', 'rolldown.config.ts', '-d', bundle], {
    cwd: 'app',
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the bundle could not be built: ${stderr}`)
})
afterAll(() => {
  rmSync(bundle, { recursive: true, force: true })
})

describe('traces from the bundle of the image', () => {
  test('go to the collector: a span of each request below its caller, its statements below it, and no secret', async () => {
    await using collector = await startCollector()
    await using database = await createTestDatabase('sqlite')
    const app = { databaseUrl: database.url, entry: join(bundle, 'main.js') }
    await runAppCommand(app, ['migrate'])
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=tests',
      // Nothing is sent before the end: what waits then must not be lost.
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    }
    await using running = await startApp({ ...app, env })
    const person = new NotejamClient({ baseUrl: running.url })
    await person.signUp('person@example.org', 'planted-password')
    await person.createNote('planted-name', 'planted-text')
    await person.get('/search/?q=planted-question')
    await person.get('/recover-password/planted-reset-token-0123456789')
    await person.close()
    const [traceId, callerId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
    await fetch(`${running.url}/api/v1/me`, {
      headers: { traceparent: `00-${traceId}-${callerId}-01`, authorization: 'Bearer planted-token' },
    })

    expect(await running.stop()).toBe(0)
    const spans = collector.spans()
    const api = spans.find((span) => span.traceId === traceId && span.kind === 2)
    const created = spans.find((span) => span.name === 'POST /notes/create')

    expect(api).toMatchObject({ name: 'GET /api/v1/me', parentSpanId: callerId })
    expect(attribute(api ?? { attributes: [] }, 'http.response.status_code')).toBe(401)
    expect(spans.filter(({ parentSpanId, kind }) => kind === 3 && parentSpanId === created?.spanId).map(({ name }) => name)).toContain(
      'INSERT',
    )
    const { resource } = collector.exports[0]?.resourceSpans[0] ?? { resource: { attributes: [] } }
    expect([attribute(resource, 'service.name'), attribute(resource, 'deployment.environment.name')]).toEqual(['notejam', 'tests'])
    expect(JSON.stringify(collector.exports)).not.toMatch(/planted|person@/)
  })

  test('a collector that is away costs a line in the log and nothing else', async () => {
    await using database = await createTestDatabase('sqlite')
    const app = { databaseUrl: database.url, entry: join(bundle, 'main.js') }
    await runAppCommand(app, ['migrate'])
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '500' }
    await using running = await startApp({ ...app, env })

    const { status } = await fetch(`${running.url}/signin/`)
    const code = await running.stop()

    expect([status, code]).toEqual([200, 0])
    expect(running.lines.filter((line) => line.includes('OpenTelemetry has trouble')).length).toBeGreaterThan(0)
    for (const line of running.lines) expect(() => JSON.parse(line) as unknown).not.toThrow()
  })
})

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }, false],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces', OTEL_TRACES_EXPORTER: 'none' }, false],
])('with %j OpenTelemetry is loaded: %s', async (env, loaded) => {
  await using database = await createTestDatabase('sqlite')
  await using running = await startApp({ databaseUrl: database.url, nodeArgs: ['--import', tellLoads], env })

  const modules = running.lines.filter((line) => line.startsWith('LOADED '))

  expect(modules.length).toBeGreaterThan(50)
  expect(modules.some((line) => line.includes('@opentelemetry/sdk-trace'))).toBe(loaded)
})

import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import { messageOf } from '../errors.ts'
import { methodOf, pathOf, routeOf } from '../http/request-facts.ts'
import type { Tracing, TracingOptions } from './tracing.ts'

/** OpenTelemetry's names of systems (semantic conventions, "Database"). */
const systems = { sqlite: 'sqlite', postgres: 'postgresql', mysql: 'mysql' } as const
const defaultDelayMs = 5000

/** Builds {@link Tracing} on OpenTelemetry's SDK, which sends OTLP over HTTP in JSON. */
export function createTracing({ log, engine, version, environment }: TracingOptions): Tracing {
  tellTroubles(log)
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'notejam', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerFrom(environment),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: Number(environment['OTEL_BSP_SCHEDULE_DELAY'] ?? defaultDelayMs),
      }),
    ],
  })
  const tracer = provider.getTracer('notejam', version)
  const running = new AsyncLocalStorage<Context>()
  log.info('tracing with OpenTelemetry')
  return {
    wrap: (handler) => (request, response) => {
      const method = methodOf(request)
      // The path is taken now: Express changes `url` while it routes.
      const attributes = { 'http.request.method': method, 'url.path': pathOf(request), 'url.scheme': 'http' }
      const parent = parentOf(request)
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent)
      response.once('close', () => {
        const route = routeOf(request, response)
        span.updateName(`${method} ${route}`)
        span.setAttributes({ 'http.route': route, 'http.response.status_code': response.statusCode })
        if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      })
      running.run(trace.setSpan(parent, span), handler, request, response)
    },
    query({ sql, durationMs, failed }) {
      const within = running.getStore()
      // What housekeeping and probes ask would be traces of one line each.
      if (within === undefined) return
      const operation = /^\w+/.exec(sql)?.[0].toUpperCase() ?? 'QUERY'
      const attributes = { 'db.system.name': systems[engine], 'db.operation.name': operation, 'db.query.text': sql }
      const now = Date.now()
      const span = tracer.startSpan(operation, { kind: SpanKind.CLIENT, attributes, startTime: now - durationMs }, within)
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end(now)
    },
    async stop() {
      try {
        await provider.shutdown()
      } catch (error) {
        log.warn({ detail: messageOf(error) }, 'OpenTelemetry has trouble')
      }
    },
  }
}

const propagator = new W3CTraceContextPropagator()

function parentOf({ headers }: IncomingMessage): Context {
  return propagator.extract(ROOT_CONTEXT, headers, {
    get: (carrier: IncomingMessage['headers'], key) => carrier[key],
    keys: (carrier: IncomingMessage['headers']) => Object.keys(carrier),
  })
}

/** `OTEL_TRACES_SAMPLER` and its argument, as OpenTelemetry's specification has them; who does not say gets every trace. */
function samplerFrom(environment: TracingOptions['environment']): Sampler {
  const name = environment['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on'
  const ratio = Number(environment['OTEL_TRACES_SAMPLER_ARG'] ?? 1)
  const roots: Readonly<Record<string, Sampler>> = {
    always_on: new AlwaysOnSampler(),
    always_off: new AlwaysOffSampler(),
    traceidratio: new TraceIdRatioBasedSampler(ratio),
  }
  const root = roots[name.replace('parentbased_', '')] ?? new AlwaysOnSampler()
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

/** A collector that is away costs lines in the log, nothing else. */
function tellTroubles(log: Logger): void {
  const tell = (message: string): void => {
    log.warn({ detail: message.slice(0, 500) }, 'OpenTelemetry has trouble')
  }
  const quiet = (): void => undefined
  diag.setLogger({ error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
}

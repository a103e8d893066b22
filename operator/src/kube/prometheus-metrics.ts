import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { KubeMetrics } from './metrics.ts'

/** Buckets of client-go's request latency, in seconds. */
const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
const sizeBuckets = [64, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]

/** {@link KubeMetrics} in a Prometheus registry, with the names and labels of client-go where it has them (`tools/metrics`, `rest_client_*`, `reflector_*`). */
export function createPrometheusMetrics(registry: Registry): KubeMetrics {
  const registers = [registry]
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labelNames: ['code', 'method', 'host'],
    registers,
  })
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Request latency in seconds, by verb and host.',
    labelNames: ['verb', 'host'],
    buckets: requestBuckets,
    registers,
  })
  const retries = new Counter({
    name: 'rest_client_request_retries_total',
    help: 'Number of requests that were sent again, by status code, verb, and host.',
    labelNames: ['code', 'verb', 'host'],
    registers,
  })
  const waits = new Histogram({
    name: 'rest_client_rate_limiter_duration_seconds',
    help: 'Time that calls waited for one of the slots for calls in flight, by verb and host.',
    labelNames: ['verb', 'host'],
    buckets: requestBuckets,
    registers,
  })
  const sent = new Histogram({
    name: 'rest_client_request_size_bytes',
    help: 'Request size in bytes, by verb and host.',
    labelNames: ['verb', 'host'],
    buckets: sizeBuckets,
    registers,
  })
  const received = new Histogram({
    name: 'rest_client_response_size_bytes',
    help: 'Response size in bytes, by verb and host.',
    labelNames: ['verb', 'host'],
    buckets: sizeBuckets,
    registers,
  })
  const inFlight = new Gauge({
    name: 'rest_client_in_flight_requests',
    help: 'Requests under way, by kind of connection (calls, watches, lease).',
    labelNames: ['channel'],
    registers,
  })
  const renewals = new Counter({
    name: 'rest_client_transport_renewals_total',
    help: 'How often connections were set up anew, because credentials changed or because a connection stalled.',
    labelNames: ['reason'],
    registers,
  })
  const labelNames = ['name'] as const
  const lists = new Counter({
    name: 'reflector_lists_total',
    help: 'Complete lists read, by way of reading.',
    labelNames: ['name', 'kind'],
    registers,
  })
  const listDuration = new Histogram({
    name: 'reflector_list_duration_seconds',
    help: 'How long a complete list took.',
    labelNames,
    buckets: requestBuckets,
    registers,
  })
  const items = new Gauge({ name: 'reflector_items_per_list', help: 'Objects in the last complete list.', labelNames, registers })
  const watches = new Counter({ name: 'reflector_watches_total', help: 'Watches started.', labelNames, registers })
  const shortWatches = new Counter({
    name: 'reflector_short_watches_total',
    help: 'Watches that were closed within a second with nothing in them.',
    labelNames,
    registers,
  })
  const watchDuration = new Histogram({
    name: 'reflector_watch_duration_seconds',
    help: 'How long watches lived.',
    labelNames,
    buckets: [1, 10, 60, 120, 300, 450, 600, 900],
    registers,
  })
  const events = new Counter({ name: 'reflector_events_total', help: 'Events received by watches.', labelNames, registers })
  const failures = new Counter({
    name: 'reflector_failures_total',
    help: 'Failed lists and watches, by reason.',
    labelNames: ['name', 'reason'],
    registers,
  })
  const healthy = new Gauge({
    name: 'reflector_healthy',
    help: '1 while the cache is filled and its collection is watched.',
    labelNames,
    registers,
  })
  const stored = new Gauge({ name: 'reflector_objects', help: 'Objects in the cache.', labelNames, registers })
  return {
    transport: {
      requested: (method, host, code, seconds) => {
        requests.inc({ code, method, host })
        duration.observe({ verb: method, host }, seconds)
      },
      retried: (verb, host, code) => retries.inc({ code, verb, host }),
      waited: (verb, host, seconds) => waits.observe({ verb, host }, seconds),
      inFlight: (channel, value) => inFlight.set({ channel }, value),
      transferred: (verb, host, sentBytes, receivedBytes) => {
        sent.observe({ verb, host }, sentBytes)
        received.observe({ verb, host }, receivedBytes)
      },
      renewed: (reason) => renewals.inc({ reason }),
    },
    reflector: (name) => ({
      listed: (kind, count, seconds) => {
        lists.inc({ name, kind })
        listDuration.observe({ name }, seconds)
        items.set({ name }, count)
      },
      watchStarted: () => watches.inc({ name }),
      watchEnded: (short, seconds, count) => {
        if (short) shortWatches.inc({ name })
        watchDuration.observe({ name }, seconds)
        events.inc({ name }, count)
      },
      failed: (reason) => failures.inc({ name, reason }),
      healthy: (value) => healthy.set({ name }, value ? 1 : 0),
      stored: (objects) => stored.set({ name }, objects),
    }),
  }
}

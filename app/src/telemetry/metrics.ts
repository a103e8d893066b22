import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** The metrics that the app keeps; every label has a bounded set of values. */
export interface Metrics {
  readonly registry: Registry
  /** By route pattern (never the path), method and status. */
  readonly requests: Counter<'route' | 'method' | 'status'>
  /** Seconds from the first byte of a request to the end of its answer, by route pattern. */
  readonly requestSeconds: Histogram<'route'>
  readonly requestsInFlight: Gauge
  /** Sessions that have not expired. */
  readonly sessions: Gauge
  readonly signIns: Counter<'result'>
  readonly signUps: Counter
  readonly mails: Counter<'result'>
  /** Connections of the pool by state: `used`, `idle`, `waiting`. */
  readonly poolConnections: Gauge<'state'>
  readonly poolEvictions: Counter
  /** 1 while the last readiness check found the database good, else 0. */
  readonly databaseUp: Gauge
}

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  readonly version: string
  /** Node's own figures (event loop lag, heap, garbage collection); off in tests that make many. */
  readonly runtime?: boolean
}

/** Makes a registry of its own, so that two servers in one process (tests) do not share figures. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (options.runtime === true) {
    collectDefaultMetrics({ register: registry })
  }
  new Gauge({ name: 'notejam_build_info', help: 'The running version.', labelNames: ['version'], registers }).set(
    { version: options.version },
    1,
  )
  return {
    registry,
    requests: new Counter({
      name: 'notejam_http_requests_total',
      help: 'Requests answered, by route pattern, method and status.',
      labelNames: ['route', 'method', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'notejam_http_request_duration_seconds',
      help: 'Time to answer a request, by route pattern.',
      labelNames: ['route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    requestsInFlight: new Gauge({ name: 'notejam_http_requests_in_flight', help: 'Requests being answered now.', registers }),
    sessions: new Gauge({ name: 'notejam_sessions', help: 'Sessions that have not expired.', registers }),
    signIns: new Counter({ name: 'notejam_signins_total', help: 'Attempts to sign in, by result.', labelNames: ['result'], registers }),
    signUps: new Counter({ name: 'notejam_signups_total', help: 'Accounts created.', registers }),
    mails: new Counter({
      name: 'notejam_mails_total',
      help: 'Mails handed to the mail server, by result.',
      labelNames: ['result'],
      registers,
    }),
    poolConnections: new Gauge({
      name: 'notejam_db_pool_connections',
      help: 'Connections of the database pool, by state.',
      labelNames: ['state'],
      registers,
    }),
    poolEvictions: new Counter({
      name: 'notejam_db_pool_evictions_total',
      help: 'Connections thrown away because the server was read-only, shutting down or gone.',
      registers,
    }),
    databaseUp: new Gauge({ name: 'notejam_db_up', help: '1 while the database answers and accepts writes.', registers }),
  }
}

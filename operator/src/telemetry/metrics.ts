import { collectDefaultMetrics, Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ControllerMetrics, QueueMetrics, RuntimeMetrics } from '../runtime/metrics.ts'

/** Buckets of controller-runtime's `controller_runtime_reconcile_time_seconds`. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5,
  5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
]
/** Buckets of client-go's work queues: 10 ns to 10 s by tens; below 10 µs nothing can be told apart here. */
const queueBuckets = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 300]
const controllerLabel = ['controller'] as const
const queueLabels = ['name', 'controller'] as const

/**
 * {@link RuntimeMetrics} in a Prometheus registry, with the names, labels and help of controller-runtime and client-go where these have them, so that
 * the dashboards and alerts that people have for their other operators fit. Every series of a controller begins at 0.
 */
export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]) =>
    new Histogram<L>({ name, help, labelNames, buckets, registers })

  const reconciles = counter('controller_runtime_reconcile_total', 'Total number of reconciliations per controller', [
    'controller',
    'result',
  ])
  const errors = {
    error: counter('controller_runtime_reconcile_errors_total', 'Total number of reconciliation errors per controller', controllerLabel),
    terminal: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Total number of terminal reconciliation errors per controller',
      controllerLabel,
    ),
    panic: counter(
      'controller_runtime_reconcile_panics_total',
      'Total number of passes that threw instead of saying what failed',
      controllerLabel,
    ),
    timeout: counter(
      'controller_runtime_reconcile_timeouts_total',
      'Total number of reconciliation timeouts per controller',
      controllerLabel,
    ),
  } as const
  const duration = histogram(
    'controller_runtime_reconcile_time_seconds',
    'Length of time per reconciliation per controller',
    controllerLabel,
    reconcileBuckets,
  )
  const maxConcurrent = gauge(
    'controller_runtime_max_concurrent_reconciles',
    'Maximum number of concurrent reconciles per controller',
    controllerLabel,
  )
  const activeWorkers = gauge('controller_runtime_active_workers', 'Number of currently used workers per controller', controllerLabel)
  const staleCache = counter(
    'controller_stale_cache_waits_total',
    'Passes that were put off because the cache did not show the last write of the key',
    controllerLabel,
  )
  const staleCacheGivenUp = counter(
    'controller_stale_cache_given_up_total',
    'Passes that went on after ten seconds although the cache did not show the last write of the key',
    controllerLabel,
  )
  const openCircuits = gauge(
    'controller_open_circuits',
    'Keys that failed so often that events start them only every 30 seconds',
    controllerLabel,
  )
  const hotLoops = counter(
    'controller_hot_loops_total',
    'Times that a key was slowed down because it wrote the same object again and again',
    controllerLabel,
  )

  const depth = gauge('workqueue_depth', 'Current depth of workqueue', queueLabels)
  const adds = counter('workqueue_adds_total', 'Total number of adds handled by workqueue', queueLabels)
  const queueDuration = histogram(
    'workqueue_queue_duration_seconds',
    'How long in seconds an item stays in workqueue before being requested',
    queueLabels,
    queueBuckets,
  )
  const workDuration = histogram(
    'workqueue_work_duration_seconds',
    'How long in seconds processing an item from workqueue takes.',
    queueLabels,
    queueBuckets,
  )
  const unfinished = gauge(
    'workqueue_unfinished_work_seconds',
    'How many seconds of work has been done that is in progress and has not been observed by work_duration.',
    queueLabels,
  )
  const longest = gauge(
    'workqueue_longest_running_processor_seconds',
    'How many seconds has the longest running processor for workqueue been running.',
    queueLabels,
  )
  const retries = counter('workqueue_retries_total', 'Total number of retries handled by workqueue', queueLabels)

  const master = gauge(
    'leader_election_master_status',
    'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.',
    ['name'],
  )
  const renewals = histogram(
    'leader_election_renew_seconds',
    'How long it took to renew the lease',
    ['name'],
    [0.005, 0.025, 0.1, 0.5, 1, 2, 5],
  )
  const applies = counter('operator_applies_total', 'Applies of children, by what came of them; unchanged ones sent no request', [
    'resource',
    'action',
  ])
  const events = counter('operator_events_total', 'Kubernetes events, by what became of them', ['action'])
  const denied = gauge('operator_namespace_denied', '1 for each namespace of the scope that may not be read', ['resource', 'namespace'])
  const lag = gauge('operator_event_loop_lag_seconds', 'By how much the event loop was late at the last look', [])
  for (const action of ['created', 'series', 'dropped', 'failed'] as const) events.inc({ action }, 0)

  const queueOf = (controller: string): QueueMetrics => {
    const labels = { name: controller, controller }
    depth.set(labels, 0)
    unfinished.set(labels, 0)
    longest.set(labels, 0)
    adds.inc(labels, 0)
    retries.inc(labels, 0)
    queueDuration.zero(labels)
    workDuration.zero(labels)
    return {
      depth: (value) => depth.set(labels, value),
      added: () => adds.inc(labels),
      retried: () => retries.inc(labels),
      waited: (seconds) => queueDuration.observe(labels, seconds),
      worked: (seconds) => workDuration.observe(labels, seconds),
      unfinished: (sum, max) => {
        unfinished.set(labels, sum)
        longest.set(labels, max)
      },
    }
  }

  const controllers = new Map<string, ControllerMetrics>()
  const controllerOf = (controller: string): ControllerMetrics => {
    const labels = { controller }
    for (const result of ['success', 'requeue_after', 'error'] as const) reconciles.inc({ controller, result }, 0)
    for (const failures of Object.values(errors)) failures.inc(labels, 0)
    for (const zeroed of [staleCache, staleCacheGivenUp, hotLoops]) zeroed.inc(labels, 0)
    openCircuits.set(labels, 0)
    duration.zero(labels)
    return {
      queue: queueOf(controller),
      maxConcurrent: (value) => maxConcurrent.set(labels, value),
      activeWorkers: (value) => activeWorkers.set(labels, value),
      reconciled: (result, seconds) => {
        reconciles.inc({ controller, result })
        duration.observe(labels, seconds)
      },
      errored: (kind) => errors[kind].inc(labels),
      staleCache: () => staleCache.inc(labels),
      staleCacheGivenUp: () => staleCacheGivenUp.inc(labels),
      openCircuits: (value) => openCircuits.set(labels, value),
      hotLoop: () => hotLoops.inc(labels),
    }
  }

  return {
    controller(name) {
      const known = controllers.get(name) ?? controllerOf(name)
      controllers.set(name, known)
      return known
    },
    leader: (name, leading) => master.set({ name }, leading ? 1 : 0),
    leaseRenewed: (name, seconds) => renewals.observe({ name }, seconds),
    applied: (resource, action) => applies.inc({ resource, action }),
    event: (action) => events.inc({ action }),
    namespaceDenied: (resource, namespace, isDenied) => denied.set({ resource, namespace }, isDenied ? 1 : 0),
    eventLoopLag: (seconds) => lag.set(seconds),
  }
}

/** Memory, processor time, garbage collection and handles of the process, under the names that Prometheus clients share (`process_*`, `nodejs_*`). */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
}

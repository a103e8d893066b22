import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createRuntimeMetrics } from './metrics.ts'

it('begins every series of a controller at 0, under the names of controller-runtime and client-go', async () => {
  const registry = new Registry()
  createRuntimeMetrics(registry).controller('widget')

  const text = await registry.metrics()

  for (const series of [
    'controller_runtime_reconcile_total{controller="widget",result="success"} 0',
    'controller_runtime_reconcile_total{controller="widget",result="requeue_after"} 0',
    'controller_runtime_reconcile_total{controller="widget",result="error"} 0',
    'controller_runtime_reconcile_errors_total{controller="widget"} 0',
    'controller_runtime_terminal_reconcile_errors_total{controller="widget"} 0',
    'controller_runtime_reconcile_panics_total{controller="widget"} 0',
    'controller_runtime_reconcile_timeouts_total{controller="widget"} 0',
    'controller_runtime_reconcile_time_seconds_count{controller="widget"} 0',
    'workqueue_depth{name="widget",controller="widget"} 0',
    'workqueue_adds_total{name="widget",controller="widget"} 0',
    'workqueue_queue_duration_seconds_count{name="widget",controller="widget"} 0',
    'workqueue_work_duration_seconds_count{name="widget",controller="widget"} 0',
    'workqueue_unfinished_work_seconds{name="widget",controller="widget"} 0',
    'workqueue_longest_running_processor_seconds{name="widget",controller="widget"} 0',
    'workqueue_retries_total{name="widget",controller="widget"} 0',
  ])
    expect(text).toContain(`${series}\n`)
})

it('counts', async () => {
  const registry = new Registry()
  const metrics = createRuntimeMetrics(registry)
  const controller = metrics.controller('widget')

  controller.maxConcurrent(16)
  controller.activeWorkers(3)
  controller.reconciled('success', 0.2)
  controller.errored('terminal')
  controller.queue.unfinished(5, 3)
  metrics.controller('widget').reconciled('success', 0.2)
  metrics.leader('ns/lease', true)
  metrics.applied('deployments.apps', 'unchanged')
  metrics.event('series')

  const text = await registry.metrics()
  for (const series of [
    'controller_runtime_max_concurrent_reconciles{controller="widget"} 16',
    'controller_runtime_active_workers{controller="widget"} 3',
    'controller_runtime_reconcile_total{controller="widget",result="success"} 2',
    'controller_runtime_terminal_reconcile_errors_total{controller="widget"} 1',
    'workqueue_longest_running_processor_seconds{name="widget",controller="widget"} 3',
    'leader_election_master_status{name="ns/lease"} 1',
    'operator_applies_total{resource="deployments.apps",action="unchanged"} 1',
    'operator_events_total{action="series"} 1',
  ])
    expect(text).toContain(`${series}\n`)
})

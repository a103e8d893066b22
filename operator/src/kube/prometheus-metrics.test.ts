import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createPrometheusMetrics } from './prometheus-metrics.ts'

test('requests, lists and watches are counted under the names and labels of client-go', async () => {
  const registry = new Registry()
  const metrics = createPrometheusMetrics(registry)
  const { transport } = metrics
  const pods = metrics.reflector('pods')

  transport.requested('GET', 'api:443', '200', 0.3)
  transport.requested('GET', 'api:443', '<error>', 0)
  transport.retried('GET', 'api:443', '503')
  transport.waited('GET', 'api:443', 0.001)
  transport.inFlight('calls', 3)
  transport.transferred('PATCH', 'api:443', 300, 5000)
  transport.renewed('Stalled')
  pods.listed('streaming', 12, 0.2)
  pods.watchStarted()
  pods.watchEnded(true, 0.5, 0)
  pods.watchEnded(false, 400, 7)
  pods.failed('Expired')
  pods.healthy(true)
  pods.stored(12)

  const text = await registry.metrics()
  for (const series of [
    'rest_client_requests_total{code="200",method="GET",host="api:443"} 1',
    'rest_client_requests_total{code="<error>",method="GET",host="api:443"} 1',
    'rest_client_request_duration_seconds_bucket{le="0.5",verb="GET",host="api:443"} 2',
    'rest_client_request_duration_seconds_bucket{le="0.25",verb="GET",host="api:443"} 1',
    'rest_client_request_retries_total{code="503",verb="GET",host="api:443"} 1',
    'rest_client_rate_limiter_duration_seconds_count{verb="GET",host="api:443"} 1',
    'rest_client_in_flight_requests{channel="calls"} 3',
    'rest_client_request_size_bytes_sum{verb="PATCH",host="api:443"} 300',
    'rest_client_response_size_bytes_sum{verb="PATCH",host="api:443"} 5000',
    'rest_client_transport_renewals_total{reason="Stalled"} 1',
    'reflector_lists_total{name="pods",kind="streaming"} 1',
    'reflector_items_per_list{name="pods"} 12',
    'reflector_watches_total{name="pods"} 1',
    'reflector_short_watches_total{name="pods"} 1',
    'reflector_watch_duration_seconds_count{name="pods"} 2',
    'reflector_events_total{name="pods"} 7',
    'reflector_failures_total{name="pods",reason="Expired"} 1',
    'reflector_healthy{name="pods"} 1',
    'reflector_objects{name="pods"} 12',
  ])
    expect(text).toContain(`${series}\n`)
})

test('the end of health is a 0, not a series that stays', async () => {
  const registry = new Registry()
  const pods = createPrometheusMetrics(registry).reflector('pods')

  pods.healthy(true)
  pods.healthy(false)

  await expect(registry.metrics()).resolves.toContain('reflector_healthy{name="pods"} 0\n')
})

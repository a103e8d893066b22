import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { ConnectedClient } from '../../operator/src/kube/create-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { testNamespace } from '../support/namespace.ts'
import { connect, installWidgets } from './runtime-fixture.ts'
import { audit, churn, shortTimes, startOperator } from './runtime-processes.ts'

const api = controlPlaneApi()
const { kubeconfig } = inject('controlPlane')
const leaseType = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const
let connection: ConnectedClient

beforeAll(async () => {
  await installWidgets(api)
  connection = await connect(kubeconfig)
})

afterAll(async () => {
  await connection.close()
})

test('a leader that was frozen past its lease writes nothing after it is thawed, and ends', async () => {
  const namespace = await testNamespace(api)
  const operator = (identity: string) => startOperator({ kubeconfig, namespace, identity, times: shortTimes })
  await using a = operator('a')
  await a.said('Leading')
  await using b = operator('b')
  await b.said('Waiting for the lease')
  await using auditor = await audit(connection.client, namespace)
  await using _churn = await churn(api, namespace, 10)
  await waitFor(() => auditor.writes.length > 20, { what: 'the leader writing', timeoutMs: 10_000, intervalMs: 5 })
  expect(new Set(auditor.writes.map(({ writer }) => writer))).toEqual(new Set(['a']))

  a.child.kill('SIGSTOP')
  await b.said('Leading')
  await waitFor(() => auditor.writes.at(-1)?.writer === 'b', { what: 'the new leader writing', timeoutMs: 10_000, intervalMs: 5 })
  const takenOver = auditor.writes.length
  a.child.kill('SIGCONT')

  expect(await a.exit).toBe(1)
  expect(a.lines.at(-1)?.code).toBe('LeaseLost')
  const seen = auditor.writes.length
  await waitFor(() => auditor.writes.length > seen + 20, { what: 'more writes', timeoutMs: 10_000, intervalMs: 5 })
  expect(new Set(auditor.writes.slice(takenOver).map(({ writer }) => writer))).toEqual(new Set(['b']))
})

test('SIGTERM hands over at once: the passes end, the lease is given away, the follower works', async () => {
  const namespace = await testNamespace(api)
  const operator = (identity: string) =>
    startOperator({ kubeconfig, namespace, identity, times: { leaseDuration: 15, renewDeadline: 10, retryPeriod: 2 } })
  await using a = operator('a')
  await a.said('Leading')
  await using b = operator('b')
  await b.said('Waiting for the lease')
  await using auditor = await audit(connection.client, namespace)
  await using _churn = await churn(api, namespace)
  await waitFor(() => auditor.writes.length > 5, { what: 'the leader writing', timeoutMs: 10_000, intervalMs: 5 })
  expect((await api.get(leaseType, 'widgets', namespace))?.['spec']).toMatchObject({
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
  })

  const asked = performance.now()
  a.child.kill('SIGTERM')

  expect(await a.exit).toBe(0)
  const firstWrite = await waitFor(() => auditor.writes.find(({ writer }) => writer === 'b')?.at, {
    what: 'a write of the follower',
    timeoutMs: 10_000,
    intervalMs: 5,
  })
  expect(firstWrite - asked).toBeLessThan(3000)
  expect((await api.get(leaseType, 'widgets', namespace))?.['spec']).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
})

test('after a crash the follower takes over when the lease has run out', async () => {
  const namespace = await testNamespace(api)
  const operator = (identity: string) => startOperator({ kubeconfig, namespace, identity, times: shortTimes })
  await using a = operator('a')
  await a.said('Leading')
  await using b = operator('b')
  await b.said('Waiting for the lease')
  await using auditor = await audit(connection.client, namespace)
  await using _churn = await churn(api, namespace)
  await waitFor(() => auditor.writes.length > 5, { what: 'the leader writing', timeoutMs: 10_000, intervalMs: 5 })

  const killed = performance.now()
  a.child.kill('SIGKILL')

  const firstWrite = await waitFor(() => auditor.writes.find(({ writer }) => writer === 'b')?.at, {
    what: 'a write of the follower',
    timeoutMs: 15_000,
    intervalMs: 5,
  })
  // A fifth of the 20 s that the real times have to keep.
  expect(firstWrite - killed).toBeLessThan(4000)
})

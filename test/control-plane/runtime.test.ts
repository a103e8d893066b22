import { expect, inject, test, beforeAll, afterAll, describe } from 'vitest'
import type { Client } from '../../operator/src/kube/client.ts'
import type { ObjectKey } from '../../operator/src/kube/object.ts'
import type { ConnectedClient } from '../../operator/src/kube/create-client.ts'
import { resources } from '../../operator/src/kube/resource.ts'
import { LeaseNotHeld } from '../../operator/src/runtime/errors.ts'
import { guardClient } from '../../operator/src/runtime/guarded-client.ts'
import type { ReconcileContext } from '../../operator/src/runtime/reconciler.ts'
import { source } from '../../operator/src/runtime/source.ts'
import { done, failed } from '../../operator/src/runtime/result.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { testNamespace } from '../support/namespace.ts'
import { countWrites, delayWatches, withFaults } from './runtime-faults.ts'
import {
  configMapType,
  connect,
  installWidgets,
  jobType,
  normalised,
  settled,
  start,
  widget,
  widgetController,
  widgetManagerOptions,
  widgets,
  widgetType,
} from './runtime-fixture.ts'

const api = controlPlaneApi()
let connection: ConnectedClient
let client: Client

beforeAll(async () => {
  await installWidgets(api)
  connection = await connect(inject('controlPlane').kubeconfig)
  client = connection.client
})

afterAll(async () => {
  await connection.close()
})

const label = { 'app.kubernetes.io/managed-by': 'runtime-test' }
const text = async (namespace: string, name: string) =>
  ((await api.get(configMapType, name, namespace))?.['data'] as { text?: string } | undefined)?.text

describe('a controller', () => {
  test('makes the children, heals what is changed or deleted, follows the spec and cleans up', async () => {
    const namespace = await testNamespace(api)
    await using _running = start(widgetManagerOptions(client, namespace))
    await api.create(widget(namespace, 'a', { copies: 3 }))
    await settled(api, namespace, 'a')
    expect((await api.list(configMapType, namespace)).filter(({ metadata }) => metadata.labels !== undefined)).toHaveLength(3)

    await api.patch(configMapType, 'a-0', namespace, { data: { text: 'by hand' } })
    await waitFor(async () => (await text(namespace, 'a-0')) === 'hello', {
      what: 'the drift being healed',
      timeoutMs: 15_000,
      intervalMs: 20,
    })
    await api.delete(configMapType, 'a-1', namespace)
    await waitFor(async () => (await text(namespace, 'a-1')) === 'hello', {
      what: 'the child coming back',
      timeoutMs: 15_000,
      intervalMs: 20,
    })

    await api.patch(widgetType, 'a', namespace, { spec: { copies: 1, text: 'new' } })
    await waitFor(async () => (await text(namespace, 'a-0')) === 'new' && (await text(namespace, 'a-2')) === undefined, {
      what: 'the children following the spec',
      timeoutMs: 15_000,
      intervalMs: 20,
    })

    await api.delete(widgetType, 'a', namespace)
    await waitFor(async () => (await api.get(widgetType, 'a', namespace)) === undefined, {
      what: 'the finalizer being removed',
      timeoutMs: 15_000,
      intervalMs: 20,
    })
  })

  test('writes nothing when nothing is to be done, after a restart too', async () => {
    const namespace = await testNamespace(api)
    await api.create(widget(namespace, 'a'))
    {
      await using _running = start(widgetManagerOptions(client, namespace))
      await settled(api, namespace, 'a')
    }
    const versions = async () =>
      (await Promise.all([widgetType, configMapType, jobType].map((type) => api.list(type, namespace))))
        .flat()
        .map(({ metadata }) => metadata.resourceVersion)
    const before = await versions()
    const passes: string[] = []
    const counted = countWrites(client)

    await using _again = start(
      widgetManagerOptions(counted.client, namespace, { controllers: [widgetController({ onPass: (name) => passes.push(name) })] }),
    )
    await waitFor(() => passes.length > 0, { what: 'a pass', timeoutMs: 15_000, intervalMs: 10 })
    await api.patch(widgetType, 'a', namespace, { metadata: { annotations: { touched: 'yes' } } })
    await waitFor(() => passes.length > 1, { what: 'a second pass', timeoutMs: 15_000, intervalMs: 10 })

    expect(counted.writes).toEqual([])
    expect((await versions()).filter((version) => !before.includes(version))).toHaveLength(1)
  })

  test('is not woken by its own status writes', async () => {
    const namespace = await testNamespace(api)
    const passes: string[] = []
    const controller = {
      name: 'status',
      primary: { resource: widgets },
      access: [{ resource: widgets, subresource: 'status' as const, verbs: ['patch'] as const }],
      reconcile: async (key: ObjectKey, context: ReconcileContext) => {
        passes.push(key.name)
        await context.client.patchStatus(widgets, key, { status: { passes: passes.length } })
        return done
      },
    }
    await using _running = start(widgetManagerOptions(client, namespace, { controllers: [controller] }))
    // A controller that its own status wakes goes round and round; one after the other shows whether the first kept going.
    for (const name of ['a', 'b', 'c']) {
      await api.create(widget(namespace, name))
      await waitFor(async () => (await api.get(widgetType, name, namespace))?.['status'], {
        what: 'the status',
        timeoutMs: 15_000,
        intervalMs: 10,
      })
    }

    expect(passes).toEqual(['a', 'b', 'c'])
  })

  test('leaves an object alone that belongs to somebody else, and takes it when a person hands it over', async () => {
    const namespace = await testNamespace(api)
    await api.create({ ...configMapType, metadata: { name: 'a-0', namespace }, data: { text: 'theirs' } })
    await using _running = start(widgetManagerOptions(client, namespace))
    await api.create(widget(namespace, 'a', { copies: 1 }))
    const failures = () => api.list({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)

    // A second widget settles, so the first had its passes.
    await api.create(widget(namespace, 'b'))
    await settled(api, namespace, 'b')
    const untouched = await text(namespace, 'a-0')
    await api.patch(configMapType, 'a-0', namespace, { metadata: { annotations: { 'notejam.test/adopt': 'a' } } })
    await settled(api, namespace, 'a')

    expect([untouched, await text(namespace, 'a-0')]).toEqual(['theirs', 'hello'])
    expect(await failures()).toBeDefined()
  })

  test('does not give the children of a deleted object to a new one of the same name', async () => {
    const namespace = await testNamespace(api)
    const owner = {
      apiVersion: widgetType.apiVersion,
      kind: 'Widget',
      name: 'a',
      uid: '00000000-0000-4000-8000-000000000000',
      controller: true,
    }
    await api.create({
      ...configMapType,
      metadata: { name: 'a-0', namespace, labels: label, ownerReferences: [owner] },
      data: { text: 'of the old one' },
    })
    const errors: string[] = []
    const plain = widgetController()
    const reconcile: typeof plain.reconcile = async (key, context) => {
      try {
        return await plain.reconcile(key, context)
      } catch (error) {
        errors.push((error as { code?: string }).code ?? String(error))
        return failed(error as Error)
      }
    }
    await using _running = start(widgetManagerOptions(client, namespace, { controllers: [{ ...plain, reconcile }] }))

    await api.create(widget(namespace, 'a', { copies: 1 }))
    await waitFor(() => errors.length > 0, { what: 'the refusal', timeoutMs: 15_000, intervalMs: 10 })
    const kept = await text(namespace, 'a-0')
    // The garbage collector does this sooner or later; then the name is free.
    await api.delete(configMapType, 'a-0', namespace)
    await settled(api, namespace, 'a')

    expect([errors[0], kept]).toEqual(['NameConflict', 'of the old one'])
    expect(await text(namespace, 'a-0')).toBe('hello')
  })
})

describe('own writes', () => {
  /** Makes a child with a random name whenever it sees none: what a stale cache turns into two. */
  const counting = (barrier: boolean) => ({
    name: 'counting',
    primary: { resource: widgets },
    sources: [source({ resource: resources.configMaps, labelSelector: 'app.kubernetes.io/managed-by=runtime-test' })],
    access: [{ resource: resources.configMaps, verbs: ['create'] as const }],
    reconcile: async (
      key: { namespace: string; name: string },
      context: Parameters<ReturnType<typeof widgetController>['reconcile']>[1],
    ) => {
      const owner = context.cache.get(widgets, key)
      if (owner === undefined || context.cache.controlledBy(resources.configMaps, owner.metadata.uid ?? '').length > 0) return done
      const metadata = {
        name: `${key.name}-${Math.random().toString(36).slice(2)}`,
        namespace: key.namespace,
        labels: label,
        ownerReferences: [{ ...widgetType, name: key.name, uid: owner.metadata.uid ?? '', controller: true }],
      }
      // Around the barrier: a client that it does not know of.
      await (barrier ? context.client : client).create(resources.configMaps, { ...configMapType, metadata })
      return { type: 'after' as const, seconds: 0.01 }
    },
  })

  test.each([
    { barrier: true, expected: 'one child' },
    { barrier: false, expected: 'several: without the barrier this test would fail' },
  ])('with a cache that is 400 ms behind, own-write barrier $barrier: $expected', async ({ barrier }) => {
    const namespace = await testNamespace(api, { prefix: 'own-writes' })
    await using running = start(widgetManagerOptions(delayWatches(client, 400), namespace, { controllers: [counting(barrier)] }))
    await waitFor(() => running.manager.status.synced, { what: 'the caches', timeoutMs: 10_000, intervalMs: 20 })

    await api.create(widget(namespace, 'a'))
    const children = async () => (await api.list(configMapType, namespace)).filter(({ metadata }) => metadata.labels !== undefined).length
    await waitFor(async () => (await children()) > (barrier ? 0 : 1), { what: 'children', timeoutMs: 15_000, intervalMs: 20 })
    // A second object whose child is seen: the first one's passes of that time are over.
    await api.create(widget(namespace, 'b'))
    await waitFor(async () => (await api.list(configMapType, namespace)).some(({ metadata }) => metadata.name.startsWith('b-')), {
      what: 'the second',
      timeoutMs: 15_000,
      intervalMs: 20,
    })
    await running.stop()

    const ofA = (await api.list(configMapType, namespace)).filter(({ metadata }) => metadata.name.startsWith('a-')).length
    if (barrier) expect(ofA).toBe(1)
    else expect(ofA).toBeGreaterThan(1)
  })
})

test('a write that waits while the lease is lost does not leave', async () => {
  const namespace = await testNamespace(api)
  let asked = 0
  const fence = {
    held: true,
    // Open when the call is made, shut when its first byte is about to leave.
    assertHeld: (operation: string) => {
      if (++asked > 1) throw new LeaseNotHeld('the lease', operation)
    },
  }
  const access = [{ resource: resources.configMaps, verbs: ['create'] as const }]
  const guarded = guardClient({ client, fence, controller: 'test', access })

  const write = guarded.create(resources.configMaps, { ...configMapType, metadata: { name: 'late', namespace } })

  await expect(write).rejects.toThrow(LeaseNotHeld)
  expect([asked, await api.get(configMapType, 'late', namespace)]).toEqual([2, undefined])
})

describe('faults', () => {
  test('every write × every fault ends in the same objects, with one Job', async () => {
    const reference = await testNamespace(api, { prefix: 'reference' })
    const counted = countWrites(client)
    {
      await using _running = start(widgetManagerOptions(counted.client, reference))
      await api.create(widget(reference, 'a'))
      await settled(api, reference, 'a')
    }
    const expected = await normalised(api, reference)
    const count = counted.writes.filter((write) => !write.includes('events')).length
    expect(count).toBeGreaterThanOrEqual(5)
    const cases = Array.from({ length: count }, (_, nth) => nth).flatMap((nth) =>
      (['before', 'after', 'conflict', 'timeout', 'crash before', 'crash after'] as const).map((fault) => ({ nth, fault })),
    )

    const results = await Promise.all(
      cases.map(async ({ nth, fault }) => {
        const namespace = await testNamespace(api, { prefix: `fault-${nth}` })
        await api.create(widget(namespace, 'a'))
        const faulty = withFaults(client, nth, fault)
        {
          await using running = start(widgetManagerOptions(faulty.client, namespace))
          if (fault.startsWith('crash')) await Promise.race([faulty.crashed, running.ended])
          else await settled(api, namespace, 'a', 30_000)
        }
        if (fault.startsWith('crash')) {
          await using _again = start(widgetManagerOptions(client, namespace))
          await settled(api, namespace, 'a', 30_000)
        }
        return { nth, fault, hit: faulty.hit, objects: await normalised(api, namespace) }
      }),
    )

    expect(results.every(({ hit }) => hit)).toBe(true)
    for (const { nth, fault, objects } of results) expect({ nth, fault, objects }).toEqual({ nth, fault, objects: expected })
  }, 120_000)
})

describe('fair share', () => {
  test('fifty objects that fail for ever slow nobody', async () => {
    const namespace = await testNamespace(api)
    await using _running = start(widgetManagerOptions(client, namespace))
    await Promise.all(Array.from({ length: 50 }, (_, index) => api.create(widget(namespace, `broken-${index}`, { mode: 'Fail' }))))
    await api.create(widget(namespace, 'good', { copies: 1 }))
    await settled(api, namespace, 'good')
    const times: number[] = []

    for (let round = 0; round < 30; round++) {
      const started = performance.now()
      await api.patch(widgetType, 'good', namespace, { spec: { text: `round ${round}` } })
      await waitFor(async () => (await text(namespace, 'good-0')) === `round ${round}`, {
        what: 'the edit being applied',
        timeoutMs: 15_000,
        intervalMs: 2,
      })
      times.push(performance.now() - started)
    }

    expect(times.toSorted((a, b) => a - b)[28]).toBeLessThan(1000)
  })
})

test('events reach the API server as series', async () => {
  const namespace = await testNamespace(api)
  const recording = widgetController()
  await using _running = start(
    widgetManagerOptions(client, namespace, {
      controllers: [
        {
          ...recording,
          reconcile: async (key, context) => {
            const owner = context.cache.get(widgets, key)
            if (owner !== undefined)
              for (let count = 0; count < 3; count++)
                context.recorder.event(owner, {
                  type: 'Warning',
                  reason: 'Trouble',
                  action: 'Reconcile',
                  note: 'It does not work.\n'.repeat(200),
                  related: owner,
                })
            return done
          },
        },
      ],
    }),
  )
  await api.create(widget(namespace, 'a'))

  const events = () => api.list({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)
  await waitFor(async () => (await events()).some((event) => event['series'] !== undefined), {
    what: 'a series',
    timeoutMs: 15_000,
    intervalMs: 20,
  })

  const mine = (await events()).filter(({ reason }) => reason === 'Trouble')
  expect(mine).toHaveLength(1)
  expect(mine[0]).toMatchObject({
    type: 'Warning',
    action: 'Reconcile',
    reportingController: 'notejam.test/runtime',
    regarding: { kind: 'Widget', name: 'a' },
  })
  // All three came before the first was stored, so the one write that makes it a series knows of them.
  expect(mine[0]?.['series']).toMatchObject({ count: 3 })
})

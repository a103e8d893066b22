import { expect, inject, onTestFinished, test, describe } from 'vitest'
import type { ConnectedClient } from '../../operator/src/kube/create-client.ts'
import { Discovery } from '../../operator/src/kube/discovery.ts'
import {
  ApiError,
  ConnectionError,
  DeadlineExceeded,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  ResourceUnknown,
} from '../../operator/src/kube/errors.ts'
import type { AppliedObject, DynamicObject } from '../../operator/src/kube/object.ts'
import { resources } from '../../operator/src/kube/resource.ts'
import { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { connect } from '../fault-proxy/connect.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { testNamespace } from '../support/namespace.ts'

const fieldManager = 'kube-test'

interface ConfigMap extends AppliedObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string; readonly uid?: string }
  readonly data?: Readonly<Record<string, string>>
}

function configMap(namespace: string, name: string, data: Readonly<Record<string, string>> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data }
}

async function direct(): Promise<ConnectedClient> {
  const connected = await connect(inject('controlPlane').kubeconfig)
  onTestFinished(() => connected.close())
  return connected
}

async function proxied() {
  const proxy = await FaultProxy.start(inject('controlPlane').kubeconfig)
  const connected = await connect(proxy.kubeconfig)
  onTestFinished(async () => {
    await connected.close()
    await proxy[Symbol.asyncDispose]()
  })
  return { proxy, client: connected.client }
}

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of events);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('verbs', () => {
  test('apply creates, changes what it names, and gives up what it no longer names', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    await client.apply(resources.configMaps, configMap(namespace, 'a', { one: '1', two: '2' }), { fieldManager })

    const applied = await client.apply<ConfigMap & DynamicObject>(resources.configMaps, configMap(namespace, 'a', { one: '11' }), {
      fieldManager,
    })

    expect(applied.data).toEqual({ one: '11' })
  })

  test('a field that the schema does not know is refused', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    const object = { ...configMap(namespace, 'a'), datta: { one: '1' } }

    const applied = await rejection(client.apply(resources.configMaps, object, { fieldManager }))
    const created = await rejection(client.create(resources.configMaps, object))

    expect(applied).toMatchObject({ message: expect.stringContaining('datta') as string })
    expect(created).toMatchObject({ code: 'ApiError', status: 400, message: expect.stringContaining('unknown field "datta"') as string })
  })

  test('a field of another manager is a conflict without force, and taken over with it', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    await client.apply(resources.configMaps, configMap(namespace, 'a', { one: '1' }), { fieldManager: 'other' })

    const refused = await rejection(client.apply(resources.configMaps, configMap(namespace, 'a', { one: '2' }), { fieldManager }))
    const forced = await client.apply(resources.configMaps, configMap(namespace, 'a', { one: '2' }), { fieldManager, force: true })

    expect(isConflict(refused)).toBe(true)
    expect((refused as ApiError).details.causes?.[0]?.field).toBe('.data.one')
    expect(forced['data']).toEqual({ one: '2' })
  })

  test('a dry run stores nothing', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())

    await client.create(resources.configMaps, configMap(namespace, 'a'), { dryRun: true })

    expect(isNotFound(await rejection(client.get(resources.configMaps, { namespace, name: 'a' })))).toBe(true)
  })

  test('replace with an old version is a conflict, create of what is there AlreadyExists', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    const first = await client.create<ConfigMap & DynamicObject>(resources.configMaps, configMap(namespace, 'a'))
    await client.replace(resources.configMaps, { ...first, data: { one: '1' } } as AppliedObject)

    const stale = await rejection(client.replace(resources.configMaps, { ...first, data: { one: '2' } } as AppliedObject))
    const again = await rejection(client.create(resources.configMaps, configMap(namespace, 'a')))

    expect([isConflict(stale), isAlreadyExists(stale)]).toEqual([true, false])
    expect([isConflict(again), isAlreadyExists(again)]).toEqual([false, true])
  })

  test('delete keeps its hands off an object with another uid', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    const created = await client.create(resources.configMaps, configMap(namespace, 'a'))
    const key = { namespace, name: 'a' }

    const refused = await rejection(client.delete(resources.configMaps, key, { preconditions: { uid: 'another' } }))
    await client.delete(resources.configMaps, key, { preconditions: { uid: created.metadata.uid ?? '' } })

    expect(isConflict(refused)).toBe(true)
    expect(isNotFound(await rejection(client.delete(resources.configMaps, key)))).toBe(true)
  })

  test('status is written by its subresource, by apply and by patch', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    const port = { port: 80 }
    await client.create(resources.services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'a' },
      spec: { ports: [port] },
    } as AppliedObject)
    const condition = { type: 'Told', status: 'True', reason: 'Test', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }
    const status = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'a' },
      status: { conditions: [condition] },
    } as AppliedObject

    const applied = await client.applyStatus(resources.services, status, { fieldManager })
    const patched = await client.patchStatus(
      resources.services,
      { namespace, name: 'a' },
      { status: { conditions: [{ ...condition, status: 'False' }] } },
    )

    expect(applied['status']).toMatchObject({ conditions: [condition] })
    expect(patched['status']).toMatchObject({ conditions: [{ type: 'Told', status: 'False' }] })
  })

  test('an eviction that a budget forbids is told at once', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi(), { podSecurity: 'privileged' })
    const labels = { app: 'a' }
    await client.create(resources.podDisruptionBudgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace, name: 'a' },
      spec: { maxUnavailable: 0, selector: { matchLabels: labels } },
    } as AppliedObject)
    await client.create(resources.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'a', labels },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    } as AppliedObject)
    // Only a running pod is protected by a budget.
    await client.patchStatus(
      resources.pods,
      { namespace, name: 'a' },
      { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
    )
    const started = performance.now()

    const refused = await rejection(client.evict({ namespace, name: 'a' }))

    expect(isTooManyRequests(refused)).toBe(true)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('pages bring every object once', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    const names = Array.from({ length: 25 }, (_, index) => `object-${String(index).padStart(2, '0')}`)
    await Promise.all(names.map((name) => client.create(resources.configMaps, configMap(namespace, name))))

    const sizes: number[] = []
    const found: string[] = []
    for await (const page of client.pages(resources.configMaps, { namespace, limit: 10, labelSelector: '!notejam.io/none' })) {
      sizes.push(page.items.length)
      found.push(...page.items.map(({ kind, metadata }) => `${kind} ${metadata.name}`))
    }

    expect(sizes).toEqual([10, 10, 6])
    expect(found.toSorted()).toEqual(['kube-root-ca.crt', ...names].map((name) => `ConfigMap ${name}`))
  })

  test('metadata alone can be asked for', async () => {
    const { client } = await direct()
    const namespace = await testNamespace(controlPlaneApi())
    await client.create(resources.configMaps, configMap(namespace, 'a', { long: 'x'.repeat(1000) }))

    const one = await client.get(resources.configMaps, { namespace, name: 'a' }, { metadataOnly: true })
    const { items } = await client.list(resources.configMaps, { namespace, metadataOnly: true, fieldSelector: 'metadata.name=a' })

    expect(Object.keys(one).toSorted()).toEqual(['apiVersion', 'kind', 'metadata'])
    expect(one.kind).toBe('ConfigMap')
    expect(items.map((item) => [item.kind, item.metadata.name, item['data']])).toEqual([['ConfigMap', 'a', undefined]])
  })

  test('discovery finds a kind, and says so when there is none', async () => {
    const { client } = await direct()
    const discovery = new Discovery(client)

    const found = await discovery.find('autoscaling/v2', 'HorizontalPodAutoscaler')

    expect(found).toMatchObject(resources.horizontalPodAutoscalers)
    await expect(discovery.find('notejam.example/v1', 'Nothing')).rejects.toBeInstanceOf(ResourceUnknown)
    await expect(discovery.serves(resources.jobs)).resolves.toBe(true)
  })
})

test('every object of every kind of the server comes back as it was, field by field', async () => {
  const { client } = await direct()
  const namespace = await testNamespace(controlPlaneApi())
  await Promise.all(manyKinds(namespace).map((object) => createAny(client, object)))
  const api = controlPlaneApi()
  const kinds = (await new Discovery(client).all()).filter(({ verbs }) => verbs.includes('list') && verbs.includes('get'))
  let compared = 0

  for (const kind of kinds) {
    const { items } = await client.list(kind)
    for (const item of items.slice(0, 20)) {
      const key = { namespace: item.metadata.namespace ?? '', name: item.metadata.name }
      const got = await client.get(kind, key).catch(() => undefined)
      if (got === undefined) continue
      const raw = JSON.parse(await api.raw(pathOf(kind, key))) as DynamicObject
      if (raw.metadata.resourceVersion !== got.metadata.resourceVersion) continue
      expect(got).toEqual(raw)
      const sent = await client.replace(kind, raw as AppliedObject, { dryRun: true }).catch((error: unknown) => error as ApiError)
      // Some kinds may not be written at all; those that may must take their own object back unchanged.
      if (sent instanceof ApiError) continue
      expect(withoutManaged(sent)).toEqual(withoutManaged(raw))
      compared += 1
    }
  }

  expect(kinds.length).toBeGreaterThan(50)
  expect(compared).toBeGreaterThan(100)
})

describe('connections', () => {
  test('1,000 calls one after the other need at most two', async () => {
    const { proxy, client } = await proxied()
    let most = 0

    for (let call = 0; call < 1000; call += 1) {
      await client.get(resources.namespaces, { namespace: '', name: 'default' })
      most = Math.max(most, proxy.connections)
    }

    expect(proxy.requests).toHaveLength(1000)
    expect(most).toBeLessThanOrEqual(2)
  })

  test('100 watches share one', async () => {
    const { proxy, client } = await proxied()
    const stop = new AbortController()
    const ended: Promise<unknown>[] = []
    const opened = Array.from({ length: 100 }, (_, index) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const watch = client.watch(resources.configMaps, { namespace: `namespace-${index}`, signal: stop.signal, onOpen: resolve })
      ended.push(rejection(drain(watch)))
      return promise
    })
    await Promise.all(opened)

    expect(proxy.openWatches).toBe(100)
    expect(proxy.connections).toBeLessThanOrEqual(2)
    stop.abort(new Error('enough'))
    expect(new Set(await Promise.all(ended))).toEqual(new Set([stop.signal.reason]))
  })

  test('the lease is renewed while all other calls hang', async () => {
    const { proxy, client } = await proxied()
    const namespace = await testNamespace(controlPlaneApi())
    const stop = new AbortController()
    proxy.inject({ fault: { type: 'Hang' }, when: ({ path }) => path.endsWith('/configmaps') })
    const hanging = Array.from({ length: 200 }, () => rejection(client.list(resources.configMaps, { signal: stop.signal })))
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name: 'a' } }
    const started = performance.now()

    await client.create(resources.leases, lease, { channel: 'lease' })
    for (let renewal = 0; renewal < 10; renewal += 1) await client.get(resources.leases, { namespace, name: 'a' }, { channel: 'lease' })

    expect(performance.now() - started).toBeLessThan(1000)
    expect(proxy.requests.filter(({ path }) => path.endsWith('/configmaps'))).toHaveLength(32)
    stop.abort(new Error('enough'))
    expect(new Set(await Promise.all(hanging))).toEqual(new Set([stop.signal.reason]))
  })
})

describe('faults', () => {
  test('429 is obeyed for as long as Retry-After says, also by a create', async () => {
    const { proxy, client } = await proxied()
    const namespace = await testNamespace(controlPlaneApi())
    proxy.inject({ fault: { type: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }, times: 2 })
    const started = performance.now()

    await client.create(resources.configMaps, configMap(namespace, 'a'))

    expect(performance.now() - started).toBeGreaterThanOrEqual(2000)
    expect(proxy.requests.filter(({ method }) => method === 'POST')).toHaveLength(3)
  })

  test.each([
    ['a 503', { type: 'Refuse', status: 503, reason: 'ServiceUnavailable' }],
    ['a page of HTML with 502', { type: 'Html', status: 502 }],
    ['a page of HTML with 200', { type: 'Html', status: 200 }],
    ['a connection that is cut before the request', { type: 'CutBefore' }],
    ['a connection that is cut after the request', { type: 'CutAfter' }],
    ['a connection that is cut inside the answer', { type: 'CutInside' }],
  ] as const)('an apply survives %s', async (_, fault) => {
    const { proxy, client } = await proxied()
    const namespace = await testNamespace(controlPlaneApi())
    proxy.inject({ fault, times: 2 })

    const applied = await client.apply(resources.configMaps, configMap(namespace, 'a', { one: '1' }), { fieldManager })

    expect(applied['data']).toEqual({ one: '1' })
    expect(proxy.requests).toHaveLength(3)
  })

  test('a create that may have been done is not sent again', async () => {
    const { proxy, client } = await proxied()
    const namespace = await testNamespace(controlPlaneApi())
    proxy.inject({ fault: { type: 'CutAfter' }, times: 1 })

    const error = await rejection(client.create(resources.configMaps, configMap(namespace, 'a')))

    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ maybeSent: true })
    expect(proxy.requests).toHaveLength(1)
    await expect(controlPlaneApi().get({ apiVersion: 'v1', kind: 'ConfigMap' }, 'a', namespace)).resolves.toBeDefined()
  })

  test('a call that hangs ends with its deadline and says what it was', async () => {
    const { proxy, client } = await proxied()
    proxy.inject({ fault: { type: 'Hang' } })
    const started = performance.now()

    const error = await rejection(
      client.create(resources.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }, { deadlineMs: 300 }),
    )

    expect(error).toBeInstanceOf(DeadlineExceeded)
    expect(error).toMatchObject({ message: 'No answer to create namespaces a within 300 ms; the server may have done it all the same.' })
    expect(performance.now() - started).toBeLessThan(1000)
  })

  test('an internal error is tried three times in all, a refusal once', async () => {
    const { proxy, client } = await proxied()
    proxy.inject({ fault: { type: 'Refuse', status: 500, reason: 'InternalError' } })

    const internal = await rejection(client.get(resources.namespaces, { namespace: '', name: 'default' }))
    proxy.heal()
    const invalid = await rejection(client.apply(resources.configMaps, configMap('default', 'Not_Valid'), { fieldManager }))

    expect(internal).toMatchObject({ status: 500, reason: 'InternalError' })
    expect(isInvalid(invalid)).toBe(true)
    expect(proxy.requests).toHaveLength(4)
  })

  test('a certificate of a new authority is taken without a restart', async () => {
    const { proxy, client } = await proxied()
    const get = () => client.get(resources.namespaces, { namespace: '', name: 'default' })
    await get()

    proxy.newCertificate()

    await expect(get()).resolves.toMatchObject({ metadata: { name: 'default' } })
  })
})

function pathOf(
  kind: { readonly group: string; readonly version: string; readonly plural: string },
  key: { readonly namespace: string; readonly name: string },
) {
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  return `${base}${key.namespace === '' ? '' : `/namespaces/${key.namespace}`}/${kind.plural}/${encodeURIComponent(key.name)}`
}

function withoutManaged(object: DynamicObject) {
  const { managedFields: _fields, ...metadata } = object.metadata as unknown as Readonly<Record<string, unknown>>
  return { ...object, metadata }
}

async function createAny(client: ConnectedClient['client'], object: AppliedObject): Promise<void> {
  const kind = await new Discovery(client).find(object.apiVersion, object.kind)
  await client.create(kind, object)
}

/** One of each kind that an operator meets. */
function manyKinds(namespace: string): readonly AppliedObject[] {
  const labels = { app: 'round-trip' }
  const metadata = { namespace, name: 'round-trip', labels, annotations: { umlaut: 'äöü€𝄞', empty: '' } }
  const template = {
    metadata: { labels },
    spec: { restartPolicy: 'Always', containers: [{ name: 'a', image: 'a', env: [{ name: 'A', value: '' }] }] },
  }
  const job = { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } }, backoffLimit: 0, suspend: true }
  const objects: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
    ['v1', 'ConfigMap', { data: { a: 'b' }, binaryData: { c: 'AAE=' } }],
    ['v1', 'Secret', { stringData: { a: 'b' } }],
    ['v1', 'Service', { spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] } }],
    ['v1', 'ServiceAccount', { automountServiceAccountToken: false }],
    ['v1', 'PersistentVolumeClaim', { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }],
    ['apps/v1', 'Deployment', { spec: { replicas: 0, selector: { matchLabels: labels }, template } }],
    ['apps/v1', 'StatefulSet', { spec: { replicas: 0, serviceName: 'a', selector: { matchLabels: labels }, template } }],
    ['batch/v1', 'Job', { spec: job }],
    ['batch/v1', 'CronJob', { spec: { schedule: '0 0 * * *', suspend: true, jobTemplate: { spec: job } } }],
    ['policy/v1', 'PodDisruptionBudget', { spec: { maxUnavailable: '25%', selector: { matchLabels: labels } } }],
    ['networking.k8s.io/v1', 'NetworkPolicy', { spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] } }],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      { spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'round-trip' }, minReplicas: 1, maxReplicas: 2 } },
    ],
    [
      'coordination.k8s.io/v1',
      'Lease',
      { spec: { holderIdentity: 'a', renewTime: '2026-01-01T00:00:00.123456Z', leaseDurationSeconds: 15 } },
    ],
  ]
  return objects.map(([apiVersion, kind, fields]) => Object.assign({ apiVersion, kind, metadata }, fields))
}

import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { CollectionReflector, type CollectionReflectorOptions } from '../../operator/src/kube/collection-reflector.ts'
import { silentLogger } from '../../operator/src/kube/logger.ts'
import type { DynamicObject } from '../../operator/src/kube/object.ts'
import { resources } from '../../operator/src/kube/resource.ts'
import { SystemClock } from '../../operator/src/runtime/clock.ts'
import { startControlPlane } from '../cluster/control-plane.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { churn } from '../fault-proxy/churn.ts'
import { differences, untilEqual } from '../fault-proxy/compare.ts'
import { connect } from '../fault-proxy/connect.ts'
import { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { runFaultSequences } from '../fault-proxy/fault-sequences.ts'
import type { Fault, Strike } from '../fault-proxy/faults.ts'
import { Replay } from '../fault-proxy/replay.ts'
import { seededRandom } from '../fault-proxy/seeded-random.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { testNamespace } from '../support/namespace.ts'

/** The backoff of production is proven in virtual time beside the source; here it would only make the tests wait. */
const quick = { backoff: { initialMs: 10, maxMs: 200, factor: 2, jitter: 1, resetAfterMs: 2000 }, silenceMs: 700 }

type Options = Partial<CollectionReflectorOptions<DynamicObject>>

async function watched(kubeconfig: string, namespace: string, options: Options = {}) {
  const proxy = await FaultProxy.start(kubeconfig)
  const through = await connect(proxy.kubeconfig)
  const direct = await connect(kubeconfig)
  const reflector = new CollectionReflector<DynamicObject>({
    client: {
      pages: (what, how) => through.client.pages(what, how),
      watch: (what, how) => through.client.watch(what, { ...how, headersTimeoutMs: 700 }),
    },
    resource: resources.configMaps,
    namespace,
    clock: new SystemClock(),
    random: Math.random,
    logger: silentLogger,
    ...quick,
    ...options,
  })
  const replay = new Replay(reflector)
  const stop = new AbortController()
  const running = reflector.start(stop.signal)
  onTestFinished(async () => {
    stop.abort(new Error('The test is over.'))
    await running
    await Promise.all([through.close(), direct.close(), proxy[Symbol.asyncDispose]()])
  })
  return {
    proxy,
    reflector,
    replay,
    direct: direct.client,
    write: (seed: number) => churn({ client: direct.client, namespace, random: seededRandom(seed), writes: 30 }),
  }
}

async function onTheRunsControlPlane(options: Options = {}) {
  const namespace = await testNamespace(controlPlaneApi())
  const { kubeconfig } = inject('controlPlane')
  const all = await watched(kubeconfig, namespace, options)
  await all.write(1)
  await all.reflector.whenSynced()
  await untilEqual(all.direct, all.reflector, namespace)
  return { ...all, namespace }
}

const isWatch = ({ isWatch: watch }: { readonly isWatch: boolean }) => watch

describe('a quiet collection', () => {
  test('is read by one streaming list, and watched by the same request', async () => {
    const { proxy, reflector } = await onTheRunsControlPlane()

    expect(
      proxy.requests.map(({ query }) => [
        query.get('sendInitialEvents'),
        query.get('allowWatchBookmarks'),
        query.get('resourceVersionMatch'),
      ]),
    ).toEqual([['true', 'true', 'NotOlderThan']])
    expect(reflector.status).toMatchObject({ phase: 'Watching', synced: true, failures: 0 })
  })

  test('is read by a list where the server knows no streaming lists', async () => {
    const { proxy, reflector, direct, namespace, write } = await onTheRunsControlPlane({ streamingList: false })

    await write(2)
    await untilEqual(direct, reflector, namespace)

    expect(proxy.requests.map(({ isWatch: watch, query }) => [watch, query.get('resourceVersion') === '0'])).toEqual([
      [false, true],
      [true, false],
    ])
  })

  test('takes 5 to 10 minutes per watch', async () => {
    const { proxy } = await onTheRunsControlPlane()

    const seconds = Number(proxy.requests[0]?.query.get('timeoutSeconds'))

    expect(seconds).toBeGreaterThanOrEqual(300)
    expect(seconds).toBeLessThanOrEqual(600)
  })

  test('keeps metadata alone where that was asked for', async () => {
    const namespace = await testNamespace(controlPlaneApi())
    const { reflector, write } = await watched(inject('controlPlane').kubeconfig, namespace, { metadataOnly: true })
    await reflector.whenSynced()
    await write(1)
    await waitFor(() => reflector.store.list().some(({ metadata }) => metadata.name.startsWith('churn-')), {
      what: 'an event',
      timeoutMs: 5000,
    })

    const shapes = reflector.store.list().map((object) => `${object.apiVersion} ${object.kind}: ${Object.keys(object).toSorted().join()}`)

    expect(new Set(shapes)).toEqual(new Set(['v1 ConfigMap: apiVersion,kind,metadata']))
  })
})

const strikes: readonly Strike[] = ['cut', 'halfLine', 'end', 'expired', 'serverError', 'mute']

const faults: readonly (readonly [string, Fault, typeof isWatch | undefined])[] = [
  ['a connection cut before the request', { type: 'CutBefore' }, undefined],
  ['a connection cut inside the answer', { type: 'CutInside' }, undefined],
  ['410 as a status', { type: 'Refuse', status: 410, reason: 'Expired' }, isWatch],
  ['410 as an event', { type: 'WatchError', status: 410, reason: 'Expired' }, isWatch],
  ['429', { type: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 0 }, undefined],
  ['429 as an event', { type: 'WatchError', status: 429, reason: 'TooManyRequests' }, isWatch],
  ['500', { type: 'Refuse', status: 500, reason: 'InternalError' }, undefined],
  ['503', { type: 'Refuse', status: 503, reason: 'ServiceUnavailable' }, undefined],
  ['a refused streaming list', { type: 'Refuse', status: 422, reason: 'Invalid' }, isWatch],
  ['HTML with 200', { type: 'Html', status: 200 }, undefined],
  ['HTML with 502', { type: 'Html', status: 502 }, undefined],
  ['watches closed at once', { type: 'EmptyWatch' }, isWatch],
  ['a watch that hangs', { type: 'Hang' }, isWatch],
  ['a slow server', { type: 'Delay', milliseconds: 300 }, undefined],
  ['a trickle', { type: 'Trickle', bytes: 200, everyMs: 1 }, undefined],
  ['events told twice', { type: 'Duplicate' }, isWatch],
  ['late events', { type: 'Lag', milliseconds: 20 }, isWatch],
]

describe('after', () => {
  test.each(strikes)('an open watch that met "%s" the cache equals the server', async (strike) => {
    const { proxy, reflector, replay, direct, namespace, write } = await onTheRunsControlPlane()

    await proxy.strike(strike)
    await write(2)

    await untilEqual(direct, reflector, namespace)
    expect(replay.check(reflector)).toEqual([])
  })

  test.each(faults)('%s the cache equals the server', async (_, fault, when) => {
    const { proxy, reflector, replay, direct, namespace, write } = await onTheRunsControlPlane()
    proxy.inject({ fault, times: 3, ...(when && { when }) })
    await proxy.strike('expired')
    await write(2)
    await proxy.strike('cut')
    await write(3)

    await untilEqual(direct, reflector, namespace)
    expect(replay.check(reflector)).toEqual([])
  })

  test('a frozen connection and a new certificate the cache equals the server', async () => {
    const { proxy, reflector, replay, direct, namespace, write } = await onTheRunsControlPlane()
    proxy.freeze()
    await write(2)
    await waitFor(() => reflector.status.lastError !== undefined, { what: 'the silence being noticed', timeoutMs: 5000 })
    proxy.thaw()
    proxy.newCertificate()
    await write(3)

    await untilEqual(direct, reflector, namespace)
    expect(replay.check(reflector)).toEqual([])
  })

  test('the end of rights the old cache stays, and with their return it is right again', async () => {
    const { proxy, reflector, direct, namespace, write } = await onTheRunsControlPlane()
    const before = reflector.store.size
    const giveBack = proxy.inject({ fault: { type: 'Refuse', status: 403, reason: 'Forbidden' } })
    await proxy.strike('cut')
    await waitFor(() => reflector.status.failures > 2, { what: 'a few refusals', timeoutMs: 10_000 })

    expect(reflector.store.size).toBe(before)
    giveBack()
    await write(2)
    await untilEqual(direct, reflector, namespace)
  })
})

describe('without', () => {
  test('synthesized deletes, what died unseen stays in the cache', async () => {
    const { proxy, reflector, direct, namespace } = await onTheRunsControlPlane({ without: ['synthesizedDeletes'] })
    const [victim] = reflector.store.list()
    const giveBack = proxy.inject({ fault: { type: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 0 } })
    await proxy.strike('expired')
    await direct.delete(resources.configMaps, { namespace, name: victim?.metadata.name ?? '' })
    giveBack()
    await waitFor(() => reflector.status.phase === 'Watching', { what: 'the watch after the list', timeoutMs: 5000 })

    await expect(untilEqual(direct, reflector, namespace, 1500)).rejects.toThrow('is in the cache only')
  })

  test('the silence check, a connection that went dumb is waited for without end', async () => {
    const { proxy, reflector, direct, namespace, write } = await onTheRunsControlPlane({ without: ['silenceCheck'] })

    await proxy.strike('mute')
    await write(2)

    await expect(untilEqual(direct, reflector, namespace, 2000)).rejects.toThrow('a cache that equals the server did not happen')
  })

  test('retries, the first error is the end', async () => {
    const { proxy, reflector, direct, namespace, write } = await onTheRunsControlPlane({ without: ['retry'] })

    await proxy.strike('cut')
    await write(2)

    await expect(untilEqual(direct, reflector, namespace, 1000)).rejects.toThrow('a cache that equals the server did not happen')
    expect(reflector.status.phase).toBe('Stopped')
  })

  test('the check of order, what is told twice is handled twice', async () => {
    const { proxy, reflector, replay, direct, namespace, write } = await onTheRunsControlPlane({ without: ['order'] })
    proxy.inject({ fault: { type: 'Duplicate' }, when: isWatch })
    await proxy.strike('cut')
    await waitFor(() => proxy.requests.length > 1 && proxy.openWatches > 0, { what: 'the next watch', timeoutMs: 5000 })

    await write(2)
    await untilEqual(direct, reflector, namespace)

    expect(replay.problems.join()).toContain('was told twice')
  })
})

test('20 random sequences of faults leave caches that equal the server', async () => {
  const namespace = await testNamespace(controlPlaneApi())

  const figures = await runFaultSequences({ kubeconfig: inject('controlPlane').kubeconfig, namespace, sequences: 20, seed: 20_261_121 })

  expect(figures).toMatchObject({ sequences: 20 })
  expect(figures.faults).toBeGreaterThan(20)
  expect(figures.heapGrowthMiB).toBeLessThan(30)
})

test('an API server that is killed, whose history is compacted, and that starts anew, is followed on', { timeout: 60_000 }, async () => {
  await using controlPlane = await startControlPlane({ name: 'kube-reflector' })
  const { reflector, replay, direct, write } = await watched(controlPlane.kubeconfig, 'default')
  await write(1)
  await reflector.whenSynced()
  await controlPlane.killApiServer()
  await waitFor(() => reflector.status.lastError !== undefined, { what: 'the loss being noticed', timeoutMs: 5000 })
  await controlPlane.startApiServer()
  await write(2)
  await controlPlane.compact()
  await controlPlane.restartApiServer()
  await write(3)

  await untilEqual(direct, reflector, 'default')

  expect(replay.check(reflector)).toEqual([])
  await expect(differences(direct, reflector, 'default')).resolves.toEqual([])
})

import { describe, expect, onTestFinished, test } from 'vitest'
import { CollectionReflector } from '../kube/collection-reflector.ts'
import { ApiError } from '../kube/errors.ts'
import { silentLogger as kubeLogger } from '../kube/logger.ts'
import type { KubeObject } from '../kube/object.ts'
import { resourceName, resources } from '../kube/resource.ts'
import { VirtualCollection, type VirtualObject } from '../kube/virtual-collection.ts'
import { SyncTimeout } from './errors.ts'
import { Informers, type InformerDeclaration, type InformersOptions } from './informers.ts'
import { silentLogger } from './log.ts'
import { noMetrics } from './metrics.ts'
import { VirtualClock } from './virtual-clock.ts'

const key = { namespace: 'notes', name: 'a' }

/** Informers over one virtual collection per resource. */
function scene(options: Partial<InformersOptions> = {}) {
  const clock = new VirtualClock()
  const collections = new Map<string, VirtualCollection>()
  const made: string[] = []
  const collectionOf = (name: string) => {
    const known = collections.get(name) ?? new VirtualCollection(clock)
    collections.set(name, known)
    return known
  }
  const informers = new Informers({
    clock,
    scope: { type: 'all' },
    log: silentLogger,
    metrics: noMetrics,
    isServed: () => Promise.resolve(true),
    reflect: (request) => {
      made.push(`${resourceName(request.resource)}${request.namespace === '' ? '' : ` in ${request.namespace}`}`)
      return new CollectionReflector({
        ...request,
        client: collectionOf(resourceName(request.resource)).client,
        clock,
        random: () => 0,
        logger: kubeLogger,
      })
    },
    ...options,
  })
  const stop = new AbortController()
  let running = Promise.resolve()
  onTestFinished(async () => {
    stop.abort(new Error('The test is over.'))
    await running
  })
  const start = async () => {
    running = informers.start(stop.signal)
    await clock.advance(100)
  }
  return { clock, informers, made, collectionOf, start, stop }
}

describe('one watch for all who need a resource', () => {
  test('is made once, with the indexes of everybody, and tells every handler', async () => {
    const { clock, informers, made, collectionOf, start } = scene()
    const heard: string[] = []
    informers.declare({ resource: resources.configMaps, indexes: { first: ({ metadata }) => [metadata.name.slice(0, 1)] } })
    informers.declare({ resource: resources.configMaps, indexes: { length: ({ metadata }) => [String(metadata.name.length)] } })
    informers.subscribe(resources.configMaps, ({ object }) => void heard.push(`one ${object.metadata.name}`))
    informers.subscribe(resources.configMaps, ({ object }) => void heard.push(`two ${object.metadata.name}`))
    collectionOf('configmaps').put('a')
    await start()
    collectionOf('configmaps').put('ab')
    await clock.advance(100)

    expect(made).toEqual(['configmaps'])
    expect(heard.toSorted()).toEqual(['one a', 'one ab', 'two a', 'two ab'])
    const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name)
    expect(names(informers.byIndex(resources.configMaps, 'first', 'a'))).toEqual(['a', 'ab'])
    expect(names(informers.byIndex(resources.configMaps, 'length', '2'))).toEqual(['ab'])
    expect(names(informers.list(resources.configMaps, 'notes'))).toEqual(['a', 'ab'])
    expect(names(informers.list(resources.configMaps, 'other'))).toEqual([])
    expect(informers.get(resources.configMaps, key)?.metadata.name).toBe('a')
  })

  test('finds children by the UID of their controller, without looking at the others', async () => {
    const { informers, collectionOf, start } = scene()
    informers.declare({ resource: resources.configMaps })
    const collection = collectionOf('configmaps')
    for (const name of ['mine', 'yours', 'nobodys']) collection.put(name)
    const own = (object: VirtualObject | undefined, uid: string, controller: boolean) =>
      Object.assign(object?.metadata ?? {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Widget', name: 'w', uid, controller }] })
    own(collection.objects[0], 'one', true)
    own(collection.objects[1], 'two', true)
    own(collection.objects[2], 'one', false)
    await start()

    expect(informers.controlledBy(resources.configMaps, 'one').map(({ metadata }) => metadata.name)).toEqual(['mine'])
  })

  test.each<readonly [string, Partial<InformerDeclaration>]>([
    ['another label selector', { labelSelector: 'a=b' }],
    ['metadata alone', { metadataOnly: true }],
  ])('is refused to those who want %s: they would get a cache that lies', (_, change) => {
    const { informers } = scene()
    informers.declare({ resource: resources.configMaps })

    expect(() => informers.declare({ resource: resources.configMaps, ...change })).toThrow('Two sources select configmaps differently')
  })

  test('cannot be asked for after the start', async () => {
    const { informers, start } = scene()
    await start()

    expect(() => informers.declare({ resource: resources.configMaps })).toThrow('before the start')
  })

  test('is one for each namespace of a list', async () => {
    const { informers, made, start } = scene({ scope: { type: 'list', namespaces: ['one', 'two'] } })
    informers.declare({ resource: resources.configMaps })
    informers.declare({ resource: resources.nodes })
    await start()

    expect(made).toEqual(['configmaps in one', 'configmaps in two', 'nodes'])
  })
})

test('reading what nobody watches is a mistake, not an empty answer', () => {
  const { informers } = scene()

  expect(() => informers.get(resources.pods, key)).toThrow('Nobody declared a watch on pods')
})

describe('the barrier', () => {
  test('opens when every cache is filled and the handlers were told', async () => {
    const { clock, informers, collectionOf, start, stop } = scene()
    const order: string[] = []
    informers.declare({ resource: resources.configMaps })
    informers.declare({ resource: resources.pods })
    informers.subscribe(resources.configMaps, () => void order.push('told'))
    collectionOf('configmaps').put('a')
    collectionOf('pods').faults.push({ type: 'Slow', milliseconds: 5000 })
    await start()
    const synced = informers.whenSynced(120, stop.signal).then(() => order.push('open'))
    await clock.advance(1000)
    order.push(`missing ${informers.missing().join()}`)
    await clock.advance(10_000)
    await synced

    expect(order).toEqual(['told', 'missing pods', 'open'])
  })

  test('gives up after its time, and says what is missing and why', async () => {
    const { clock, informers, collectionOf, start, stop } = scene()
    informers.declare({ resource: resources.pods })
    const refused = new ApiError({ call: 'watch pods', status: 403, reason: 'Forbidden', message: 'no role' })
    for (let count = 0; count < 100; count++) collectionOf('pods').faults.push({ type: 'Refused', error: refused })
    await start()
    const synced = informers.whenSynced(120, stop.signal)
    const failure = expect(synced).rejects.toThrow(SyncTimeout)
    const message = expect(synced).rejects.toThrow(/pods .*403 Forbidden/)
    await clock.advance(125_000)

    await failure
    await message
  })
})

describe('an optional resource that is not served', () => {
  const definition = 'customresourcedefinitions.apiextensions.k8s.io'
  const refused = new ApiError({ call: 'list', status: 403, reason: 'Forbidden', message: 'no role' })

  /** The resource is served once `served` is true; how often that was asked is counted. */
  function optionalScene(options: Partial<InformersOptions> = {}) {
    const state = { served: false, asked: 0 }
    const isServed = () => {
      state.asked += 1
      return Promise.resolve(state.served)
    }
    const found = scene({ isServed, ...options })
    found.informers.declare({ resource: resources.pods, optional: true })
    return { ...found, state }
  }

  test('keeps nobody waiting, and is not asked for while its definition is not there', async () => {
    const { clock, informers, made, start, state, stop } = optionalScene()
    await start()
    await informers.whenSynced(1, stop.signal)
    await clock.advance(1000)
    const { asked } = state
    await clock.advance(24 * 3_600_000)

    expect([made, informers.has(resources.pods), state.asked]).toEqual([[definition], false, asked])
  })

  test('is watched a moment after its definition was installed, and that is watched no more', async () => {
    const { clock, collectionOf, informers, start, state } = optionalScene()
    await start()
    await clock.advance(3_600_000)
    collectionOf(definition).put('pods')
    await clock.advance(1000)
    const before = informers.has(resources.pods)
    state.served = true
    await clock.advance(3000)
    const requests = collectionOf(definition).requests.length
    await clock.advance(3_600_000)

    expect([before, informers.has(resources.pods)]).toEqual([false, true])
    expect(collectionOf(definition).requests).toHaveLength(requests)
  })

  test('is looked for with growing pauses while the definition has other versions only', async () => {
    const { clock, collectionOf, start, state } = optionalScene()
    collectionOf(definition).put('pods')
    await start()
    await clock.advance(3_600_000)

    expect(state.asked).toBeGreaterThan(12)
    expect(state.asked).toBeLessThan(30)
  })

  test.each([
    ['where definitions may not be watched', { type: 'all' }],
    ['in a scope without a cluster role', { type: 'own', namespace: 'notes' }],
  ] as const)('is looked for every five minutes %s', async (_, scope) => {
    const { clock, collectionOf, informers, start, state } = optionalScene({ scope })
    for (let count = 0; count < 100; count++) collectionOf(definition).faults.push({ type: 'Refused', error: refused })
    await start()
    await clock.advance(1000)
    const { asked } = state
    await clock.advance(3_600_000)
    const hourly = state.asked - asked
    const requests = collectionOf(definition).requests.length
    state.served = true
    await clock.advance(301_000)

    expect([hourly, requests, informers.has(resources.pods)]).toEqual([12, scope.type === 'all' ? 1 : 0, true])
  })

  test('is asked for again half a minute after asking has failed', async () => {
    let failures = 2
    const isServed = () => (failures-- > 0 ? Promise.reject(new Error('no connection')) : Promise.resolve(true))
    const { clock, informers, start } = optionalScene({ isServed })
    await start()
    await clock.advance(31_000)

    expect(informers.has(resources.pods)).toBe(true)
  })
})

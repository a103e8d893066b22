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

test('an optional resource that is not served keeps nobody waiting, and is watched within five minutes of being installed', async () => {
  let served = false
  const { clock, informers, made, start, stop } = scene({ isServed: () => Promise.resolve(served) })
  informers.declare({ resource: resources.pods, optional: true })
  await start()
  await informers.whenSynced(1, stop.signal)
  const before = [...made]
  served = true
  await clock.advance(301_000)

  expect([before, made, informers.has(resources.pods)]).toEqual([[], ['pods'], true])
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { silentLogger } from './logger.ts'
import { MemoryStore, namespaceIndex } from './memory-store.ts'
import { keyOf, keyToString, type KubeObject } from './object.ts'
import type { StoreEvent } from './store.ts'

interface Thing extends KubeObject {
  readonly colours: readonly string[]
}

interface ThingOptions {
  readonly uid?: string
  readonly version?: string
  readonly colours?: readonly string[]
}

function thing(name: string, { uid = 'one', version = '1', colours = [] }: ThingOptions = {}): Thing {
  const namespace = name.startsWith('a') ? 'first' : 'second'
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace, uid, resourceVersion: version }, colours }
}

function newStore(): MemoryStore<Thing> {
  return new MemoryStore<Thing>({ logger: silentLogger, indexes: { colour: ({ colours }) => colours } })
}

function record(store: MemoryStore<Thing>): readonly string[] {
  const told: string[] = []
  store.subscribe((event) => {
    const flags = `${event.initial ? ' initial' : ''}${event.type === 'deleted' && event.synthesized ? ' synthesized' : ''}`
    told.push(`${event.type} ${event.object.metadata.name}@${event.object.metadata.resourceVersion}${flags}`)
  })
  return told
}

/** Who knows the events alone: throws when one does not fit what it was told before. */
function follow(store: MemoryStore<Thing>): ReadonlyMap<string, Thing> {
  const known = new Map<string, Thing>()
  store.subscribe((event: StoreEvent<Thing>) => {
    const key = keyToString(keyOf(event.object))
    if ((event.type === 'added') === known.has(key)) throw new Error(`${event.type} does not fit: ${key}`)
    if (event.type === 'updated' && event.old !== known.get(key)) throw new Error(`old is another one: ${key}`)
    if (event.type === 'deleted') known.delete(key)
    else known.set(key, event.object)
  })
  return known
}

const arbitraryThing = fc
  .record({
    name: fc.constantFrom('a1', 'a2', 'a3', 'b1', 'b2'),
    uid: fc.constantFrom('one', 'two'),
    version: fc.nat(20).map(String),
    colours: fc.subarray(['red', 'green', 'blue']),
  })
  .map(({ name, ...options }) => thing(name, options))

const arbitraryStep = fc.oneof(
  fc.record({ type: fc.constant('put' as const), object: arbitraryThing }),
  fc.record({ type: fc.constant('remove' as const), object: arbitraryThing }),
  fc.record({ type: fc.constant('replace' as const), objects: fc.array(arbitraryThing, { maxLength: 8 }) }),
  fc.record({ type: fc.constant('resync' as const) }),
  fc.record({ type: fc.constant('subscribe' as const) }),
)

test(
  'after any sequence of events and lists it equals a plain map, its indexes agree, and so do those who follow its events',
  { timeout: 30_000 },
  async () => {
    const wrong: unknown[] = []
    const logger = { ...silentLogger, error: (fields: object) => void wrong.push(fields) }

    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryStep, { maxLength: 30 }), async (steps) => {
        const store = new MemoryStore<Thing>({ logger, indexes: { colour: ({ colours }) => colours } })
        const model = new Map<string, Thing>()
        const followers = [follow(store)]
        for (const step of steps) {
          switch (step.type) {
            case 'put':
              store.put(step.object)
              model.set(keyToString(keyOf(step.object)), step.object)
              break
            case 'remove':
              store.remove(step.object)
              model.delete(keyToString(keyOf(step.object)))
              break
            case 'replace': {
              await store.replace(step.objects, '7')
              const before = new Map(model)
              model.clear()
              for (const object of step.objects) model.set(keyToString(keyOf(object)), object)
              // What has the same uid and version is the same: the store may keep the object that it has.
              for (const [key, object] of model) {
                const old = before.get(key)
                const { uid, resourceVersion } = object.metadata
                if (old !== undefined && old.metadata.uid === uid && old.metadata.resourceVersion === resourceVersion) model.set(key, old)
              }
              break
            }
            case 'resync':
              await store.resync()
              break
            case 'subscribe':
              followers.push(follow(store))
          }
        }

        const sorted = (objects: Iterable<Thing>) =>
          [...objects].toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
        expect(sorted(store.list())).toEqual(sorted(model.values()))
        expect(store.size).toBe(model.size)
        for (const object of model.values()) expect(store.get(keyOf(object))).toBe(object)
        for (const colour of ['red', 'green', 'blue'])
          expect(sorted(store.byIndex('colour', colour))).toEqual(sorted(model.values()).filter(({ colours }) => colours.includes(colour)))
        for (const namespace of ['first', 'second'])
          expect(sorted(store.byIndex(namespaceIndex, namespace))).toEqual(
            sorted(model.values()).filter(({ metadata }) => metadata.namespace === namespace),
          )
        for (const known of followers) expect(sorted(known.values())).toEqual(sorted(model.values()))
      }),
      { numRuns: 500 },
    )
    expect(wrong).toEqual([])
  },
)

describe('a new list', () => {
  test('tells what it changed, once the content is the new one', async () => {
    const store = newStore()
    for (const object of [thing('a1'), thing('a2'), thing('a3')]) store.put(object)
    const told: string[] = []
    store.subscribe(({ type, object, initial }) => {
      if (!initial) told.push(`${type} ${object.metadata.name}, of ${store.size}`)
    })

    await store.replace([thing('a2', { version: '2' }), thing('a3'), thing('b1')], '9')

    expect(told).toEqual(['deleted a1, of 3', 'updated a2, of 3', 'added b1, of 3'])
    expect(store.resourceVersion).toBe('9')
  })

  test('tells deletions that nobody saw, with the last known state', async () => {
    const store = newStore()
    store.put(thing('a1', { version: '5' }))
    const told = record(store)

    await store.replace([], '9')

    expect(told).toEqual(['added a1@5 initial', 'deleted a1@5 synthesized'])
  })

  test('tells a recreated object as a deletion and an addition, not as a change', async () => {
    const store = newStore()
    store.put(thing('a1', { uid: 'old', version: '5' }))
    const told = record(store)

    await store.replace([thing('a1', { uid: 'new', version: '8' })], '9')

    expect(told.slice(1)).toEqual(['deleted a1@5 synthesized', 'added a1@8'])
  })

  test('marks what it brings as initial when it is the first', async () => {
    const store = newStore()
    const told = record(store)

    await store.replace([thing('a1')], '9', { initial: true })

    expect(told).toEqual(['added a1@1 initial'])
  })

  test('lets others have their turn while thousands are told, and tells nothing twice to who subscribes meanwhile', async () => {
    const store = newStore()
    let turns = 0
    let late: readonly string[] = []
    let heard = 0
    store.subscribe(() => {
      heard += 1
      const until = performance.now() + 0.02
      while (performance.now() < until);
    })
    const ticker = setInterval(() => {
      turns += 1
      if (turns === 1) late = record(store)
    }, 1)

    await store.replace(
      Array.from({ length: 3000 }, (_, index) => thing(`a${index}`)),
      '9',
    )
    clearInterval(ticker)

    expect(turns).toBeGreaterThan(1)
    expect(heard).toBe(3000)
    expect(late.length).toBe(3000)
  })
})

describe('handlers', () => {
  test('one that throws is logged and keeps no other from hearing', () => {
    const errors: object[] = []
    const store = new MemoryStore<Thing>({ logger: { ...silentLogger, error: (fields: object) => void errors.push(fields) } })
    store.subscribe(() => {
      throw new Error('broken')
    })
    const told = record(store)

    store.put(thing('a1'))

    expect(told).toEqual(['added a1@1'])
    expect(errors).toMatchObject([{ key: 'first/a1', event: 'added' }])
  })

  test('one that ended its subscription hears no more, however often it subscribed', () => {
    const store = newStore()
    let heard = 0
    const handler = () => void (heard += 1)
    const end = store.subscribe(handler)
    store.subscribe(handler)

    end()
    store.put(thing('a1'))

    expect(heard).toBe(1)
  })
})

test('a resync tells every object again, with old and new the same', async () => {
  const store = newStore()
  store.put(thing('a1'))
  store.put(thing('b1'))
  const same: boolean[] = []
  store.subscribe((event) => void (event.type === 'updated' && same.push(event.old === event.object)))

  await store.resync()

  expect(same).toEqual([true, true])
})

test('an index that was not declared is named with those that were', () => {
  expect(() => newStore().byIndex('size', 'big')).toThrow('The store has no index "size"; it has namespace, colour.')
})

test('the removal of what is not there is not told', () => {
  const store = newStore()
  const told = record(store)

  store.remove(thing('a1'))

  expect(told).toEqual([])
})

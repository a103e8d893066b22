import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import { OwnWrites } from './own-writes.ts'
import { VirtualClock } from './virtual-clock.ts'

const key = 'ns/a'
const place = { namespace: 'ns', name: 'child' }
const child = (resourceVersion: string, change: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...place, uid: 'u1', resourceVersion, ...change },
})

/** A barrier over a cache that shows what the test says. */
function build() {
  const clock = new VirtualClock()
  const cache: { version: string | undefined; object: KubeObject | undefined } = { version: '10', object: undefined }
  const ownWrites = new OwnWrites({ clock, observed: { versionOf: () => cache.version, find: () => cache.object } })
  return { clock, cache, ownWrites }
}

describe('writes', () => {
  it('holds a pass back until the cache has come as far as the write', () => {
    const { cache, ownWrites } = build()
    ownWrites.wrote(key, resources.configMaps, child('12'))

    const verdicts = ['10', '11', '12'].map((version) => {
      cache.version = version
      return ownWrites.ask(key).type
    })

    expect(verdicts).toEqual(['wait', 'wait', 'pass'])
    expect(ownWrites.size).toBe(0)
  })

  it('waits for the newest of several, and compares as numbers', () => {
    const { cache, ownWrites } = build()
    for (const version of ['99', '100', '98']) ownWrites.wrote(key, resources.configMaps, child(version))

    cache.version = '99'

    expect(ownWrites.ask(key).type).toBe('wait')
  })

  it('looks again after 10 ms, doubled to 100 ms', () => {
    const { ownWrites } = build()
    ownWrites.wrote(key, resources.configMaps, child('12'))

    const pauses = Array.from({ length: 6 }, () => ownWrites.ask(key))

    expect(pauses).toEqual([10, 20, 40, 80, 100, 100].map((afterMs) => ({ type: 'wait', afterMs })))
  })

  it('gives up after ten seconds, once', () => {
    const { clock, ownWrites } = build()
    ownWrites.wrote(key, resources.configMaps, child('12'))
    ownWrites.ask(key)
    clock.advanceSync(9_999)
    const before = ownWrites.ask(key).type
    clock.advanceSync(1)

    expect([before, ownWrites.ask(key).type, ownWrites.ask(key).type]).toEqual(['wait', 'givenUp', 'pass'])
  })

  it.each([
    { name: 'the cache has it already', version: '12', cached: '12' },
    { name: 'the resource is not watched', version: '12', cached: undefined },
    { name: 'the version is no number', version: 'abc', cached: '10' },
  ])('does not wait when $name', ({ version, cached }) => {
    const { cache, ownWrites } = build()
    cache.version = cached

    ownWrites.wrote(key, resources.configMaps, child(version))

    expect(ownWrites.ask(key).type).toBe('pass')
  })

  it('keeps keys apart, and forgets', () => {
    const { ownWrites } = build()
    ownWrites.wrote(key, resources.configMaps, child('12'))

    expect(ownWrites.ask('ns/b').type).toBe('pass')
    ownWrites.forget(key)
    expect(ownWrites.ask(key).type).toBe('pass')
  })
})

describe('deletions', () => {
  it.each([
    { name: 'is still there', object: child('9'), verdict: 'wait' },
    { name: 'is gone', object: undefined, verdict: 'pass' },
    { name: 'is another one of that name', object: child('9', { uid: 'u2' }), verdict: 'pass' },
    { name: 'is on its way out', object: child('9', { deletionTimestamp: '2026-01-01T00:00:00Z' }), verdict: 'pass' },
  ])('when the cache shows that the object $name: $verdict', ({ object, verdict }) => {
    const { cache, ownWrites } = build()
    cache.object = object
    ownWrites.deleted(key, resources.configMaps, place, 'u1')

    expect(ownWrites.ask(key).type).toBe(verdict)
  })

  it('asks for a look at the server after 30 s, and is then settled', () => {
    const { cache, clock, ownWrites } = build()
    cache.object = child('9')
    ownWrites.deleted(key, resources.configMaps, place, 'u1')
    clock.advanceSync(29_999)
    const early = ownWrites.overdue(key)
    clock.advanceSync(1)
    const due = ownWrites.overdue(key)
    ownWrites.settle(key, 'u1')

    expect([early.length, due.map(({ uid }) => uid), ownWrites.ask(key).type]).toEqual([0, ['u1'], 'pass'])
  })
})

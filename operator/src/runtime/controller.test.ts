import { describe, expect, onTestFinished, test } from 'vitest'
import type { Client } from '../kube/client.ts'
import { CollectionReflector } from '../kube/collection-reflector.ts'
import { ApiError } from '../kube/errors.ts'
import { silentLogger as kubeLogger } from '../kube/logger.ts'
import { resourceName, resources } from '../kube/resource.ts'
import { VirtualCollection } from '../kube/virtual-collection.ts'
import { AppliedMemory } from './applier.ts'
import { Controller, priorities } from './controller.ts'
import { openFence } from './election.ts'
import { Informers } from './informers.ts'
import { silentLogger } from './log.ts'
import { noMetrics, type RuntimeMetrics } from './metrics.ts'
import type { ControllerOptions, Reconcile } from './reconciler.ts'
import { silentRecorder } from './recorder.ts'
import { after, done, failed, terminal } from './result.ts'
import { source } from './source.ts'
import { VirtualClock } from './virtual-clock.ts'

const second = 1000
const hour = 3600 * second
/** What a test that reaches for the API would have to answer; none of these does. */
const client = {} as Client

interface SceneOptions extends Partial<ControllerOptions> {
  /** Whether this process leads from the start. */
  readonly run?: boolean
  /** Objects that are there before the start. */
  readonly listed?: readonly string[]
}

/** A controller of virtual ConfigMaps with children among virtual Pods, and what it did and counted. */
async function scene(reconcile: Reconcile, { run = true, listed = [], ...options }: SceneOptions = {}) {
  const clock = new VirtualClock()
  const primary = new VirtualCollection(clock)
  const children = new VirtualCollection(clock)
  for (const name of listed) primary.put(name)
  const informers = new Informers({
    clock,
    scope: { type: 'all' },
    log: silentLogger,
    metrics: noMetrics,
    isServed: () => Promise.resolve(true),
    reflect: (request) =>
      new CollectionReflector({
        ...request,
        client: (resourceName(request.resource) === 'pods' ? children : primary).client,
        clock,
        random: () => 0,
        logger: kubeLogger,
      }),
  })
  const passes: string[] = []
  const counted: string[] = []
  const metrics: RuntimeMetrics = {
    ...noMetrics,
    controller: (name) => ({
      ...noMetrics.controller(name),
      reconciled: (outcome) => void counted.push(outcome),
      errored: (kind) => void counted.push(`! ${kind}`),
    }),
  }
  const controller = new Controller(
    {
      name: 'test',
      primary: { resource: resources.configMaps },
      sources: [source({ resource: resources.pods })],
      reconcile: (key, context) => {
        passes.push(`${key.name} ${Math.round(clock.monotonic() / 100) / 10}`)
        return reconcile(key, context)
      },
      ...options,
    },
    {
      client,
      informers,
      fence: openFence,
      recorder: silentRecorder,
      memory: new AppliedMemory(),
      clock,
      // Between the full delay of a backoff and none.
      random: () => 0.999_999,
      log: silentLogger,
      metrics,
      breather: { breathe: () => Promise.resolve() },
      fieldManager: 'test',
      annotations: { hash: 'test/hash', owner: 'test/owner', adopt: 'test/adopt' },
      resyncSeconds: 36_000,
    },
  )
  const stop = new AbortController()
  const running = [informers.start(stop.signal)]
  await clock.advance(100)
  const lead = () => void running.push(controller.run(stop.signal))
  if (run) lead()
  await clock.advance(0)
  onTestFinished(async () => {
    controller.stop()
    stop.abort(new Error('The test is over.'))
    await clock.advance(2 * hour)
    await Promise.all(running)
  })
  const ownedBy = (name: string) => ({ ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: 'any', controller: true }] })
  return { clock, primary, children, controller, passes, counted, lead, ownedBy, names: () => passes.map((pass) => pass.split(' ')[0]) }
}

describe('the order', () => {
  test('is what a person edited, what is deleted, what a child asks for, what was there at the start', async () => {
    const release = Promise.withResolvers<void>()
    const { clock, primary, children, controller, ownedBy, names } = await scene(
      async ({ name }) => {
        if (name === 'first') await release.promise
        return done
      },
      { maxConcurrent: 1 },
    )
    primary.put('leaving')
    await clock.advance(second)
    primary.put('first')
    await clock.advance(second)
    controller.enqueue({ namespace: 'notes', name: 'listed' }, priorities.initial)
    children.put('child', ownedBy('parent'))
    primary.put('leaving', { deletionTimestamp: '2026-01-01T00:00:00Z' })
    primary.put('edited')
    await clock.advance(second)
    release.resolve()
    await clock.advance(second)

    expect(names()).toEqual(['leaving', 'first', 'edited', 'leaving', 'parent', 'listed'])
  })

  test('puts what the first list brings behind everything else', async () => {
    const { clock, primary, children, lead, ownedBy, names } = await scene(() => Promise.resolve(done), {
      run: false,
      maxConcurrent: 1,
      listed: ['listed'],
    })
    children.put('child', ownedBy('parent'))
    primary.put('edited')
    await clock.advance(second)

    lead()
    await clock.advance(second)

    expect(names()).toEqual(['edited', 'parent', 'listed'])
  })
})

describe('a pass', () => {
  test('that is done comes again after the resync period, and not before', async () => {
    const { clock, primary, passes } = await scene(() => Promise.resolve(done))
    primary.put('a')

    await clock.advance(12 * hour)

    expect(passes).toEqual(['a 0.1', 'a 39600.1'])
  })

  test('that asks for a look after 5 s gets it, without being counted as failed', async () => {
    let looks = 0
    const { clock, primary, passes, counted } = await scene(() => Promise.resolve(++looks === 1 ? after(5) : done))
    primary.put('a')

    await clock.advance(hour)

    expect(passes).toEqual(['a 0.1', 'a 5.1'])
    expect(counted).toEqual(['requeue_after', 'success'])
  })

  test.each<readonly [string, Reconcile, readonly string[]]>([
    ['that fails', () => Promise.resolve(failed(new Error('no'))), ['error', '! error']],
    ['that throws', () => Promise.reject(new TypeError('no')), ['error', '! error', '! panic']],
  ])('%s comes again with a growing pause, to five minutes', async (_, reconcile, each) => {
    const { clock, primary, passes, counted } = await scene(reconcile)
    primary.put('a')

    await clock.advance(2 * hour)

    const times = passes.map((pass) => Number(pass.split(' ')[1]))
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] ?? 0), `pause ${index}`).toBeCloseTo(Math.min(300, 0.005 * 2 ** index), 0)
    expect(times.length).toBeGreaterThan(25)
    expect(counted.slice(0, each.length)).toEqual(each)
  })

  test('that fails in a way that repeating cannot mend waits for a change', async () => {
    const { clock, primary, passes, counted } = await scene(() => Promise.resolve(terminal(new Error('no such key'))))
    primary.put('a')
    await clock.advance(hour)
    const before = passes.length

    primary.put('a', { generation: 2 })
    await clock.advance(hour)

    expect([before, passes.length]).toEqual([1, 2])
    expect(counted.slice(0, 3)).toEqual(['error', '! error', '! terminal'])
  })

  test('that met a conflict looks again at once, five times; then it failed like any other', async () => {
    const conflict = new ApiError({ call: 'patch', status: 409, reason: 'Conflict', message: 'modified' })
    const { clock, primary, counted } = await scene(() => Promise.reject(conflict))
    primary.put('a')

    await clock.advance(second)

    expect(counted.slice(0, 6)).toEqual(['requeue_after', 'requeue_after', 'requeue_after', 'requeue_after', 'requeue_after', 'error'])
  })

  test('that takes longer than its deadline is aborted and counted; one that ignores that loses its worker, and keeps its key', async () => {
    const deaf = Promise.withResolvers<typeof done>()
    const { clock, primary, passes, counted } = await scene(
      async ({ name }, { signal }) => {
        if (name === 'deaf') return deaf.promise
        if (name === 'slow') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
        return done
      },
      { maxConcurrent: 1, deadlineSeconds: 10 },
    )
    primary.put('deaf')
    await clock.advance(second)
    primary.put('deaf', { generation: 2 })
    primary.put('slow')
    await clock.advance(20 * second)
    const meanwhile = [...passes]
    await clock.advance(30 * second)

    expect(meanwhile).toEqual(['deaf 0.1', 'slow 15.1'])
    expect(counted.filter((what) => what.includes('timeout')).length).toBeGreaterThan(0)
    deaf.resolve(done)
    await clock.advance(30 * second)
    expect(passes.filter((pass) => pass.startsWith('deaf')).length).toBe(2)
  })
})

describe('what starts a pass', () => {
  test('is a change of the spec, not of the status', async () => {
    const { clock, primary, names } = await scene(() => Promise.resolve(done))
    primary.put('a', { generation: 1 })
    await clock.advance(second)

    primary.put('a', { generation: 1 })
    await clock.advance(second)
    primary.put('a', { generation: 2 })
    await clock.advance(second)

    expect(names()).toEqual(['a', 'a'])
  })

  test('is a child that changes its owner, for both of them', async () => {
    const { clock, children, names, ownedBy } = await scene(() => Promise.resolve(done))
    children.put('child', ownedBy('one'))
    await clock.advance(second)
    children.put('child', ownedBy('two'))
    await clock.advance(second)

    expect(names().toSorted()).toEqual(['one', 'one', 'two'])
  })

  test('is nothing that was deleted while somebody else led', async () => {
    const { clock, primary, lead, names } = await scene(() => Promise.resolve(done), { run: false })
    primary.put('stays')
    primary.put('goes')
    await clock.advance(second)
    primary.delete('goes')
    await clock.advance(second)

    lead()
    await clock.advance(second)

    expect(names()).toEqual(['stays'])
  })

  test('is an event each 30 s at most when the key keeps failing, and an edit at once', async () => {
    const { clock, primary, children, passes, ownedBy } = await scene(() => Promise.resolve(failed(new Error('for ever'))))
    primary.put('a', { generation: 1 })
    await clock.advance(hour)
    const before = passes.length
    for (let event = 0; event < 600; event++) {
      children.put('child', { ...ownedBy('a'), labels: { event: String(event) } })
      await clock.advance(100)
    }
    const byEvents = passes.length - before
    const at = clock.monotonic()
    primary.put('a', { generation: 2 })
    await clock.advance(100)

    expect(byEvents).toBeLessThanOrEqual(3)
    expect(Number(passes.at(-1)?.split(' ')[1])).toBeCloseTo(at / second, 0)
  })
})

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../cluster/wait-for.ts'
import { medianOf, percentileOf } from '../statistics.ts'
import { childCollections, collections } from './collections.ts'
import { buildBaseline, startBaseline, startFloor, startOperator, type Contender } from './contenders.ts'
import { untilTold } from './events.ts'
import type { Figure, FigureGroup, Scale } from './figure.ts'
import { untilQuiet } from './memory.ts'
import { forEachInFlight, instanceObject, markOf, markPatch, namesOf, startWorld, untilServed, type World } from './world.ts'

/** Milliseconds between two edits. */
const editEveryMs = 100
/** Bars (issue "The reconcile engine"). */
const bars = { creationSeconds: 40, creationToFloor: 1.5, p50ToFloor: 1.3, p99ToFloor: 2, p99WithFailingToFloor: 3 }
/** Word in the name of an instance whose Service is refused for ever. */
const failingWord = 'broken'

interface Entrant {
  readonly contender: Contender
  readonly namespace: string
  sequence: number
}

interface Round {
  readonly p50: number
  readonly p99: number
}

/** Creation, and edits of idle instances, side by side: each contender has a namespace of its own, and all live through the whole run. */
export const edits: FigureGroup = {
  name: 'edits',
  async measure(scale, report) {
    const baseline = await buildBaseline()
    await using world = await startWorld({ name: 'bench-edits' })
    for (const collection of childCollections) await world.observer.watch(collection.path, collection)
    const template = await world.template()
    const childrenEach = countLines(template)
    const { kubeconfig, folder, bundle } = world
    const figures: Figure[] = []
    const namespaces = {
      floor: await world.namespace('bench-floor'),
      operator: await world.namespace('bench-operator'),
      go: await world.namespace('bench-go'),
    }

    await using floorProcess = await startFloor({ kubeconfig, namespace: namespaces.floor, template, logFolder: folder })
    const floor: Entrant = { contender: floorProcess, namespace: namespaces.floor, sequence: 0 }
    const floorSeconds = await create(world, floor, scale, childrenEach)
    await using operatorProcess = await startOperator({ kubeconfig, namespace: namespaces.operator, bundle, logFolder: folder })
    const operator: Entrant = { contender: operatorProcess, namespace: namespaces.operator, sequence: 0 }
    const operatorSeconds = await create(world, operator, scale, childrenEach)
    await untilTold(operatorProcess)
    await using goProcess = await startBaseline(baseline, { kubeconfig, namespace: namespaces.go, template, logFolder: folder })
    const go: Entrant = { contender: goProcess, namespace: namespaces.go, sequence: 0 }
    const goSeconds = await create(world, go, scale, childrenEach)
    figures.push(
      { what: `creation of ${scale.instances} instances`, value: operatorSeconds, unit: 's', atMost: bars.creationSeconds },
      { what: 'creation ÷ floor', value: operatorSeconds / floorSeconds, unit: '', atMost: bars.creationToFloor },
      { what: 'creation, floor', value: floorSeconds, unit: 's' },
      { what: 'creation, Go controller', value: goSeconds, unit: 's' },
    )
    report(`creation: floor ${floorSeconds.toFixed(1)} s, operator ${operatorSeconds.toFixed(1)} s, Go ${goSeconds.toFixed(1)} s`)
    await untilServed(world.observer, namespaces.operator, scale.instances, 120_000)
    await sleep(3000)

    const idle = await interleave(world, [floor, operator, go], scale, report)
    figures.push(...latencies('edit', idle, [floor, operator, go], { p50: bars.p50ToFloor, p99: bars.p99ToFloor }))

    return figures
  },
}

/** Edits of idle instances beside others that fail for ever. */
export const failing: FigureGroup = {
  name: 'failing',
  async measure(scale, report) {
    await using world = await startWorld({ name: 'bench-failing' })
    const template = await world.template()
    const childrenEach = countLines(template)
    const { kubeconfig, folder, bundle } = world
    await refuseBroken(world)
    const namespaces = { floor: await world.namespace('bench-floor'), operator: await world.namespace('bench-operator') }
    await using floorProcess = await startFloor({ kubeconfig, namespace: namespaces.floor, template, logFolder: folder })
    const floor: Entrant = { contender: floorProcess, namespace: namespaces.floor, sequence: 0 }
    await create(world, floor, scale, childrenEach)
    await using operatorProcess = await startOperator({ kubeconfig, namespace: namespaces.operator, bundle, logFolder: folder })
    const operator: Entrant = { contender: operatorProcess, namespace: namespaces.operator, sequence: 0 }
    await create(world, operator, scale, childrenEach)
    await untilServed(world.observer, namespaces.operator, scale.instances, 120_000)
    await untilTold(operatorProcess)
    const names = Array.from({ length: scale.failing }, (_, index) => `${failingWord}-${index}`)
    await forEachInFlight(names, async (name) => void (await world.api.create(instanceObject(operator.namespace, name))))
    await waitFor(async () => (await operator.contender.metric('controller_runtime_reconcile_errors_total')) >= scale.failing, {
      what: `${scale.failing} instances failing`,
      timeoutMs: 60_000,
    })
    const rounds = await interleave(world, [floor, operator], scale, report)
    return latencies(`edit beside ${scale.failing} failing`, rounds, [floor, operator], { p99: bars.p99WithFailingToFloor })
  },
}

function countLines(path: string): number {
  return readFileSync(path, 'utf8').trim().split('\n').length
}

/** Seconds from the first call until the watch has shown every child of all instances: as many as the template has lines. */
async function create(
  { api, observer }: World,
  { namespace, contender }: Entrant,
  { instances }: Scale,
  childrenEach: number,
): Promise<number> {
  let seen = 0
  let last = 0
  const stops = childCollections.map(({ path }) =>
    observer.on(path, ({ type, object, at }) => {
      if (type !== 'ADDED' || object.metadata.namespace !== namespace) return
      seen += 1
      last = at
    }),
  )
  const started = performance.now()
  await forEachInFlight(namesOf(0, instances), async (name) => void (await api.create(instanceObject(namespace, name))))
  await waitFor(() => seen >= instances * childrenEach || !contender.alive(), {
    what: `${instances * childrenEach} children in ${namespace}`,
    timeoutMs: 200_000,
    intervalMs: 50,
  })
  for (const stop of stops) stop()
  if (!contender.alive()) throw new Error(`${contender.name} has ended: ${readFileSync(contender.log, 'utf8').slice(-1000)}`)
  return (last - started) / 1000
}

async function interleave(
  world: World,
  entrants: readonly Entrant[],
  scale: Scale,
  report: (line: string) => void,
): Promise<ReadonlyMap<Entrant, readonly Round[]>> {
  const rounds = new Map<Entrant, Round[]>(entrants.map((entrant) => [entrant, []]))
  for (let pair = 0; pair < scale.pairs; pair++) {
    // Nobody is always the first.
    const order = pair % 2 === 0 ? entrants : entrants.toReversed()
    for (const entrant of order) {
      const values = await measureEdits(world, entrant, scale)
      // What one has not done yet would be done in the next one's time.
      await untilQuiet(entrant.contender, 0)
      const round = { p50: percentileOf(values, 0.5), p99: percentileOf(values, 0.99) }
      rounds.get(entrant)?.push(round)
      report(`${entrant.contender.name}: p50 ${round.p50.toFixed(1)} ms, p99 ${round.p99.toFixed(1)} ms`)
    }
  }
  return rounds
}

/** Edits one instance after the other at a fixed rate; gives milliseconds from the call to the event of the changed Deployment. */
async function measureEdits({ api, observer }: World, entrant: Entrant, { instances, editsPerRound }: Scale): Promise<readonly number[]> {
  const { namespace } = entrant
  const names = namesOf(0, instances)
  const sent = new Map<string, number>()
  const values: number[] = []
  const stop = observer.on(collections.deployments.path, ({ object, at }) => {
    if (object.metadata.namespace !== namespace) return
    const mark = markOf(object) ?? ''
    const from = sent.get(mark)
    if (from === undefined) return
    sent.delete(mark)
    values.push(at - from)
  })
  const started = performance.now()
  const calls: Promise<unknown>[] = []
  for (let index = 0; index < editsPerRound; index++) {
    await sleep(Math.max(0, started + index * editEveryMs - performance.now()))
    entrant.sequence += 1
    const mark = `mark-${entrant.sequence}`
    // A stride that meets every instance before it meets one again.
    const name = names[(entrant.sequence * 7) % names.length] ?? ''
    sent.set(mark, performance.now())
    calls.push(api.patch(collections.instances, name, namespace, markPatch(mark)))
  }
  await Promise.all(calls)
  await waitFor(() => sent.size === 0, { what: `an answer to every edit in ${namespace}`, timeoutMs: 60_000, intervalMs: 20 })
  stop()
  return values
}

function latencies(
  what: string,
  rounds: ReadonlyMap<Entrant, readonly Round[]>,
  [floor, operator, go]: readonly Entrant[],
  limits: { readonly p50?: number; readonly p99?: number },
): readonly Figure[] {
  const ofFloor = (floor === undefined ? undefined : rounds.get(floor)) ?? []
  const ofOperator = (operator === undefined ? undefined : rounds.get(operator)) ?? []
  const ofGo = (go === undefined ? undefined : rounds.get(go)) ?? []
  return (['p50', 'p99'] as const).flatMap((share): readonly Figure[] => {
    const ratios = ofOperator.map((round, index) => round[share] / (ofFloor[index]?.[share] ?? Number.NaN))
    const limit = limits[share]
    const middle = (values: readonly Round[]): number => medianOf(values.map((round) => round[share]))
    return [
      {
        what: `${what}, ${share} ÷ floor, median of ${ratios.length} pairs`,
        value: medianOf(ratios),
        unit: '',
        ...(limit === undefined ? {} : { atMost: limit }),
      },
      { what: `${what}, ${share}`, value: middle(ofOperator), unit: 'ms' },
      { what: `${what}, ${share}, floor`, value: middle(ofFloor), unit: 'ms' },
      ...(ofGo.length === 0 ? [] : [{ what: `${what}, ${share}, Go controller`, value: middle(ofGo), unit: 'ms' }]),
    ]
  })
}

/** Makes the API server refuse the Services of instances with {@link failingWord} in their name: such an instance fails for ever. */
async function refuseBroken({ api }: World): Promise<void> {
  const name = 'bench-broken'
  await api.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['services'] }],
      },
      validations: [{ expression: `!object.metadata.name.startsWith("${failingWord}")`, message: 'no broken ones here' }],
    },
  })
  await api.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  })
}

import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../cluster/wait-for.ts'
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts'
import { buildBaseline, startBaseline, startOperator, type Contender } from './contenders.ts'
import type { Figure, FigureGroup } from './figure.ts'
import { forEachInFlight, instanceObject, namesOf, startWorld, untilServed, type World } from './world.ts'

/** Bars in MiB by the number of instances (issue "The reconcile engine"). */
const bars: Readonly<Record<number, number>> = { 0: 95, 1000: 160, 5000: 420 }
/** Above so many instances the limit of the chart has to be raised, to so many MiB. */
const largeFrom = 2000
const largeLimitMiB = 512
/** Seconds to synced and all observed, with 1,000 instances. */
const startBarSeconds = 10
/** Milliseconds for the memory to settle after the last pass. */
const settleMs = 5000

/** Memory by the number of instances, and the start with nothing to do. */
export const memory: FigureGroup = {
  name: 'memory',
  async measure(scale, report) {
    const baseline = await buildBaseline()
    await using world = await startWorld({ name: 'bench-memory', pods: true })
    const template = await world.template()
    // The session key of each instance is its own and cannot be changed.
    const lines = readFileSync(template, 'utf8').split('\n')
    writeFileSync(template, lines.filter((line) => !line.includes('"kind":"Secret"')).join('\n'))
    const namespace = await world.namespace('bench')
    const figures: Figure[] = []
    const goOptions = { kubeconfig: world.kubeconfig, namespace, template, logFolder: world.folder }
    let created = 0
    for (const size of [0, ...scale.sizes]) {
      const afterCreation = await populate(world, namespace, created, size)
      created = size
      if (size > 0) figures.push({ what: `memory of the operator that created ${size} instances`, value: afterCreation, unit: 'MiB' })
      figures.push(...(await measureStart(world, size, size === scale.instances)))
      for (const { what, value, unit } of figures.slice(-3)) report(`${what}: ${value.toFixed(1)} ${unit}`)
      await using go = await startBaseline(baseline, goOptions)
      await untilQuiet(go, size)
      await sleep(settleMs)
      figures.push({ what: `memory of the Go controller, ${size} instances`, value: go.rssMiB(), unit: 'MiB' })
    }
    return figures
  },
}

/** Lets the operator create instances up to a number; gives its memory at the end. */
async function populate(world: World, namespace: string, from: number, to: number): Promise<number> {
  if (to === from) return 0
  const { api, bundle, kubeconfig, folder } = world
  await using operator = await startOperator({ bundle, kubeconfig, logFolder: folder, ...limitFor(to) })
  await forEachInFlight(namesOf(from, to), async (name) => void (await api.create(instanceObject(namespace, name))))
  await untilServed(world.observer, namespace, to, 900_000)
  await sleep(settleMs)
  return operator.rssMiB()
}

async function measureStart(world: World, size: number, isTimed: boolean): Promise<readonly Figure[]> {
  const { bundle, kubeconfig, folder } = world
  const figures: Figure[] = []
  {
    await using operator = await startOperator({ bundle, kubeconfig, logFolder: folder, ...limitFor(size) })
    await untilQuiet(operator, size)
    const seconds = (performance.now() - operator.startedAt) / 1000 - quietSeconds
    if (isTimed)
      figures.push({ what: `start with ${size} instances until all were looked at`, value: seconds, unit: 's', atMost: startBarSeconds })
    await sleep(settleMs)
    const bar = bars[size]
    figures.push({
      what: `memory, ${size} instances`,
      value: operator.rssMiB(),
      unit: 'MiB',
      ...(bar === undefined ? {} : { atMost: bar }),
    })
  }
  if (!isTimed) return figures
  await using proxy = await FaultProxy.start(kubeconfig)
  await using operator = await startOperator({ bundle, kubeconfig: proxy.kubeconfig, logFolder: folder })
  await untilQuiet(operator, size)
  const writes = proxy.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'))
  return [{ what: `writes at a start with ${size} instances`, value: writes.length, unit: '', atMost: 0 }, ...figures]
}

function limitFor(instances: number): { readonly memoryLimitMiB?: number } {
  return instances >= largeFrom ? { memoryLimitMiB: largeLimitMiB } : {}
}

const quietSeconds = 0.5

/** Waits until every instance had a pass and nothing is queued or worked on. */
export async function untilQuiet(contender: Contender, instances: number): Promise<void> {
  let since = performance.now()
  await waitFor(
    async () => {
      const passes = await contender.metric('controller_runtime_reconcile_total')
      const queued = await contender.metric('workqueue_depth')
      const active = await contender.metric('controller_runtime_active_workers')
      if (passes < instances || queued > 0 || active > 0) since = performance.now()
      return performance.now() - since >= quietSeconds * 1000
    },
    { what: `${contender.name} having looked at ${instances} instances (log: ${contender.log})`, timeoutMs: 300_000, intervalMs: 100 },
  )
}

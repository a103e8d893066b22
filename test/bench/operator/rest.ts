import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts'
import { startOperator } from './contenders.ts'
import { untilTold } from './events.ts'
import type { FigureGroup } from './figure.ts'
import { untilQuiet } from './memory.ts'
import { forEachInFlight, instanceObject, namesOf, startWorld, untilServed } from './world.ts'

/** What the operator asks of the API server when nothing happens: counted by a proxy between the two. */
export const rest: FigureGroup = {
  name: 'rest',
  async measure({ restInstances, restSeconds }, report) {
    await using world = await startWorld({ name: 'bench-rest' })
    await using proxy = await FaultProxy.start(world.kubeconfig)
    const namespace = await world.namespace('bench')
    await using operator = await startOperator({ bundle: world.bundle, kubeconfig: proxy.kubeconfig, logFolder: world.folder })
    await forEachInFlight(namesOf(0, restInstances), async (name) => void (await world.api.create(instanceObject(namespace, name))))
    await untilServed(world.observer, namespace, restInstances, 300_000)
    await untilQuiet(operator, restInstances)
    await untilTold(operator)
    const from = proxy.requests.length
    report(`${restInstances} instances at rest for ${restSeconds} s`)
    await sleep(restSeconds * 1000)
    const seen = proxy.requests.slice(from).filter(({ path, isWatch }) => !isWatch && !path.includes('/leases'))
    const writes = seen.filter(({ method }) => method !== 'GET')
    const reads = seen.filter(({ method }) => method === 'GET')
    for (const { method, path } of [...writes, ...reads].slice(0, 5)) report(`${method} ${path}`)
    const what = `${restInstances} instances, ${restSeconds} s`
    return [
      { what: `writes at rest, ${what}`, value: writes.length, unit: '', atMost: 0 },
      { what: `reads at rest, ${what}`, value: reads.length, unit: '', atMost: 0 },
    ]
  },
}

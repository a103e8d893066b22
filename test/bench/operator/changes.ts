import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../cluster/wait-for.ts'
import { percentileOf } from '../statistics.ts'
import { collections } from './collections.ts'
import { startOperator } from './contenders.ts'
import type { FigureGroup } from './figure.ts'
import { deployedImage, forEachInFlight, imageOf, instanceObject, namesOf, startWorld, untilServed } from './world.ts'

const barSeconds = 5
/** First image of the changes: none that an instance begins with. */
const firstImage = 1000

/** Image changes of many instances: from the call to the Deployment that runs the image, with a migration Job in between. */
export const changes: FigureGroup = {
  name: 'changes',
  async measure({ changingInstances, changesEach, changesPerSecond }, report) {
    await using world = await startWorld({ name: 'bench-changes' })
    const namespace = await world.namespace('bench')
    await using _operator = await startOperator({ bundle: world.bundle, kubeconfig: world.kubeconfig, logFolder: world.folder })
    const names = namesOf(0, changingInstances)
    await forEachInFlight(names, async (name) => void (await world.api.create(instanceObject(namespace, name))))
    await untilServed(world.observer, namespace, changingInstances, 300_000)
    const sent = new Map<string, number>()
    const last = new Map<string, string>()
    const seconds: number[] = []
    const stop = world.observer.on(collections.deployments.path, ({ object, at }) => {
      const image = deployedImage(object) ?? ''
      const from = sent.get(image)
      if (from === undefined) return
      sent.delete(image)
      seconds.push((at - from) / 1000)
    })
    const total = changingInstances * changesEach
    report(`${total} changes at ${changesPerSecond} a second`)
    const started = performance.now()
    const calls: Promise<unknown>[] = []
    for (let index = 0; index < total; index++) {
      await sleep(Math.max(0, started + (index / changesPerSecond) * 1000 - performance.now()))
      const name = names[index % names.length] ?? ''
      const image = imageOf(firstImage + index)
      sent.set(image, performance.now())
      last.set(name, image)
      calls.push(world.api.patch(collections.instances, name, namespace, { spec: { image } }))
    }
    await Promise.all(calls)
    await untilServed(world.observer, namespace, changingInstances, 60_000)
    await waitFor(() => sent.size === 0, { what: 'every image being deployed', timeoutMs: 5000 }).catch(() => undefined)
    stop()
    const elsewhere = names.filter((name) => {
      const deployment = world.observer.find(collections.deployments.path, namespace, name)
      return deployment === undefined || deployedImage(deployment) !== last.get(name)
    })
    const what = `${changingInstances} × ${changesEach} image changes`
    return [
      { what: `${what}, p99 from change to applied`, value: percentileOf(seconds, 0.99), unit: 's', atMost: barSeconds },
      { what: `${what}, p50`, value: percentileOf(seconds, 0.5), unit: 's' },
      { what: `${what}: not applied`, value: sent.size, unit: '', atMost: 0 },
      { what: `${what}: not on their last image`, value: elsewhere.length, unit: '', atMost: 0 },
    ]
  },
}

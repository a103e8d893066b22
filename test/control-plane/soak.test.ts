import { afterAll, beforeAll, expect, it } from 'vitest'
import { collections } from '../bench/operator/collections.ts'
import { Churn } from '../bench/operator/churn.ts'
import { startOperator } from '../bench/operator/contenders.ts'
import { runSoak } from '../bench/operator/soak.ts'
import { startWorld, type World } from '../bench/operator/world.ts'
import { seededRandom } from '../fault-proxy/seeded-random.ts'

let world: World

beforeAll(async () => {
  world = await startWorld({ name: 'soak-short' })
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

it('answers every operation on instances and children, with few sockets and a heap that stays small', async () => {
  const found = await runSoak({
    world,
    namespace: await world.namespace('soak'),
    instances: 20,
    operationsPerSecond: 25,
    seconds: 20,
    warmUpSeconds: 2,
    sampleSeconds: 3,
    seed: 3,
    report: () => undefined,
  })

  expect(found.missed).toEqual([])
  expect(found.total).toBeGreaterThan(400)
  expect(found.passes).toBeGreaterThan(100)
  expect(found.socketsMax).toBeLessThanOrEqual(40)
  expect(found.heapLastMiB).toBeLessThan(64)
}, 240_000)

it('the auditor notices what an operator that is frozen does not do', async () => {
  const namespace = await world.namespace('frozen')
  const operator = await startOperator({ bundle: world.bundle, kubeconfig: world.kubeconfig, namespace, logFolder: world.folder })
  const churn = new Churn({
    world,
    namespace,
    instances: 3,
    operationsPerSecond: 10,
    seconds: 2,
    random: seededRandom(4),
    missedAfterSeconds: 10,
  })
  try {
    await churn.prepare()
    process.kill(operator.pid, 'SIGSTOP')

    const { missed } = await churn.run()

    expect(missed.length).toBeGreaterThan(0)
    expect(missed.join('\n')).toMatch(/Deployment carrying mark|being repaired|a new/)
    expect(world.observer.objects(collections.instances.path, namespace)).toHaveLength(3)
  } finally {
    process.kill(operator.pid, 'SIGCONT')
    process.kill(operator.pid, 'SIGKILL')
  }
}, 240_000)

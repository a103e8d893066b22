import { engines, type Engine } from '../../app/src/db/engine.ts'
import { startServers, type ProvidedServers } from '../app/global-setup.ts'
import { fuzz } from '../app-fuzz/fuzz.ts'
import type { Proof } from './proof.ts'

/** Random requests to each of some 55 targets: seeds that differ find what one alone does not. */
const plans: Readonly<Record<Engine, { readonly perTarget: number; readonly hostileStride: number; readonly seeds: readonly number[] }>> = {
  sqlite: { perTarget: 90, hostileStride: 1, seeds: [1, 2] },
  postgres: { perTarget: 60, hostileStride: 8, seeds: [3] },
  mysql: { perTarget: 60, hostileStride: 8, seeds: [4] },
}
const wanted = 20_000

/** Every route, field and class of bad input, on each engine. The suite of the app holds a short form (test/app/fuzz.test.ts). */
export const proof: Proof = {
  title: 'No input to any route makes an error of ours, leaves the layout, shows what is inside or changes what is somebody else’s',
  async run(report) {
    const { servers, stop } = await startServers()
    const faults: string[] = []
    const figures: Record<string, number> = {}
    const statuses: Record<string, number> = {}
    let requests = 0
    try {
      for (const engine of engines) {
        const { seeds, ...plan } = plans[engine]
        for (const seed of seeds) {
          const result = await withDatabase(engine, servers, () => fuzz({ ...plan, seed }))
          report(`${engine}, seed ${seed}: ${result.requests} requests to ${result.targets} targets, ${result.faults.length} faults`)
          for (const fault of result.faults) report(fault)
          faults.push(...result.faults)
          requests += result.requests
          figures[`${engine}Requests`] = (figures[`${engine}Requests`] ?? 0) + result.requests
          figures['targets'] = result.targets
          figures['namesOfFields'] = result.fields
          for (const [status, count] of Object.entries(result.statuses)) statuses[status] = (statuses[status] ?? 0) + count
        }
      }
    } finally {
      await stop()
    }
    const byStatus = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`)
    return {
      passed: faults.length === 0 && requests >= wanted,
      figures: { requests, ...figures, answers: byStatus.join(', '), faults: faults.length },
      counterTest:
        'before its repair the access log asked for the address of a socket that was gone: a JSON body without end ended the process at the first such request',
    }
  },
}

async function withDatabase<T>(engine: Engine, servers: ProvidedServers, work: () => Promise<T>): Promise<T> {
  if (engine !== 'sqlite') process.env['TEST_DATABASE_URL'] = `${servers[engine]}/${engine}`
  try {
    return await work()
  } finally {
    delete process.env['TEST_DATABASE_URL']
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { publishImage } from '../cluster/images.ts'
import { createProgress } from '../cluster/progress.ts'
import { type FaultEngine, FaultedInstance, type FaultResult } from '../e2e/data-faults.ts'
import { type FaultKind, faultKinds } from '../e2e/data-faults-kinds.ts'
import { dropPods, killBackups, killRestores, type Kills } from '../e2e/data-faults-kills.ts'
import { fillDisk } from '../e2e/data-faults-volume.ts'
import type { LossSite } from '../e2e/losses-engines.ts'
import { startTestCluster } from '../e2e/test-cluster.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { kubectlFor } from '../support/kubectl.ts'
import type { Proof, ProofResult } from './proof.ts'

/** `DATA_FAULTS_ENGINES=sqlite` for some of the engines. */
const engines = listed('DATA_FAULTS_ENGINES', ['postgresql', 'mariadb', 'sqlite']) as readonly FaultEngine[]
/** `DATA_FAULTS=kills,drops,restores,answers500` for some of the faults. */
const wanted = process.env['DATA_FAULTS']?.split(',')

/** Each kind on one engine at least; those that have to do with the database on each that has a server. */
const kindsOf: Readonly<Record<FaultEngine, readonly (FaultKind | 'diskFull')[]>> = {
  postgresql: ['answers500', 'full', 'withdrawn', 'databaseRestarted', 'scheduledKilled'],
  mariadb: ['answers503', 'cut', 'databaseRestarted', 'twoRuns', 'operatorKilled'],
  sqlite: ['denied', 'slow', 'clockForth', 'clockBack', 'diskFull'],
}
const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

function listed(variable: string, all: readonly string[]): readonly string[] {
  return process.env[variable]?.split(',') ?? all
}

function isWanted(what: string): boolean {
  return wanted?.includes(what) ?? true
}

interface Lane {
  readonly engine: FaultEngine
  readonly results: readonly FaultResult[]
  readonly kills: Kills
  readonly restores: readonly string[]
  readonly archives: number
  readonly planted: readonly string[]
  readonly wholeSeconds: number
}

async function runLane(
  faulted: FaultedInstance,
  report: (line: string) => void,
  failed: (what: string, error: unknown) => void,
): Promise<Lane> {
  const { engine } = faulted
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    if (!isWanted(what)) return
    const before = faulted.results.length
    try {
      await work()
      for (const { fault, told, toldSeconds } of faulted.results.slice(before))
        report(`${engine}, ${fault}: told after ${toldSeconds} s: ${told.slice(0, 220)}`)
    } catch (error) {
      failed(`${engine}, ${what}`, error)
      faulted.slow()
    }
  }
  const wholeMs = await faulted.measure()
  await faulted.look('a backup with nothing in its way')
  report(`${engine}: a whole run takes ${(wholeMs / 1000).toFixed(1)} s`)
  let kills: Kills = { landed: 0, tried: 0 }
  const restores: string[] = []
  await attempt('kills', async () => {
    kills = await killBackups(faulted, wholeMs, tenths)
  })
  if (engine === 'postgresql') await attempt('drops', async () => await dropPods(faulted, wholeMs, [3, 8]))
  for (const kind of kindsOf[engine]) {
    await attempt(kind, async () => await (kind === 'diskFull' ? fillDisk(faulted) : faultKinds[kind](faulted)))
  }
  await attempt('restores', async () => {
    restores.push(...(await killRestores(faulted, engine === 'mariadb' ? [2] : [1, 2, 3])))
    for (const line of restores) report(`${engine}, restore ${line}`)
  })
  // Last, for it needs so much data.
  if (engine === 'sqlite') await attempt('scratchFull', async () => await faultKinds.scratchFull(faulted))
  const planted = [await faulted.archives.plant('half'), await faulted.archives.plant('overwritten')].flatMap(([first]) => first ?? [])
  await faulted.look('the counter-test')
  const { results, archives } = faulted
  return { engine, results, kills, restores, archives: archives.good, planted, wholeSeconds: Math.round(wholeMs / 100) / 10 }
}

async function withSite(store: ObjectStore, work: (site: LossSite, host: string) => Promise<void>): Promise<void> {
  const progress = createProgress()
  const { cluster, images } = await startTestCluster('data-faults', progress)
  try {
    const { api, ingressUrl, kubeconfig, hostAddress } = cluster
    const mariadb = (await publishImage('mariadb', cluster.registry, { progress })).reference
    const kubectl = await kubectlFor(kubeconfig)
    await work({ api, kubectl, kubeconfig, ingressUrl, images: { ...images, mariadb }, endpoint: store.endpoint }, hostAddress)
  } finally {
    await cluster.stop()
  }
}

async function run(report: (line: string) => void): Promise<ProofResult> {
  const failures: string[] = []
  const lanes: Lane[] = []
  await using store = await startObjectStore()
  await withSite(store, async (site, host) => {
    await Promise.all(
      engines.map(async (engine, at) => {
        // Not all pods at once on a small machine.
        await sleep(at * 2000)
        let faulted: FaultedInstance | undefined
        const failed = (what: string, error: unknown): void => {
          failures.push(`${what}: ${reasons(error)}`)
          report(`FAILED ${failures.at(-1)}`)
        }
        try {
          faulted = await FaultedInstance.begin(engine, site, store, host)
          lanes.push(await runLane(faulted, report, failed))
        } catch (error) {
          failed(engine, error)
        } finally {
          if (faulted !== undefined && failures.some((failure) => failure.startsWith(engine)))
            await keepDiagnostics(site.api, faulted.place.namespace, 'proof-data-faults')
          await faulted?.[Symbol.asyncDispose]()
        }
      }),
    )
  })
  const results = lanes.flatMap((lane) => lane.results)
  const plants = lanes.flatMap((lane) => lane.planted)
  const slowest = results.toSorted((a, b) => b.toldSeconds - a.toldSeconds)[0]
  const sum = (of: (lane: Lane) => number): number => lanes.reduce((total, lane) => total + of(lane), 0)
  const restores = lanes.flatMap(({ engine, restores: ends }) => ends.map((end) => `${engine} ${end}`))
  return {
    // Each engine: the half archive and the overwritten one are found, and at most two kills in ten came too late.
    passed:
      failures.length === 0 &&
      lanes.length === engines.length &&
      plants.length === 2 * lanes.length &&
      sum(({ kills }) => kills.landed) >= 0.8 * sum(({ kills }) => kills.tried),
    figures: {
      engines: engines.join(', '),
      faults: [...new Set(results.map(({ fault }) => fault.replace(/ at \d+\/11 .*/, '')))].join('; '),
      faultsMade: results.length,
      wholeRunSeconds: lanes.map(({ engine, wholeSeconds }) => `${engine} ${wholeSeconds}`).join(', '),
      killsThatFoundTheRunAlive: `${sum(({ kills }) => kills.landed)} of ${sum(({ kills }) => kills.tried)}`,
      archivesWholeAndUnchanged: sum(({ archives }) => archives),
      slowestTruthSeconds: slowest?.toldSeconds ?? 0,
      slowestTruth: slowest === undefined ? 'none' : `${slowest.fault}: ${slowest.told.slice(0, 120)}`,
      restores: restores.join('; ') || 'none',
      failures: failures.join('; ').slice(0, 2000) || 'none',
    },
    counterTest: `the same look found a planted half archive and a planted overwritten one on each engine (${plants.length} of ${2 * lanes.length}), such as: ${plants[0]?.slice(0, 200) ?? 'nothing'}`,
  }
}

function reasons(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? `${error.message} (${reasons(error.cause)})` : String(error)
}

/** What goes wrong while a backup or a restore runs, on a real cluster. */
export const proof: Proof = {
  title:
    'Faults while backups and restores run (killed at every tenth, store 500, 503, slow, cut, full, credentials withdrawn, disk full, clock jump, two runs, database restarted, operator killed): no half archive, none overwritten or pruned, the truth within a minute',
  run,
}

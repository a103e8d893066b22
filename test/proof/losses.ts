import { type ObjectStore, startObjectStore } from '../app/object-store.ts'
import { publishImage } from '../cluster/images.ts'
import { createProgress, type Progress } from '../cluster/progress.ts'
import { openStoreDoor, type StoreDoor } from '../e2e/losses-bucket.ts'
import { lossEngines, type LossSite } from '../e2e/losses-engines.ts'
import { LostInstance, type Recovery } from '../e2e/losses.ts'
import { startTestCluster, type TestCluster } from '../e2e/test-cluster.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { kubectlFor } from '../support/kubectl.ts'
import type { Proof, ProofResult } from './proof.ts'

type EngineKey = keyof typeof lossEngines

/** `LOSSES=mariadb,sqlite` for some of the engines. */
const engines = (process.env['LOSSES'] ?? Object.keys(lossEngines).join(',')).split(',') as readonly EngineKey[]
const lossesEach = 7

/** A cluster, the way from it to the store, and where instances run in it. */
interface Ground extends AsyncDisposable {
  readonly site: LossSite
}

async function ground(store: ObjectStore, progress: Progress): Promise<Ground> {
  const started: TestCluster = await startTestCluster('losses', progress)
  const { cluster } = started
  let door: StoreDoor | undefined
  const end = async (): Promise<void> => {
    await door?.[Symbol.asyncDispose]()
    await cluster.stop()
  }
  try {
    door = await openStoreDoor(cluster.hostAddress, store)
    const mariadb = (await publishImage('mariadb', cluster.registry, { progress })).reference
    const { api, ingressUrl, kubeconfig } = cluster
    const images = { ...started.images, mariadb }
    return {
      site: { api, kubectl: await kubectlFor(kubeconfig), kubeconfig, ingressUrl, images, endpoint: door.endpoint },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

/** Six losses of one instance, one after the other. */
async function loseAndRecover(lost: LostInstance, told: (recovery: Recovery) => void): Promise<void> {
  const flipped = await lost.flipByte()
  told(flipped)
  await lost.letGo(flipped.archive)
  await lost.loseKey()
  told(await lost.loseNotes())
  told(await lost.loseDatabase())
  told(await lost.loseVolume())
  told(await lost.loseInstance())
  told(await lost.loseNamespace())
}

async function run(report: (line: string) => void): Promise<ProofResult> {
  const progress = createProgress()
  const recoveries: (Recovery & { readonly engine: string })[] = []
  const failures: string[] = []
  const lost: LostInstance[] = []
  await using store = await startObjectStore()
  const told = (engine: string) => (recovery: Recovery) => {
    recoveries.push({ ...recovery, engine })
    report(`${engine}, ${recovery.loss}: all there after ${recovery.seconds} s; before: ${recovery.missing.slice(0, 200)}`)
  }
  /** Runs beside the others: what one engine fails in hides nothing of another. */
  const attempt = async (
    engine: string,
    { site }: Ground,
    what: () => Promise<void>,
    of?: () => LostInstance | undefined,
  ): Promise<void> => {
    try {
      await what()
    } catch (error) {
      failures.push(`${engine}: ${String(error)}`)
      report(failures.at(-1) ?? '')
      const namespace = of?.()?.namespace
      if (namespace !== undefined) await keepDiagnostics(site.api, namespace, 'proof-losses')
    }
  }
  {
    await using first = await ground(store, progress)
    await Promise.all(
      engines.map(async (key) => {
        const engine = lossEngines[key]
        let own: LostInstance | undefined
        const story = async (): Promise<void> => {
          own = await LostInstance.begin(engine, first.site, store)
          await loseAndRecover(own, told(engine.name))
          lost.push(own)
        }
        await attempt(engine.name, first, story, () => own)
      }),
    )
  }
  const destroyed = performance.now()
  {
    await using second = await ground(store, progress)
    report(`the cluster was destroyed, and another one is there after ${Math.round((performance.now() - destroyed) / 1000)} s`)
    const move = async (one: LostInstance): Promise<void> => told(one.engine.name)(await one.moveTo(second.site))
    await Promise.all(
      lost.map(async (one) => {
        await attempt(
          one.engine.name,
          second,
          async () => await move(one),
          () => one,
        )
        await one.close()
      }),
    )
  }
  const slowest = recoveries.toSorted((a, b) => b.seconds - a.seconds)[0]
  const [example] = recoveries
  return {
    passed: failures.length === 0 && recoveries.length === engines.length * lossesEach,
    figures: {
      engines: engines.map((key) => lossEngines[key].name).join(', '),
      losses: engines.length * lossesEach,
      madeGood: recoveries.length,
      rowsComparedByHash: recoveries.reduce((sum, { rows }) => sum + rows, 0),
      slowestRecoverySeconds: slowest?.seconds ?? 0,
      slowestRecovery: slowest === undefined ? 'none' : `${slowest.engine}, ${slowest.loss}`,
      failures: failures.join('; ').slice(0, 1_000) || 'none',
    },
    counterTest: `between each loss and its recovery the same look at pages, times and passwords found what was missing (${recoveries.length} of ${recoveries.length}), such as: ${example?.missing.slice(0, 200) ?? 'nothing'}; the archive that pruning kept for being the only good one went as soon as there was a younger good one`,
  }
}

/** Everything that a person can lose, on each engine, and how it comes back from the bucket. */
export const proof: Proof = {
  title:
    'Seven losses on each engine (notes, database, volume, instance, namespace, cluster, a byte of the newest archive): rows, hashes, times, passwords and sessions as before',
  run,
}

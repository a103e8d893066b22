import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import type { Behaviour } from './image-variants.ts'
import { type Condition, conditionOf, getInstance, hostOf, type Instance, setImage } from './instance.ts'
import { type LoadResult, loadFromHere, loadFromPod, type SteadyLoad } from './load/steady-load.ts'
import { startPostgres } from './database-servers.ts'
import { createCertificate, productionInstance } from './production.ts'

/** What an image does, or `missing`: no registry has it. */
export type ReleaseKind = Behaviour | 'missing'

/** One image to be taken in. */
export interface PlannedRelease {
  readonly kind: ReleaseKind
  readonly image: string
}

/** How a release ended. */
export interface ReleaseOutcome {
  readonly kind: ReleaseKind
  readonly seconds: number
  /** Reason of the condition Stalled; None when the image came in. */
  readonly reason: string
  readonly message: string
}

/** What {@link releaseUnderLoad} needs. */
export interface ReleasesUnderLoad {
  readonly api: ApiClient
  readonly ingressUrl: string
  readonly namespace: string
  /** The first image, which is also that of the pod with the load. */
  readonly image: string
  readonly postgres: string
  readonly replicas: number
  /** Requests a second, half through the Ingress, half through the Service. */
  readonly rate: number
  readonly releases: readonly PlannedRelease[]
  /** Fields of the instance's spec beside those of {@link productionInstance}. */
  readonly spec?: Readonly<Record<string, unknown>>
  readonly report?: (line: string) => void
}

/** What came of it. */
export interface ReleasesResult {
  readonly outcomes: readonly ReleaseOutcome[]
  readonly throughIngress: LoadResult
  readonly throughService: LoadResult
}

const name = 'notes'
const minReadySeconds = 2
/** Longer than the slowest good release of a busy machine of two cores. */
const releaseTimeoutMs = 300_000

/** Reasons by which a release of a bad image may end; several where it depends on what is seen first. */
export const badReasons: Readonly<Partial<Record<ReleaseKind, readonly string[]>>> = {
  crashes: ['RolloutCrashed'],
  'never-ready': ['RolloutDeadlineExceeded', 'VerificationFailed'],
  'answers-500': ['VerificationFailed'],
  'fails-migration': ['MigrationFailed'],
  'hangs-migration': ['MigrationTimedOut'],
  missing: ['ImagePullFailed'],
}

/** Takes one image after the other into a Production instance that people write to all the time, by both ways that lead to it. */
export async function releaseUnderLoad(options: ReleasesUnderLoad): Promise<ReleasesResult> {
  const { api, namespace, ingressUrl, rate, report = () => undefined } = options
  const { secret } = await startPostgres(api, namespace, options.postgres)
  await createCertificate(api, namespace, name)
  const release = {
    missingBackup: 'Accept',
    rollout: { minReadySeconds, progressDeadlineSeconds: 60 },
    migration: { deadlineSeconds: 45 },
  }
  const { image, replicas } = options
  const spec = { release, ...options.spec }
  await api.create(productionInstance({ namespace, name, image, secret, replicas, spec }))
  await settled(api, namespace, image)
  report('the instance is ready')
  const host = hostOf(namespace, name)
  const origin = `https://${host}`
  const half = { host, origin, rate: rate / 2 }
  const loads: SteadyLoad[] = []
  const stopAll = async (): Promise<readonly LoadResult[]> => await Promise.all(loads.splice(0).map(async (load) => await load.stop()))
  try {
    loads.push(await loadFromHere({ ...half, base: ingressUrl, email: 'ingress@example.org' }))
    const pod = { namespace, name: 'load', image }
    loads.push(await loadFromPod(api, pod, { ...half, base: `http://${name}.${namespace}.svc`, email: 'service@example.org' }))
    report('both loads run')
    const outcomes: ReleaseOutcome[] = []
    for (const planned of options.releases) {
      const outcome = await take(api, namespace, planned)
      outcomes.push(outcome)
      const states = await Promise.all(loads.map(async (load) => await load.state()))
      const failed = states.reduce((sum, state) => sum + state.failed, 0)
      report(`${outcomes.length} ${outcome.kind}: ${outcome.reason} after ${outcome.seconds} s; failed requests so far: ${failed}`)
    }
    // What the last roll-out stopped is still draining.
    await sleep(15_000)
    const [throughIngress, throughService] = await stopAll()
    if (throughIngress === undefined || throughService === undefined) throw new Error('a load has no result')
    return { outcomes, throughIngress, throughService }
  } finally {
    await Promise.allSettled(loads.splice(0).map(async (load) => await load.stop()))
  }
}

async function take(api: ApiClient, namespace: string, { kind, image }: PlannedRelease): Promise<ReleaseOutcome> {
  const started = performance.now()
  await setImage(api, namespace, name, image)
  const stalled = await settled(api, namespace, image)
  const seconds = Math.round((performance.now() - started) / 100) / 10
  return { kind, seconds, reason: stalled?.reason ?? 'None', message: stalled?.message ?? '' }
}

/** Waits until the image is served by all pods, or given up; returns the condition Stalled if it is. */
async function settled(api: ApiClient, namespace: string, image: string): Promise<Condition | undefined> {
  let last: Instance | undefined
  try {
    const end = await waitFor(
      async () => {
        last = await getInstance(api, namespace, name)
        const { status, metadata } = last ?? {}
        if (status === undefined || status.observedGeneration !== metadata?.generation) return undefined
        const stalled = conditionOf(last, 'Stalled')
        // The journal is cleared when what went wrong is undone.
        if (status.operation !== undefined) return undefined
        if (stalled?.status === 'True') return { stalled }
        const served = conditionOf(last, 'Ready')?.status === 'True' && status.release?.current?.image === image
        return served ? { stalled: undefined } : undefined
      },
      { what: `${image} being served or given up`, timeoutMs: releaseTimeoutMs, intervalMs: 250 },
    )
    return end.stalled
  } catch (error) {
    throw new Error(`${String(error)}; conditions: ${JSON.stringify(last?.status?.conditions ?? [])}`, { cause: error })
  }
}

/** What was not as promised; empty when all was. */
export function shortcomings({ outcomes, throughIngress, throughService }: ReleasesResult): readonly string[] {
  const releases = outcomes.flatMap(({ kind, reason, message }, index) => {
    const wanted = badReasons[kind] ?? ['None']
    return wanted.includes(reason) ? [] : [`release ${index + 1} (${kind}) ended with ${reason}, not ${wanted.join(' or ')}: ${message}`]
  })
  const loads = [
    ['Ingress', throughIngress],
    ['Service', throughService],
  ] as const
  const requests = loads.flatMap(([way, { failed, failures, missing, acknowledged, sent }]) => [
    ...(failed === 0 ? [] : [`${failed} of ${sent} requests through the ${way} failed: ${JSON.stringify(failures.slice(0, 5))}`]),
    ...(missing.length === 0 ? [] : [`${missing.length} of ${acknowledged} notes written through the ${way} are not there`]),
  ])
  return [...releases, ...requests]
}

import { setTimeout as sleep } from 'node:timers/promises'
import { CollectionReflector, type CollectionReflectorOptions } from '../../operator/src/kube/collection-reflector.ts'
import { silentLogger } from '../../operator/src/kube/logger.ts'
import type { DynamicObject } from '../../operator/src/kube/object.ts'
import { churn, churnedResources } from './churn.ts'
import { collectedHeap } from './collected-heap.ts'
import { untilEqual } from './compare.ts'
import { connect } from './connect.ts'
import { FaultProxy } from './fault-proxy.ts'
import type { Fault, Strike } from './faults.ts'
import { JumpingClock } from './jumping-clock.ts'
import { Replay } from './replay.ts'
import { seededRandom } from './seeded-random.ts'

/** Options of {@link runFaultSequences}. */
export interface FaultSequencesOptions {
  readonly kubeconfig: string
  /** Namespace to write in; it must be there and is left behind full. */
  readonly namespace: string
  readonly sequences: number
  /** The same seed gives the same faults and writes. */
  readonly seed: number
  readonly report?: (line: string) => void
  /** Called while the sequence with this number runs, for faults of the server itself. */
  readonly meanwhile?: (sequence: number) => Promise<void>
  readonly without?: CollectionReflectorOptions<DynamicObject>['without']
  /** Milliseconds that a cache may take to be right again once the faults are over. */
  readonly settleMs?: number
}

/** What {@link runFaultSequences} measured. */
export interface FaultFigures {
  readonly sequences: number
  readonly faults: number
  readonly events: number
  /** From the end of the faults to caches that equal the server. */
  readonly settleP50Ms: number
  readonly settleMaxMs: number
  /** Collected heap after the last sequence minus that after the first ten, in MiB. */
  readonly heapGrowthMiB: number
  readonly requests: number
}

/** A short backoff and silence limit: the numbers of production are proven in virtual time, here are many rounds wanted. */
const quickMs = 700
const quick = { backoff: { initialMs: 10, maxMs: 200, factor: 2, jitter: 1, resetAfterMs: 2000 }, silenceMs: quickMs }

/** A wall clock is set by a year at most: by a person, by NTP after a boot, by a virtual machine that slept. */
const longestJumpMs = 365 * 24 * 3600 * 1000

type Action = { readonly name: string; readonly do: (proxy: FaultProxy, random: () => number, clock: JumpingClock) => Promise<void> | void }

const isWatch = ({ isWatch: watch }: { readonly isWatch: boolean }) => watch

function inject(fault: Fault, when?: typeof isWatch): Action {
  return {
    name: JSON.stringify(fault),
    do: async (proxy, random) => {
      proxy.inject({ fault, times: 1 + Math.floor(random() * 6), ...(when && { when }) })
      // A rule meets new requests only, and a watch that is well makes none.
      if (random() < 0.8) await proxy.strike(random() < 0.5 ? 'cut' : 'expired')
    },
  }
}

function strike(what: Strike): Action {
  return { name: `strike ${what}`, do: async (proxy) => await proxy.strike(what) }
}

/** Everything that is done to a connection between an operator and its API server. */
const actions: readonly Action[] = [
  strike('cut'),
  strike('halfLine'),
  strike('end'),
  strike('expired'),
  strike('serverError'),
  strike('mute'),
  { name: 'cut all', do: (proxy) => proxy.cutAll() },
  { name: 'new certificate', do: (proxy) => proxy.newCertificate() },
  {
    name: 'freeze',
    do: async (proxy, random) => {
      proxy.freeze()
      await sleep(random() * 1200)
      proxy.thaw()
    },
  },
  { name: 'clock jumps', do: (_, random, clock) => clock.jump((random() - 0.5) * 2 * longestJumpMs) },
  inject({ type: 'CutBefore' }),
  inject({ type: 'CutInside' }),
  inject({ type: 'Hang' }),
  inject({ type: 'Refuse', status: 410, reason: 'Expired' }, isWatch),
  inject({ type: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 0 }),
  inject({ type: 'Refuse', status: 500, reason: 'InternalError' }),
  inject({ type: 'Refuse', status: 503, reason: 'ServiceUnavailable' }),
  inject({ type: 'Refuse', status: 403, reason: 'Forbidden' }),
  inject({ type: 'Refuse', status: 400, reason: 'BadRequest' }, isWatch),
  inject({ type: 'WatchError', status: 410, reason: 'Expired' }, isWatch),
  inject({ type: 'WatchError', status: 429, reason: 'TooManyRequests' }, isWatch),
  inject({ type: 'WatchError', status: 500, reason: 'InternalError' }, isWatch),
  inject({ type: 'Html', status: 200 }),
  inject({ type: 'Html', status: 502 }),
  inject({ type: 'EmptyWatch' }, isWatch),
  inject({ type: 'Delay', milliseconds: 150 }),
  inject({ type: 'Trickle', bytes: 300, everyMs: 1 }),
  inject({ type: 'Duplicate' }, isWatch),
  inject({ type: 'Lag', milliseconds: 10 }, isWatch),
]

/**
 * Breaks the connection between reflectors and a real API server in random ways while objects change, and checks after each round that the caches
 * equal the server, and that who followed the events alone knows the same.
 *
 * @throws Error that names the round, its faults and the differences
 */
export async function runFaultSequences(options: FaultSequencesOptions): Promise<FaultFigures> {
  const { namespace, sequences, seed, report = () => {}, without = [], settleMs = 20_000 } = options
  const random = seededRandom(seed)
  const stop = new AbortController()
  const clock = new JumpingClock()
  await using proxy = await FaultProxy.start(options.kubeconfig)
  await using direct = await connect(options.kubeconfig)
  await using watched = await connect(proxy.kubeconfig, { clock })
  const reflectors = churnedResources.map(
    (resource) =>
      new CollectionReflector<DynamicObject>({
        client: {
          pages: (what, how) => watched.client.pages(what, { ...how, deadlineMs: quickMs }),
          watch: (what, how) => watched.client.watch(what, { ...how, headersTimeoutMs: quickMs }),
        },
        resource,
        namespace,
        clock,
        random: Math.random,
        logger: silentLogger,
        without,
        ...quick,
      }),
  )
  const replays = reflectors.map((reflector) => new Replay(reflector))
  const running = reflectors.map((reflector) => reflector.start(stop.signal))
  try {
    const settled: number[] = []
    let faults = 0
    let heapAtFirst = 0
    for (let sequence = 0; sequence < sequences; sequence += 1) {
      const chosen = Array.from({ length: 1 + Math.floor(random() * 5) }, () => actions[Math.floor(random() * actions.length)]).filter(
        (action) => action !== undefined,
      )
      const writing = churn({ client: direct.client, namespace, random, writes: 15 + Math.floor(random() * 25) })
      for (const action of chosen) {
        await action.do(proxy, random, clock)
        await sleep(random() * 120)
      }
      await writing
      await options.meanwhile?.(sequence)
      proxy.heal()
      const names = chosen.map(({ name }) => name).join(', ')
      faults += chosen.length
      const started = performance.now()
      for (const [index, reflector] of reflectors.entries()) {
        await untilEqual(direct.client, reflector, namespace, settleMs).catch((error: unknown) => {
          throw new Error(
            `round ${sequence} (seed ${seed}; ${names}): ${messageOf(error)}; the reflector is ${JSON.stringify(reflector.status)}`,
            { cause: error },
          )
        })
        const problems = replays[index]?.check(reflector) ?? []
        if (problems.length > 0) throw new Error(`round ${sequence} (seed ${seed}; ${names}): ${problems.slice(0, 5).join('; ')}`)
      }
      settled.push(performance.now() - started)
      if (sequence === Math.min(9, sequences - 1)) heapAtFirst = collectedHeap()
      if (sequence % 20 === 19)
        report(`${sequence + 1} of ${sequences} sequences; the last took ${Math.round(settled.at(-1) ?? 0)} ms to settle`)
    }
    const ordered = settled.toSorted((left, right) => left - right)
    return {
      sequences,
      faults,
      events: replays.reduce((sum, replay) => sum + replay.events, 0),
      settleP50Ms: Math.round(ordered[Math.floor(ordered.length / 2)] ?? 0),
      settleMaxMs: Math.round(ordered.at(-1) ?? 0),
      heapGrowthMiB: Math.round((collectedHeap() - heapAtFirst) * 10) / 10,
      requests: proxy.requests.length,
    }
  } finally {
    stop.abort(new Error('The run is over.'))
    await Promise.all(running)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

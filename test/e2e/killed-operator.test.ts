import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { OPERATOR_NAMESPACE, OPERATOR_RELEASE } from '../cluster/operator-install.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import {
  childrenOf,
  conditionOf,
  deleteInstance,
  instanceHas,
  instanceObject,
  instanceReady,
  migrationJobs,
  setImage,
  urlOf,
} from './instance.ts'
import { MortalOperator } from './mortal-operator.ts'

const name = 'notes'
const wantedKills = 20

/** Repeats itself from a seed, so that a failure can be run again (mulberry32, public domain). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Job extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } } }
}

/** Every migration Job that ever was, with the release that it was made for. */
class JobLedger {
  readonly #jobs = new Map<string, { readonly name: string; readonly release: string }>()
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(api: ApiClient, namespace: string) {
    this.#done = this.#follow(api, namespace)
  }

  async end(): Promise<readonly { readonly name: string; readonly release: string }[]> {
    this.#stop.abort()
    await this.#done
    return [...this.#jobs.values()]
  }

  async #follow(api: ApiClient, namespace: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const jobs = await migrationJobs(api, namespace).catch(() => [])
      for (const job of jobs as readonly Job[]) {
        this.#jobs.set(job.metadata.uid ?? '', {
          name: job.metadata.name,
          release: job.metadata.annotations?.['notejam.io/release'] ?? 'none',
        })
      }
      await sleep(100)
    }
  }
}

describe('an operator that is killed', () => {
  const { kubeconfig, ingressUrl, images } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' } as const

  const scaleOperator = async (replicas: number): Promise<void> => {
    await api.patch(deployment, OPERATOR_RELEASE, OPERATOR_NAMESPACE, { spec: { replicas } })
    await waitFor(
      async () => {
        const pods = await api.list<KubeObject & { status?: { phase?: string } }>({ apiVersion: 'v1', kind: 'Pod' }, OPERATOR_NAMESPACE)
        return pods.length === replicas && pods.every((pod) => pod.status?.phase === 'Running')
      },
      { what: `${replicas} operator pods`, timeoutMs: 90_000 },
    )
  }

  beforeAll(async () => await scaleOperator(0))
  afterAll(async () => {
    await scaleOperator(1)
    await api.close()
  })

  it(`${wantedKills} times in the middle of its work ends in the same state, with one migration Job per release`, async () => {
    const seed = Date.now() % 100_000
    const namespace = await testNamespace(api, { prefix: 'killed' })
    mkdirSync('test-results', { recursive: true })
    const operator = new MortalOperator({
      kubeconfig,
      namespace,
      log: 'test-results/killed-operator.log',
      lifetimes: { shortest: 400, longest: 4_000 },
      random: randomFrom(seed),
    })
    const ledger = new JobLedger(api, namespace)
    const person = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(namespace, name, ingressUrl)).host })
    let stopped = false
    try {
      await api.create(instanceObject(namespace, name, images.app, ingressUrl))
      await instanceReady(api, namespace, name, 180_000)
      await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
      await person.signUp('ada@example.org', 'correct horse battery')
      const note = await person.createNote('Kept', 'through all of it')

      let releases = 1
      const release = async (image: string, wanted: 'Ready' | 'Stalled'): Promise<void> => {
        releases += 1
        await setImage(api, namespace, name, image)
        if (wanted === 'Ready') await instanceReady(api, namespace, name, 240_000)
        else await instanceHas(api, namespace, name, { type: 'Stalled', status: 'True' }, 240_000)
      }
      await release(images.next, 'Ready')
      await release(images.failsMigration, 'Stalled')
      await release(images.crashes, 'Stalled')
      for (let round = 0; operator.kills < wantedKills; round += 1) await release(round % 2 === 0 ? images.app : images.next, 'Ready')
      operator.spare()
      await release(images.app, 'Ready')
      await release(images.next, 'Ready')

      const instance = await instanceReady(api, namespace, name)
      const jobs = await ledger.end()
      const byRelease = Map.groupBy(jobs, (job) => job.release)
      const twice = [...byRelease].filter(([, list]) => list.length > 1)
      expect(operator.kills, `seed ${seed}`).toBeGreaterThanOrEqual(wantedKills)
      expect(twice, `seed ${seed}: releases with more than one migration Job`).toEqual([])
      expect(byRelease.has('none')).toBe(false)
      expect(jobs.length, `seed ${seed}`).toBeLessThanOrEqual(releases)
      expect(conditionOf(instance, 'Stalled')?.status).toBe('False')
      expect(instance.status?.release?.current?.image).toBe(images.next)
      const kinds = (await childrenOf(api, namespace))
        .map((child) => child.split('/')[0])
        .filter((kind) => kind !== 'Job' && kind !== 'Pod')
      expect(kinds).toEqual(['Deployment', 'Ingress', 'PersistentVolumeClaim', 'Secret', 'Service'])
      await waitFor(async () => (await person.get(`/notes/${note}/`)).body.includes('through all of it'), {
        what: 'the note',
        timeoutMs: 60_000,
      })

      await deleteInstance(api, namespace, name)
      await waitFor(async () => (await childrenOf(api, namespace)).length === 0, { what: 'all children being gone', timeoutMs: 90_000 })
      await operator.stop()
      stopped = true
    } finally {
      if (!stopped) await operator.stop()
      await ledger.end()
      await person.close()
    }
  }, 900_000)
})

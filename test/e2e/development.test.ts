import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ApiClient } from '../cluster/api-client.ts'
import { OPERATOR_NAMESPACE, OPERATOR_RELEASE } from '../cluster/operator-install.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { instanceObject, instanceReady, setImage, urlOf } from './instance.ts'
import { MortalOperator } from './mortal-operator.ts'

const name = 'notes'
/** What `seed --generate` says about its accounts (image contract). */
const seeded = { email: 'user1@seed-7.example.org', password: 'notejam-seed' }

/** Every wipe Job that ever was, by its UID. */
class WipeLedger {
  readonly #wipes = new Map<string, string>()
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(api: ApiClient, namespace: string) {
    this.#done = this.#follow(api, namespace)
  }

  /** Names of the Jobs, in order. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort()
    await this.#done
    return [...this.#wipes.values()].toSorted()
  }

  async #follow(api: ApiClient, namespace: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const jobs = await api.list({ apiVersion: 'batch/v1', kind: 'Job' }, namespace).catch(() => [])
      for (const { metadata } of jobs) if (metadata.name.endsWith('-wipe')) this.#wipes.set(metadata.uid ?? '', metadata.name)
      await sleep(100)
    }
  }
}

describe('environment Development', () => {
  const { kubeconfig, ingressUrl, images } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' } as const

  const scaleOperator = async (replicas: number): Promise<void> => {
    await api.patch(deployment, OPERATOR_RELEASE, OPERATOR_NAMESPACE, { spec: { replicas } })
    await waitFor(async () => (await api.list({ apiVersion: 'v1', kind: 'Pod' }, OPERATOR_NAMESPACE)).length === replicas, {
      what: `${replicas} operator pods`,
      timeoutMs: 90_000,
    })
  }

  beforeAll(async () => await scaleOperator(0))
  afterAll(async () => {
    await scaleOperator(1)
    await api.close()
  })

  it('three releases wipe the data once each and seed it anew, although the operator is killed again and again', async () => {
    const namespace = await testNamespace(api, { prefix: 'development' })
    mkdirSync('test-results', { recursive: true })
    let life = 0
    const operator = new MortalOperator({
      kubeconfig,
      namespace,
      log: 'test-results/development-operator.log',
      lifetimes: { shortest: 2_000, longest: 9_000 },
      // Spread evenly over the lifetimes, the same in each run: 0, 0.38, 0.76, 0.15 …
      random: () => (life++ * 0.381_966) % 1,
    })
    const ledger = new WipeLedger(api, namespace)
    const host = new URL(urlOf(namespace, name, ingressUrl)).host
    let stopped = false
    try {
      const spec = { environment: 'Development', seed: { generate: { users: 2, notesPerUser: 3, seed: 7 } } }
      await api.create(instanceObject(namespace, name, images.app, ingressUrl, spec))
      await instanceReady(api, namespace, name, 120_000)
      for (const [index, image] of [images.next, images.app, images.next].entries()) {
        await use(host, async (person) => await person.signUp('ada@example.org', 'correct horse battery'))
        await setImage(api, namespace, name, image)
        const instance = await instanceReady(api, namespace, name, 120_000)
        expect(instance.status?.release?.current?.image).toBe(image)
        await use(host, async (person) => await person.signIn(seeded.email, seeded.password))
        const gone = use(host, async (person) => await person.signIn('ada@example.org', 'correct horse battery'))
        await expect(gone, `the account of before release ${index + 2}`).rejects.toThrow('sign in')
      }

      const wipes = await ledger.end()
      expect(wipes).toEqual(['notes-r2-wipe', 'notes-r3-wipe', 'notes-r4-wipe'])
      expect(operator.kills).toBeGreaterThanOrEqual(4)
      await operator.stop()
      stopped = true
    } finally {
      if (!stopped) await operator.stop()
      await ledger.end()
    }
  }, 420_000)

  /** A person with a browser of their own, once the app answers through the Ingress. */
  async function use(host: string, act: (person: NotejamClient) => Promise<void>): Promise<void> {
    const person = new NotejamClient({ baseUrl: ingressUrl, host })
    try {
      await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 60_000 })
      await act(person)
    } finally {
      await person.close()
    }
  }
})

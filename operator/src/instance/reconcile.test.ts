import { describe, expect, it } from 'vitest'
import type { InstanceStatus, NotejamInstance } from '../api/notejam.ts'
import type { Job } from '../api/objects.ts'
import type { Client } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import type { KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { Applier } from '../runtime/applier.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { silentLogger } from '../runtime/log.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import { notejamInstances } from './kinds.ts'
import { createInstanceReconciler } from './reconcile.ts'
import { releaseJobName } from './resources/names.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'

const { spec } = samples.quickstart.instance
const startTime = '2026-01-01T00:00:00Z'
const target = { id: 'r1', image: spec.image }
const notFound = new ApiError({ status: 404, reason: 'NotFound', message: 'it is not there', call: 'get' })
const migrating = {
  observedGeneration: 1,
  release: { counter: 1, target },
  operation: { id: 'r1', version: 2, type: 'Release', strategy: 'Upgrade', step: 'Migrating', startTime, stepTime: startTime },
} as InstanceStatus

/** An instance whose migration has succeeded, in a cluster that is made of what one pass after the other sees and does. */
class PlayedCluster {
  readonly done: string[] = []
  readonly told: string[] = []
  readonly #reconcile = createInstanceReconciler({ randomKey: () => '', random: () => 0 })
  /** As the cache shows it. */
  instance: NotejamInstance
  /** Whether the migration Job is there, and has succeeded. */
  hasJob: boolean
  readonly #applied: Map<string, KubeObject>

  /** @param before - whose objects are there already */
  constructor(status: InstanceStatus, before?: PlayedCluster, { hasJob = true } = {}) {
    this.hasJob = hasJob
    this.instance = sampleInstance(spec, { status })
    this.#applied = new Map(before?.applied)
  }

  get applied(): ReadonlyMap<string, KubeObject> {
    return this.#applied
  }

  async pass(): Promise<void> {
    await this.#reconcile({ namespace: 'team', name: 'notes' }, this.#context)
  }

  get #job(): Job {
    const name = releaseJobName(this.instance, 'r1', 'expand')
    const status = { conditions: [{ type: 'Complete', status: 'True' as const, reason: '', message: '' }] }
    return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, uid: 'job' }, spec: { template: { spec: { containers: [] } } }, status }
  }

  get #context(): ReconcileContext {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', ownerReferences: [this.#owner] } }
    const data = { SECRET_KEY: Buffer.alloc(64).toString('base64'), 'secret-key': Buffer.alloc(64).toString('base64') }
    const client = {
      get: (resource: Resource) => (resource === resources.secrets ? Promise.resolve({ ...secret, data }) : Promise.reject(notFound)),
      applyStatus: (_resource: Resource, { status }: { readonly status: InstanceStatus }) => {
        this.done.push(`status ${status.operation?.step ?? 'idle'}`)
        this.instance = { ...this.instance, status }
        return Promise.resolve(this.instance)
      },
    } as unknown as Client
    const applier = {
      apply: ({ desired }: { readonly desired: KubeObject }) => {
        const key = `${desired.kind}/${desired.metadata.name}`
        const isNew = !this.#applied.has(key)
        if (isNew && desired.kind === 'Deployment') this.done.push('Deployment')
        const object = { ...desired, metadata: { ...desired.metadata, uid: key } }
        this.#applied.set(key, object)
        return Promise.resolve({ object, action: isNew ? 'created' : 'unchanged' })
      },
      delete: () => Promise.resolve('gone'),
    } as unknown as Applier
    const cache = {
      get: (resource: Resource) => (resource === notejamInstances ? this.instance : undefined),
      list: () => [],
      controlledBy: ({ kind }: Resource) =>
        kind === 'Job' ? (this.hasJob ? [this.#job] : []) : [...this.#applied.values()].filter((object) => object.kind === kind),
      byIndex: () => [],
      has: () => true,
    } as CacheReader
    return {
      ...{ signal: new AbortController().signal, log: silentLogger, reconcileID: '', clock: new VirtualClock() },
      ...{ client, applier, cache, recorder: { event: (_object, { reason }) => void this.told.push(reason) } },
    }
  }

  get #owner(): object {
    const { apiVersion, kind, metadata } = this.instance
    return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }
  }
}

describe('the roll-out of a release', () => {
  it('is written down by the pass after it, where there were no pods before', async () => {
    const cluster = new PlayedCluster(migrating)

    await cluster.pass()
    await cluster.pass()

    expect(cluster.done).toEqual(['Deployment', 'status RollingOut'])
    expect(cluster.told).toEqual(['MigrationSucceeded'])
  })

  it('takes the report of the migration with it, should that be left too', async () => {
    const { operation: _none, ...before } = migrating
    const cluster = new PlayedCluster({ ...before, release: {} } as InstanceStatus, undefined, { hasJob: false })

    await cluster.pass()
    cluster.hasJob = true
    await cluster.pass()
    await cluster.pass()

    expect(cluster.done).toEqual(['status Migrating', 'Deployment', 'status RollingOut'])
  })

  it('is found again by another process that begins in between', async () => {
    const cluster = new PlayedCluster(migrating)
    await cluster.pass()

    const next = new PlayedCluster(cluster.instance.status ?? {}, cluster)
    await next.pass()

    expect([cluster.done, next.done]).toEqual([['Deployment'], ['status RollingOut']])
  })

  it('is written down before it, where pods are replaced', async () => {
    const current = { id: 'r0', image: 'registry.example/notejam:0.9.0' }
    const cluster = new PlayedCluster({ ...migrating, release: { counter: 1, target, current } } as InstanceStatus)

    await cluster.pass()

    expect(cluster.done.slice(0, 2)).toEqual(['status RollingOut', 'Deployment'])
  })
})

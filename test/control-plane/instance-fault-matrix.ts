import { randomBytes } from 'node:crypto'
import { annotationPrefix, annotations, fieldManager } from '../../operator/src/api/labels.ts'
import { instanceController } from '../../operator/src/instance/controller.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { FakeKubelet } from './instance-kubelet.ts'
import { childTypes, instanceType, type Instance } from './instance-scene.ts'
import { countWrites, withFaults, type Fault } from './runtime-faults.ts'
import { start, widgetManagerOptions } from './runtime-fixture.ts'

/** One write of the operator, counted from 0, and what happens to it. */
export interface FaultCase {
  readonly nth: number
  readonly fault: Fault
}

/** What can happen to a write. */
export const writeFaults: readonly Fault[] = ['before', 'after', 'conflict', 'timeout', 'crash before', 'crash after']

/** Options of {@link runInstanceFaults}. */
export interface InstanceFaultsOptions {
  readonly api: ApiClient
  readonly client: Client
  /** Which of all cases to run. */
  readonly choose?: (cases: readonly FaultCase[]) => readonly FaultCase[]
  /** Cases at a time. */
  readonly parallel?: number
  readonly report?: (line: string) => void
}

/** What {@link runInstanceFaults} found. */
export interface InstanceFaultsFound {
  /** The writes of a run without faults, in order. */
  readonly writes: readonly string[]
  readonly cases: number
  /** Cases whose write did not happen: status writes are merged when things go quickly, so the last few may not be reached. */
  readonly missed: number
  /** Cases that ended otherwise than the run without faults, with the difference. */
  readonly failures: readonly string[]
}

interface End {
  /** All children and the instance, without what differs from run to run. */
  readonly objects: readonly string[]
  /** Which migrations ran, once for each pod that did. */
  readonly migrations: readonly string[]
}

const settleMs = 60_000

/**
 * Lets an instance come up and be upgraded, once without faults and then once per case with a fault at one write of the operator, and compares what
 * is there in the end: the same objects, and each migration run once.
 */
export async function runInstanceFaults(options: InstanceFaultsOptions): Promise<InstanceFaultsFound> {
  const { api, client, choose = (all) => all, parallel = 8, report = () => {} } = options
  const counted = countWrites(client)
  const expected = await story(api, counted.client, client)
  const writes = counted.writes.filter((write) => !write.includes('events'))
  report(`${writes.length} writes without faults: ${writes.join(', ')}`)
  const cases = choose(writes.flatMap((_, nth) => writeFaults.map((fault) => ({ nth, fault }))))
  const failures: string[] = []
  let missed = 0
  const waiting = [...cases]
  const run = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { hit, problem } = await tell(api, client, next, expected)
      if (!hit) missed += 1
      if (problem !== undefined) {
        failures.push(`${next.fault} at write ${next.nth} (${writes[next.nth]}): ${problem}`)
        report(failures.at(-1) ?? '')
      }
      if ((cases.length - waiting.length) % 20 === 0) report(`${cases.length - waiting.length} of ${cases.length} cases`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, run))
  return { writes, cases: cases.length, missed, failures }
}

interface Told {
  readonly hit: boolean
  readonly problem: string | undefined
}

async function tell(api: ApiClient, client: Client, { nth, fault }: FaultCase, expected: End): Promise<Told> {
  const faulty = withFaults(client, nth, fault)
  try {
    const end = await story(api, faulty.client, client, fault.startsWith('crash') ? faulty.crashed : undefined)
    return { hit: faulty.hit, problem: compare(end, expected) }
  } catch (error) {
    return { hit: faulty.hit, problem: error instanceof Error ? error.message : String(error) }
  }
}

function compare(end: End, expected: End): string | undefined {
  if (end.migrations.join() !== expected.migrations.join()) return `migrations ${end.migrations.join()}, not ${expected.migrations.join()}`
  const missing = expected.objects.filter((object) => !end.objects.includes(object))
  const surplus = end.objects.filter((object) => !expected.objects.includes(object))
  return missing.length + surplus.length === 0 ? undefined : `missing ${missing.join('\n')}\nsurplus ${surplus.join('\n')}`
}

/** An instance of its own namespace comes up and is upgraded. After a crash another operator, without faults, goes on. */
async function story(api: ApiClient, client: Client, healthy: Client, crashed?: Promise<void>): Promise<End> {
  const namespace = await createNamespace(api, { prefix: 'matrix' })
  const kubelet = new FakeKubelet(api, namespace)
  kubelet.start()
  const stories = (async () => {
    await api.create({ ...instanceType, metadata: { name: 'notes', namespace }, spec: specOf(kubelet.image('good-1')) })
    await served(api, namespace, kubelet.image('good-1'))
    await api.patch(instanceType, 'notes', namespace, { spec: { image: kubelet.image('good-2') } })
    await served(api, namespace, kubelet.image('good-2'))
  })()
  // Whoever is not waited for any more must not end the process.
  stories.catch(() => undefined)
  try {
    {
      await using _first = start(instanceManagerOptions(client, namespace))
      await (crashed === undefined ? stories : Promise.race([crashed, stories]))
    }
    if (crashed !== undefined) {
      await using _next = start(instanceManagerOptions(healthy, namespace))
      await stories
    }
    return { objects: await normalised(api, namespace), migrations: migrationsOf(kubelet) }
  } finally {
    kubelet.stop()
    await deleteNamespace(api, namespace)
  }
}

/** The operator inside the test's process, for one namespace. */
export function instanceManagerOptions(client: Client, namespace: string) {
  return widgetManagerOptions(client, namespace, {
    controllers: [instanceController({ randomKey: (bytes) => randomBytes(bytes).toString('base64'), random: Math.random })],
    fieldManager,
    annotations: { hash: `${annotationPrefix}applied`, owner: `${annotationPrefix}owner`, adopt: annotations.adopt },
  })
}

function specOf(image: string): object {
  return {
    environment: 'Test',
    image,
    database: { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } },
    http: { hosts: ['notes.example.org'], ingress: {} },
    release: { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 30 } },
  }
}

async function served(api: ApiClient, namespace: string, image: string): Promise<void> {
  await waitFor(
    async () => {
      const instance = await api.get<Instance>(instanceType, 'notes', namespace)
      const { status } = instance ?? {}
      if (status?.release?.current?.image !== image || status.operation !== undefined) return false
      if (status.observedGeneration !== instance?.metadata.generation) return false
      return status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True')
    },
    { what: `${image} being served`, timeoutMs: settleMs, intervalMs: 50 },
  )
}

function migrationsOf({ ran }: FakeKubelet): readonly string[] {
  return ran.filter((line) => line.startsWith('migrate ')).toSorted()
}

/** What has to be equal, as sorted JSON: times, versions, addresses, hashes and identifiers are taken out. */
async function normalised(api: ApiClient, namespace: string): Promise<readonly string[]> {
  const instance = await api.get<Instance>(instanceType, 'notes', namespace)
  const children = (await Promise.all(childTypes.map((type) => api.list(type, namespace)))).flat()
  const ours = children.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] !== undefined)
  const { conditions = [], release, inventory = [] } = instance?.status ?? {}
  const status = {
    conditions: conditions.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).toSorted(),
    current: release?.current?.image,
    counter: release?.counter,
    history: release?.history?.map(({ image, result }) => `${image} ${result}`),
    inventory: inventory.map(({ kind, name }) => `${kind}/${name}`).toSorted(),
  }
  return [`status ${scrub(status, namespace)}`, ...ours.map((object) => scrub(essence(object), namespace))].toSorted()
}

function essence(object: KubeObject): object {
  const { name, labels, ownerReferences, finalizers } = object.metadata
  const owners = ownerReferences?.map((owner) => `${owner.kind}/${owner.name}`)
  const data = object['data'] === undefined ? {} : { keys: Object.keys(object['data'] as object).toSorted() }
  return { kind: object.kind, name, labels, owners, finalizers, spec: object['spec'], ...data }
}

function scrub(value: object, namespace: string): string {
  return JSON.stringify(value, (key, field: unknown) => (volatile.has(key) ? undefined : sortedFields(field)))
    .replaceAll(namespace, 'NAMESPACE')
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{8,64}\b/g, 'HASH')
}

const volatile = new Set(['clusterIP', 'clusterIPs', 'nodePort', 'volumeName'])

function sortedFields(field: unknown): unknown {
  if (typeof field !== 'object' || field === null || Array.isArray(field)) return field
  return Object.fromEntries(Object.entries(field).toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

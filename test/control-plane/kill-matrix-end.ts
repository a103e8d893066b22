import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { backupType, cronJobType } from './backup-scene.ts'
import { digestOf, type FakeKubelet } from './instance-kubelet.ts'
import { childTypes, jobType, type Instance } from './instance-scene.ts'

/** The instance as far as the end of a release is concerned. */
export interface EndedInstance extends Instance {
  readonly status?: Instance['status'] & {
    readonly release?: {
      readonly current?: { readonly id?: string; readonly schemaVersion?: string; readonly pendingContract?: number }
      readonly history?: readonly { readonly id: string; readonly image: string; readonly result: string; readonly reason?: string }[]
      readonly rejected?: readonly { readonly image: string; readonly reason: string }[]
    }
    readonly verifiedImages?: readonly { readonly image: string }[]
    readonly databaseIdentity?: object
  }
}

/** What was there before a release, so that what it has added can be told. */
export interface Beginning {
  /** UIDs of Jobs and NotejamBackups. */
  readonly known: ReadonlySet<string>
  readonly counter: number
  readonly ran: number
  readonly wipes: number
  readonly archives: number
}

const comparedTypes = [...childTypes, cronJobType, { apiVersion: 'apps/v1', kind: 'StatefulSet' }, backupType]

async function ownObjects(api: ApiClient, namespace: string): Promise<readonly KubeObject[]> {
  const lists = await Promise.all(comparedTypes.map(async (type) => await api.list(type, namespace)))
  return lists.flat().filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] !== undefined)
}

/** Notes what is there. */
export async function takeBeginning(api: ApiClient, instance: EndedInstance, kubelet: FakeKubelet): Promise<Beginning> {
  const objects = await ownObjects(api, instance.metadata.namespace ?? '')
  return {
    known: new Set(objects.filter(isOfOneRelease).map(({ metadata }) => metadata.uid ?? '')),
    counter: instance.status?.release?.counter ?? 0,
    ran: kubelet.ran.length,
    wipes: kubelet.wipes.length,
    archives: kubelet.archives.length,
  }
}

function isOfOneRelease({ kind }: KubeObject): boolean {
  return kind === jobType.kind || kind === backupType.kind
}

/** What a release came to: whatever is in it has to be the same whether or not the operator was killed meanwhile. */
export interface End {
  /** What ran on the database, once for each pod that did. */
  readonly commands: readonly string[]
  /** All objects and the status, without what differs from release to release. */
  readonly facts: readonly string[]
}

/** The release whose end is taken. */
export interface Newest {
  readonly tag: string
  /** Of the image that served before. */
  readonly previousTag: string
  /** Whether so many pods of the app have to have run; pods that crash are replaced at the cluster's pace. */
  readonly countsPods: boolean
}

/** Takes the {@link End} of the newest release. */
export async function takeEnd(
  api: ApiClient,
  instance: EndedInstance,
  kubelet: FakeKubelet,
  { known, counter, ran, wipes, archives }: Beginning,
  newest: Newest,
): Promise<End> {
  const { namespace = '' } = instance.metadata
  const objects = (await ownObjects(api, namespace)).filter((object) => !isOfOneRelease(object) || !known.has(object.metadata.uid ?? ''))
  const lines = kubelet.ran.slice(ran)
  const served = lines.filter((line) => line.startsWith('app '))
  const scrub = scrubber(namespace, newest)
  const facts = [
    { status: reported(instance, counter) },
    ...objects.map(essence),
    ...(newest.countsPods ? served : new Set(served)),
    ...lines.filter((line) => !line.startsWith('app ')).map((line) => `ran ${line}`),
    ...kubelet.wipes.slice(wipes).map(({ id, appPods }) => `wiped for ${id} with ${appPods} pods`),
    ...kubelet.archives.slice(archives).map(({ reason }) => `archive ${reason}`),
  ]
  const words = lines.map((line) => line.slice(0, line.indexOf(' '))).filter((word) => word !== 'app' && word !== 'prune')
  return { commands: words.toSorted(), facts: facts.map(scrub).toSorted() }
}

/** What of two ends differs; undefined when nothing does. */
export function differenceOf(end: End, expected: End): string | undefined {
  const missing = subtract(expected.facts, end.facts)
  const surplus = subtract(end.facts, expected.facts)
  return missing.length + surplus.length === 0 ? undefined : `missing ${missing.join('\n')}\nsurplus ${surplus.join('\n')}`
}

/** What is in the one list more often than in the other. */
function subtract(from: readonly string[], what: readonly string[]): readonly string[] {
  const left = [...what]
  return from.filter((item) => {
    const at = left.indexOf(item)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

function reported({ status = {} }: EndedInstance, counterBefore: number): object {
  const { conditions = [], release = {}, inventory = [], operation, verifiedImages = [], databaseIdentity } = status
  const { counter = 0, current, history = [], rejected = [] } = release
  const [last] = history
  return {
    conditions: conditions.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).toSorted(),
    operation: operation?.step,
    releases: counter - counterBefore,
    current: current === undefined ? undefined : { id: current.id, image: current.image, pendingContract: current.pendingContract },
    last: last === undefined ? undefined : { id: last.id, image: last.image, result: last.result, reason: last.reason },
    repeatedInHistory: history.length - new Set(history.map(({ id }) => id)).size,
    rejected: rejected.filter(({ image }) => image === last?.image).map(({ image, reason }) => `${image} ${reason}`),
    verified: verifiedImages.filter(({ image }) => image === last?.image).length,
    inventory: inventory.map(({ kind, name }) => `${kind}/${name}`).toSorted(),
    databaseIdentity,
  }
}

function essence(object: KubeObject): object {
  const { name, labels, ownerReferences, finalizers } = object.metadata
  const owners = ownerReferences?.map((owner) => `${owner.kind}/${owner.name}`)
  const data = object['data'] === undefined ? {} : { keys: Object.keys(object['data'] as object).toSorted() }
  return { kind: object.kind, name, labels, owners, finalizers, spec: object['spec'], ...data }
}

const volatile = new Set(['clusterIP', 'clusterIPs', 'nodePort', 'volumeName'])

/** Makes sorted JSON in which names, numbers of releases, images, times, hashes and identifiers say only what they stand for. */
function scrubber(namespace: string, { tag, previousTag }: Newest): (fact: object | string) => string {
  return (fact) =>
    JSON.stringify(fact, (key, field: unknown) => (volatile.has(key) ? undefined : sortedFields(field)))
      .replaceAll(namespace, 'NAMESPACE')
      .replaceAll(tag, 'NEW')
      .replaceAll(digestOf(tag), 'NEW')
      .replaceAll(previousTag, 'OLD')
      .replaceAll(digestOf(previousTag), 'OLD')
      .replaceAll(/\br\d+(?=\b|-)/g, 'RELEASE')
      .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/\b[0-9a-f]{8,64}\b/g, 'HASH')
}

function sortedFields(field: unknown): unknown {
  if (typeof field !== 'object' || field === null || Array.isArray(field)) return field
  return Object.fromEntries(Object.entries(field).toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

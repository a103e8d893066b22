import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { cronJobType } from './backup-scene.ts'
import { allTags, namespacePlaceholder } from './fleet-knowledge.ts'
import { finalTag } from './fleet-state.ts'
import { digestOf } from './instance-kubelet.ts'
import { childTypes, instanceType, jobType, type Instance } from './instance-scene.ts'

/**
 * Kinds whose objects follow from the spec. Jobs and backups follow from what happened, and are named by it; the key that the operator once made stays
 * when `app.secretRef` names another, so that people are still known when that goes.
 */
const comparedTypes = [
  ...childTypes.filter((type) => type !== jobType && type.kind !== 'Secret'),
  cronJobType,
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
]

/** Conditions that say what the spec came to; the others tell of backups, upgrades and autoscalers that were. */
const comparedConditions = new Set(['Ready', 'Stalled', 'Paused', 'Available', 'DatabaseReachable'])

/** What serves while a person is waited for is what served before. */
const servingConditions = new Set(['Available', 'DatabaseReachable'])

/** Who else writes annotations onto children. */
const foreignAnnotations = /^(pv|volume|deployment)\.(beta\.)?kubernetes\.io\//

/**
 * What of an object legitimately differs between instances of one spec: names that the cluster gives, what hashes cover (UIDs are among it), and the
 * number of the release, which counts what happened.
 */
const ignoredFields = new Set([
  ...['clusterIP', 'clusterIPs', 'nodePort', 'healthCheckNodePort', 'volumeName'],
  ...['notejam.io/applied', 'notejam.io/release', 'notejam.io/secret-hash', 'notejam.io/template-hash'],
])

/** An instance and its children, without what legitimately differs; by kind and name. */
export type Likeness = ReadonlyMap<string, string>

/** Takes the {@link Likeness} of the instance of a namespace. */
export async function likenessOf(api: ApiClient, instance: Instance): Promise<Likeness> {
  const { name, namespace = '' } = instance.metadata
  const lists = await Promise.all(comparedTypes.map(async (type) => await api.list(type, namespace)))
  const own = lists.flat().filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === instance.metadata.uid))
  const fingerprint = (instance.status as { readonly databaseIdentity?: { readonly fingerprint: string } } | undefined)?.databaseIdentity
  const scrub = (value: unknown) => scrubbed(value, namespace, fingerprint?.fingerprint)
  return new Map([
    [`${instanceType.kind} ${name}`, scrub(reported(instance))],
    ...own.map((object) => [`${object.kind} ${object.metadata.name}`, scrub(essence(object, instance))] as const),
  ])
}

/** What a fresh instance (`wanted`) has otherwise than another one of the same spec; what the other one has beyond it counts unless it is stalled. */
export function differences(found: Likeness, wanted: Likeness, isStalled: boolean): readonly string[] {
  const names = new Set([...wanted.keys(), ...(isStalled ? [] : found.keys())])
  return [...names].flatMap((name) => {
    const [is, fresh] = [found.get(name), wanted.get(name)]
    return is === fresh
      ? []
      : [
          `${name} ${is === undefined || fresh === undefined ? (is === undefined ? 'is missing' : 'is left over') : firstDifference(is, fresh)}`,
        ]
  })
}

function firstDifference(is: string, fresh: string): string {
  let at = 0
  while (is[at] === fresh[at]) at += 1
  const from = Math.max(0, at - 80)
  return `is …${is.slice(from, at + 80)}…, made anew …${fresh.slice(from, at + 80)}…`
}

/** What the status says of the spec, and what holds the instance. */
function reported({ metadata, status }: Instance): object {
  const { conditions = [], inventory = [], release } = status ?? {}
  const { effectivePolicy, url, selector } = (status ?? {}) as Readonly<Record<string, unknown>>
  return {
    finalizers: metadata.finalizers,
    conditions: conditions
      .filter(({ type }) => comparedConditions.has(type) && !(isStalled(conditions) && servingConditions.has(type)))
      .map(({ type, status: value, reason }) => `${type}=${value} ${reason}`)
      .toSorted(),
    image: isStalled(conditions) ? undefined : release?.current?.image,
    inventory: isStalled(conditions)
      ? []
      : inventory.map(({ kind, name }) => `${kind}/${name}`).filter((entry) => !/^(Job|NotejamBackup)\//.test(entry)),
    ...{ effectivePolicy, url, selector },
  }
}

function isStalled(conditions: NonNullable<NonNullable<Instance['status']>['conditions']>): boolean {
  return conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')
}

function essence(object: KubeObject, instance: Instance): object {
  const { labels, annotations = {}, ownerReferences } = object.metadata
  const spec = { ...(object['spec'] as Readonly<Record<string, unknown>> | undefined) }
  // The autoscaler's, as far as it has one.
  if (annotations['notejam.io/scaled-by'] === 'autoscaler') delete spec['replicas']
  // Without a schedule of its own, the minute comes from the UID.
  const { backup } = instance['spec'] as { readonly backup?: { readonly schedule?: string } }
  if (object.kind === 'CronJob' && object.metadata.name.endsWith('-backup') && backup?.schedule === undefined) delete spec['schedule']
  const notes = Object.fromEntries(Object.entries(annotations).filter(([name]) => !foreignAnnotations.test(name)))
  return {
    labels,
    annotations: notes,
    owners: ownerReferences?.map(({ kind, name }) => `${kind}/${name}`),
    spec,
  }
}

const tagsByDigest = new Map([...allTags, finalTag].map((tag) => [digestOf(tag), tag]))

function scrubbed(value: unknown, namespace: string, fingerprint: string | undefined): string {
  const text = JSON.stringify(value, (key, field: unknown) => (ignoredFields.has(key) ? undefined : sortedFields(field)))
    .replaceAll(namespace, namespacePlaceholder)
    .replaceAll(/sha256:[0-9a-f]{64}/g, (digest) => `sha256:${tagsByDigest.get(digest) ?? digest.slice(7, 15)}`)
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, 'UUID')
  return fingerprint === undefined ? text : text.replaceAll(JSON.stringify(fingerprint), '"FINGERPRINT"')
}

function sortedFields(field: unknown): unknown {
  if (typeof field !== 'object' || field === null || Array.isArray(field)) return field
  return Object.fromEntries(Object.entries(field).toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

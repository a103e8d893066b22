import { createHash } from 'node:crypto'
import type { ObjectMeta, OwnerReference } from '../kube/object.ts'
import { apiVersion, type NotejamInstance } from './notejam.ts'

/** Field manager of every child; force is used, for nobody else has a say in what we apply. */
export const fieldManager = 'notejam-operator'

/** Field manager that holds a Deployment's replicas between the operator, which lets go of them, and an autoscaler, which takes them. */
export const handOverFieldManager = 'notejam-operator/replicas'

/** Field manager of `status`. */
export const statusFieldManager = 'notejam-operator/status'

/** Selects every object that the operator made; its caches hold nothing else. */
export const managedBySelector = 'app.kubernetes.io/managed-by=notejam-operator'

/** Before the name of every annotation and label of ours. */
export const annotationPrefix = 'notejam.io/'

/** Annotations that the operator puts on its children. */
export const annotations = {
  /** Set by a person on an object without controller: the name of the instance that may take it. */
  adopt: `${annotationPrefix}adopt`,
  /** Release that a Deployment or a Job belongs to. */
  release: `${annotationPrefix}release`,
  /** Image as the spec named it, where the child runs a digest. */
  image: `${annotationPrefix}image`,
  /** Hash of the Secrets that a pod reads: a changed content rolls the pods. */
  secretHash: `${annotationPrefix}secret-hash`,
  /** Hash of a pod template without this annotation: tells the pods of this template from older ones. */
  templateHash: `${annotationPrefix}template-hash`,
  /** Who decides on the replicas of a Deployment: `operator` or `autoscaler`. */
  scaledBy: `${annotationPrefix}scaled-by`,
} as const

/** What a pod of an instance does. */
export type Component = 'app' | 'database' | 'backup' | 'migration' | 'release' | 'smoke'

/** Longest name of a Service, a label value and a pod's host name (RFC 1123 label). */
const longestName = 63
const hashLength = 8

/**
 * Name of a child: the instance's name, a hyphen, the suffix. One that would be too long is cut and ends in a hash of the whole, so that two long
 * names that begin alike never meet.
 *
 * @param longest - for kinds whose names may be less long than the 63 characters of a label
 * @example childName('notes', 'data') // 'notes-data'
 */
export function childName(instance: string, suffix: string, longest = longestName): string {
  const whole = `${instance}-${suffix}`
  if (whole.length <= longest) return whole
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, hashLength)
  return `${whole.slice(0, longest - hashLength - 1).replace(/-+$/, '')}-${hash}`
}

/** Labels that select the pods of one component; a Deployment's selector can never change, so neither can these. */
export function selectorLabels(instance: string, component: Component): Readonly<Record<string, string>> {
  return { ...instanceLabels(instance), 'app.kubernetes.io/component': component }
}

/** Labels that select every pod of an instance, whatever it does. */
export function instanceLabels(instance: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'notejam', 'app.kubernetes.io/instance': instance }
}

/** The labels that Kubernetes recommends, with the selecting ones among them. */
export function childLabels(instance: string, component: Component): Readonly<Record<string, string>> {
  return {
    ...selectorLabels(instance, component),
    'app.kubernetes.io/part-of': 'notejam',
    'app.kubernetes.io/managed-by': 'notejam-operator',
  }
}

/** A selector in the form of `kubectl -l`. */
export function formatSelector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/** The reference by which a child belongs to an instance, and is collected with it. */
export function ownerReference(instance: NotejamInstance): OwnerReference {
  return {
    apiVersion,
    kind: 'NotejamInstance',
    name: instance.metadata.name,
    uid: instance.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

function pick(from: Readonly<Record<string, string>> | undefined, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (from?.[name] === undefined ? [] : [[name, from[name]]])))
}

/** Metadata of a child: name, labels, owner, and what the spec wants to be inherited; ours wins. */
export function childMetadata(
  instance: NotejamInstance,
  component: Component,
  name: string,
  notes: Readonly<Record<string, string>> = {},
): ObjectMeta {
  const { labels = [], annotations: inherited = [] } = instance.spec.inheritedMetadata ?? {}
  const allNotes = { ...pick(instance.metadata.annotations, inherited), ...notes }
  return {
    name,
    ...(instance.metadata.namespace === undefined ? {} : { namespace: instance.metadata.namespace }),
    labels: { ...pick(instance.metadata.labels, labels), ...childLabels(instance.metadata.name, component) },
    ...(Object.keys(allNotes).length === 0 ? {} : { annotations: allNotes }),
    ownerReferences: [ownerReference(instance)],
  }
}

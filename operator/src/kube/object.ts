/** `metav1.OwnerReference`. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** The parts of `metav1.ObjectMeta` that an operator looks at; what else the server sent is there too, untyped. Times are strings, as on the wire. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
}

/**
 * Any object of the API: the server's JSON, never decoded into classes, so that no field gets lost and a round trip changes nothing.
 * Kinds that are looked into extend this interface; {@link DynamicObject} is for code that handles all of them.
 */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** An object whose kind is only known when the program runs. */
export interface DynamicObject extends KubeObject {
  readonly [field: string]: unknown
}

/** What is sent to the server: a name is enough, everything else is the sender's. */
export interface AppliedObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Partial<ObjectMeta> & { readonly name: string }
}

/** Namespace and name of an object; the namespace of a cluster-scoped object is the empty string. */
export interface ObjectKey {
  readonly namespace: string
  readonly name: string
}

/** Key of an object. */
export function keyOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): ObjectKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
}

/** `namespace/name`, or `name` alone for a cluster-scoped object: client-go's form, good for maps and log lines. */
export function keyToString(key: ObjectKey): string {
  return key.namespace === '' ? key.name : `${key.namespace}/${key.name}`
}

/** Reads what {@link keyToString} wrote. Neither namespaces nor names can hold a slash. */
export function keyFromString(text: string): ObjectKey {
  const slash = text.indexOf('/')
  return slash === -1 ? { namespace: '', name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}

/** `Kind namespace/name`, for messages. */
export function describeObject(object: KubeObject): string {
  return `${object.kind} ${keyToString(keyOf(object))}`
}

/** The owner reference with `controller: true`; an object has at most one. */
export function controllerOf(object: { readonly metadata: Pick<ObjectMeta, 'ownerReferences'> }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

/**
 * Compares two resource versions of one resource: negative when `left` is older, 0 when equal, positive when newer; undefined when one of them is
 * not a number. Kubernetes 1.35 promises versions to be decimal integers that can be compared (KEP-5504), of any size, hence no `Number`.
 */
export function compareResourceVersions(left: string, right: string): number | undefined {
  if (!decimal.test(left) || !decimal.test(right)) return undefined
  if (left.length !== right.length) return left.length - right.length
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** "0" means any version; no object has it. Leading zeros are not allowed. */
const decimal = /^(?:0|[1-9]\d*)$/

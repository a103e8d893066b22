import type { Client } from '../kube/client.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'
import {
  controllerOf,
  describeObject,
  keyOf,
  type AppliedObject,
  type KubeObject,
  type ObjectKey,
  type OwnerReference,
} from '../kube/object.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import type { CacheReader } from './cache.ts'
import { NameConflict } from './errors.ts'
import { hashJson } from './json.ts'
import type { RuntimeMetrics } from './metrics.ts'
import { equivalent, project } from './projection.ts'

/** What an apply came to. */
export interface Applied<T extends KubeObject = KubeObject> {
  readonly action: 'created' | 'updated' | 'unchanged'
  /** The object as it is now. */
  readonly object: T
}

/** How one object is applied. */
export interface ApplyIntent {
  readonly resource: Resource
  /** Exactly the fields that we mean; the controller reference and the hash annotation are added. */
  readonly desired: AppliedObject
  /** Who controls it. */
  readonly owner: KubeObject
  /** Default: the applier's own. */
  readonly fieldManager?: string
  /** Takes fields from other managers. Default true, as for any controller; false makes conflicts show up (409). */
  readonly force?: boolean
  /** Never changes an object that is there (Jobs, whose template is immutable): answers `unchanged` with it. */
  readonly createOnly?: boolean
  /** Leaves the owner reference out (volumes that outlive their owner). Such an object counts as ours by the owner annotation. */
  readonly orphaned?: boolean
}

/** Applies objects so that a write leaves only when something would change, and never onto what belongs to somebody else. */
export interface Applier {
  /**
   * @throws NameConflict when an object of that name exists and is not the owner's; nothing was written
   */
  apply<T extends KubeObject = KubeObject>(intent: ApplyIntent): Promise<Applied<T>>
  /** What {@link apply} would do, judged by the cache; writes nothing. For reporting drift while paused. */
  plan(intent: ApplyIntent): 'created' | 'updated' | 'unchanged' | 'conflict'
  /**
   * Deletes an object of the owner, with its UID as precondition; does nothing when it is gone or on its way out already.
   *
   * @throws NameConflict when it is not the owner's
   */
  delete(
    resource: Resource,
    object: KubeObject,
    owner: KubeObject,
    propagation?: 'Foreground' | 'Background' | 'Orphan',
  ): Promise<'deleted' | 'gone'>
}

/** Names of the annotations that an applier reads and writes. */
export interface ApplierAnnotations {
  /** Hash of what was applied; survives a restart. */
  readonly hash: string
  /** UID of the owner, on objects without owner reference. */
  readonly owner: string
  /** Set by a person on an object without controller, to the name of the owner that may take it. */
  readonly adopt: string
}

/** What an applier is built from. */
export interface ApplierOptions {
  readonly client: Client
  readonly cache: CacheReader
  readonly memory: AppliedMemory
  readonly fieldManager: string
  readonly annotations: ApplierAnnotations
  readonly metrics: RuntimeMetrics
  /** Aborts the calls. */
  readonly signal?: AbortSignal
  /** Whether the cache holds this resource; others are read from the server. */
  readonly isCached: (resource: Resource) => boolean
}

/** What is remembered of the last apply to each object: what was sent, and what the server made of it. Empty after a restart. */
export class AppliedMemory {
  readonly #byUid = new Map<string, Map<string, { readonly sent: string; readonly projection: string }>>()
  /** States of objects that were found to be as they were last sent; a cache never changes an object, it puts another in its place. */
  readonly #found = new WeakMap<KubeObject, string>()

  get size(): number {
    return this.#byUid.size
  }

  recall(uid: string, fieldManager: string): { readonly sent: string; readonly projection: string } | undefined {
    return this.#byUid.get(uid)?.get(fieldManager)
  }

  remember(uid: string, fieldManager: string, sent: string, projection: string): void {
    const managers = this.#byUid.get(uid) ?? new Map<string, { readonly sent: string; readonly projection: string }>()
    this.#byUid.set(uid, managers.set(fieldManager, { sent, projection }))
  }

  /** Whether this very state was found to say what was sent; every pass asks, and comparing takes as long as rendering. */
  wasFound(live: KubeObject, sent: string): boolean {
    return this.#found.get(live) === sent
  }

  /** Remembers that. */
  rememberFound(live: KubeObject, sent: string): void {
    this.#found.set(live, sent)
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid)
  }
}

/**
 * A version that no object ever has, for it is that of an empty store. An apply that carries it creates the object or is refused with 409 when there
 * is one: the only way to say "create" in server-side apply, so that an object that the cache does not show is never taken over.
 * (Observed on Kubernetes 1.34; `runtime-applier.test.ts` holds it for the version in use.)
 */
const mustNotExist = '1'

/** {@link Applier} by server-side apply. */
export class ServerSideApplier implements Applier {
  readonly #options: ApplierOptions

  constructor(options: ApplierOptions) {
    this.#options = options
  }

  async apply<T extends KubeObject = KubeObject>(intent: ApplyIntent): Promise<Applied<T>> {
    const { metrics } = this.#options
    const key = this.#key(intent)
    const cached = await this.#find(intent.resource, key)
    const complete = this.#complete(intent)
    const { object, action } =
      cached === undefined ? await this.#create(intent, complete, key) : await this.#reconcile(intent, complete, cached)
    metrics.applied(resourceName(intent.resource), action)
    return { action, object: object as T }
  }

  plan(intent: ApplyIntent): 'created' | 'updated' | 'unchanged' | 'conflict' {
    const live = this.#options.cache.get(intent.resource, this.#key(intent))
    if (live === undefined) return 'created'
    if (!this.#isOurs(live, intent.owner)) return 'conflict'
    return this.#isUnchanged(intent, this.#complete(intent), live) ? 'unchanged' : 'updated'
  }

  async delete(
    resource: Resource,
    object: KubeObject,
    owner: KubeObject,
    propagation: 'Foreground' | 'Background' | 'Orphan' = 'Background',
  ): Promise<'deleted' | 'gone'> {
    if (!this.#isOurs(object, owner)) throw this.#conflict(resource, object)
    const { uid, deletionTimestamp } = object.metadata
    if (deletionTimestamp !== undefined) return 'gone'
    const { client, signal } = this.#options
    try {
      await client.delete(resource, keyOf(object), {
        propagation,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
        ...(signal === undefined ? {} : { signal }),
      })
      return 'deleted'
    } catch (error) {
      // 409: another object has the name by now, so ours is gone.
      if (isNotFound(error) || isConflict(error)) return 'gone'
      throw error
    }
  }

  async #create(intent: ApplyIntent, complete: AppliedObject, key: ObjectKey): Promise<Applied> {
    try {
      return { action: 'created', object: await this.#send(intent, complete, { resourceVersion: mustNotExist }) }
    } catch (error) {
      if (!isConflict(error)) throw error
      // Somebody was faster: a stranger, or this very call, whose first answer got lost.
      const { client, signal } = this.#options
      const live = await client.get(intent.resource, key, signal === undefined ? {} : { signal }).catch((failure: unknown) => {
        throw isNotFound(failure) ? error : failure
      })
      return this.#reconcile(intent, complete, live)
    }
  }

  async #reconcile(intent: ApplyIntent, complete: AppliedObject, live: KubeObject): Promise<Applied> {
    if (!this.#isOurs(live, intent.owner)) throw this.#conflict(intent.resource, live)
    const leaving = live.metadata.deletionTimestamp !== undefined
    if (leaving || intent.createOnly === true || this.#isUnchanged(intent, complete, live)) return { action: 'unchanged', object: live }
    const uid = live.metadata.uid
    const object = await this.#send(intent, complete, uid === undefined ? {} : { uid })
    return { action: object.metadata.resourceVersion === live.metadata.resourceVersion ? 'unchanged' : 'updated', object }
  }

  /** Sends the apply. The server refuses it when the object is not the one of `precondition` any more. */
  async #send(
    intent: ApplyIntent,
    complete: AppliedObject,
    precondition: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<KubeObject> {
    const { client, memory, signal } = this.#options
    const fieldManager = intent.fieldManager ?? this.#options.fieldManager
    const object = await client.apply(
      intent.resource,
      { ...complete, metadata: { ...complete.metadata, ...precondition } },
      { fieldManager, force: intent.force ?? true, ...(signal === undefined ? {} : { signal }) },
    )
    if (object.metadata.uid !== undefined)
      memory.remember(object.metadata.uid, fieldManager, this.#hashOf(complete, fieldManager), hashJson(project(complete, object)))
    return object
  }

  #isUnchanged(intent: ApplyIntent, complete: AppliedObject, live: KubeObject): boolean {
    const fieldManager = intent.fieldManager ?? this.#options.fieldManager
    const sent = this.#hashOf(complete, fieldManager)
    // The annotation says which fields we own: without a match, one that is not wanted any more would stay.
    if (live.metadata.annotations?.[this.#hashName(fieldManager)] !== sent) return false
    const { memory } = this.#options
    if (memory.wasFound(live, sent)) return true
    const projection = project(complete, live)
    const last = live.metadata.uid === undefined ? undefined : memory.recall(live.metadata.uid, fieldManager)
    const isSame = last !== undefined && last.sent === sent ? last.projection === hashJson(projection) : equivalent(complete, projection)
    if (isSame) memory.rememberFound(live, sent)
    return isSame
  }

  /** The desired object with the reference to its owner and the hash of it all. */
  #complete({ desired, owner, orphaned = false, fieldManager = this.#options.fieldManager }: ApplyIntent): AppliedObject {
    const { annotations } = this.#options
    const metadata = {
      ...desired.metadata,
      ...(orphaned ? {} : { ownerReferences: [ownerReference(owner)] }),
      annotations: { ...desired.metadata.annotations, ...(orphaned ? { [annotations.owner]: owner.metadata.uid ?? '' } : {}) },
    }
    const object = { ...desired, metadata }
    return {
      ...object,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [this.#hashName(fieldManager)]: hashJson(object) } },
    }
  }

  #hashOf(complete: AppliedObject, fieldManager: string): string {
    return complete.metadata.annotations?.[this.#hashName(fieldManager)] ?? ''
  }

  /** Each field manager has a hash of its own, so that two of them on one object do not fight over one annotation. */
  #hashName(fieldManager: string): string {
    const { annotations, fieldManager: main } = this.#options
    return fieldManager === main ? annotations.hash : `${annotations.hash}-${fieldManager.slice(fieldManager.lastIndexOf('/') + 1)}`
  }

  #isOurs(live: KubeObject, owner: KubeObject): boolean {
    const { annotations } = this.#options
    const controller = controllerOf(live)
    if (controller !== undefined) return controller.uid === owner.metadata.uid
    return (
      live.metadata.annotations?.[annotations.owner] === owner.metadata.uid ||
      live.metadata.annotations?.[annotations.adopt] === owner.metadata.name
    )
  }

  #conflict(resource: Resource, live: KubeObject): NameConflict {
    const controller = controllerOf(live)
    this.#options.metrics.applied(resourceName(resource), 'refused')
    const who = controller === undefined ? undefined : `${controller.kind} ${controller.name} (${controller.uid})`
    return new NameConflict(describeObject({ ...live, kind: resource.kind }), who, this.#options.annotations.adopt)
  }

  #key({ desired, resource }: ApplyIntent): ObjectKey {
    return { namespace: resource.namespaced ? (desired.metadata.namespace ?? '') : '', name: desired.metadata.name }
  }

  async #find(resource: Resource, key: ObjectKey): Promise<KubeObject | undefined> {
    const { cache, client, isCached, signal } = this.#options
    if (isCached(resource)) return cache.get(resource, key)
    try {
      return await client.get(resource, key, signal === undefined ? {} : { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}

/** The reference by which the garbage collector knows that `owner` controls an object. */
export function ownerReference(owner: KubeObject): OwnerReference {
  const { name, uid = '' } = owner.metadata
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true }
}

import type { AppliedObject, DynamicObject, KubeObject, ObjectKey } from './object.ts'
import type { Resource } from './resource.ts'

/**
 * Which connections a call uses. `calls` is for everything; `lease` is set apart so that leader election does not wait behind a busy reconciler;
 * `watches` is what {@link Client.watch} uses.
 */
export type Channel = 'calls' | 'lease' | 'watches'

/** What every call takes. */
export interface CallOptions {
  /** Aborts the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Milliseconds for the whole call, retries and waits included. Default 30,000. */
  readonly deadlineMs?: number
  /** Default `calls`. */
  readonly channel?: Channel
  /** How often the call may be sent again; default 10 for verbs that may be repeated, 0 for the others. Time is bounded by the deadline anyway. */
  readonly maxRetries?: number
  /** Asked before every attempt, as late as can be; what it throws ends the call. Fencing: a retry must not leave after the lease was lost. */
  readonly guard?: () => void
}

/** What is selected of a collection. */
export interface Selection {
  /** Only this namespace; all of them without it. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Answers hold `metadata` only, with the `apiVersion` and `kind` of the resource (on the wire: `PartialObjectMetadata`). */
  readonly metadataOnly?: boolean
}

/** How a server may answer with an older version (Kubernetes documentation, "Resource versions"). */
export type ResourceVersionMatch = 'Exact' | 'NotOlderThan'

/** Options of one list call. */
export interface ListOptions extends CallOptions, Selection {
  /** At most so many items; the rest by `continue`. */
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: ResourceVersionMatch
}

/** One page of a collection. */
export interface ObjectList<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  /** Set when there is more. */
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** Options of a watch. A watch has no deadline: the server ends it after `timeoutSeconds`, the signal any time. */
export interface WatchOptions extends Selection {
  readonly signal?: AbortSignal
  /** Where to go on; without it the server starts anywhere, with synthetic ADDED events. */
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: ResourceVersionMatch
  /** Streaming list: the state of the collection comes first, closed by an annotated bookmark. */
  readonly sendInitialEvents?: boolean
  /** Default true. */
  readonly allowBookmarks?: boolean
  /** Seconds after which the server ends the watch in good order. */
  readonly timeoutSeconds?: number
  /** Milliseconds until the head of the answer must be there. Default 30,000. */
  readonly headersTimeoutMs?: number
  /** Called when the head of the answer is there: from now on the server tells all changes. */
  readonly onOpen?: () => void
  /** Milliseconds without a byte after which the watch counts as dead and throws {@link WatchSilent}. Default: never. */
  readonly silenceMs?: number
}

/** An event of a watch. Errors are thrown as `ApiError`, never delivered. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endOfInitialEvents: boolean }

/** Options of every call that writes. */
export interface WriteOptions extends CallOptions {
  /** Runs admission and validation, stores nothing. */
  readonly dryRun?: boolean
  /** What happens to fields that the schema does not know. Default `Strict`: refused. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore'
  /** Who the fields belong to afterwards. */
  readonly fieldManager?: string
}

/** Options of a server-side apply. */
export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string
  /** Takes fields over from other managers; without it they are a conflict (409). Default false. */
  readonly force?: boolean
  /** Applies to a subresource, `status` or `scale`. */
  readonly subresource?: string
}

/** `application/merge-patch+json` is RFC 7396, `application/json-patch+json` RFC 6902; strategic is Kubernetes' own, for built-in kinds. */
export type PatchType = 'merge' | 'json' | 'strategic'

/** Options of a patch. */
export interface PatchOptions extends WriteOptions {
  /** Default `merge`. */
  readonly type?: PatchType
  readonly subresource?: string
}

/** Options of a delete. */
export interface DeleteOptions extends CallOptions {
  /** Only this very object, or only while it was not changed; otherwise 409. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  /** Default `Background`. */
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan'
  readonly gracePeriodSeconds?: number
  readonly dryRun?: boolean
}

/** Options of an eviction; the server answers 429 while a PodDisruptionBudget forbids it, which is not retried. */
export type EvictOptions = Pick<DeleteOptions, 'signal' | 'deadlineMs' | 'channel' | 'preconditions' | 'gracePeriodSeconds' | 'dryRun'>

/** Any request. */
export interface RawRequest extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path with a leading slash, without query. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
  /** What is asked, for messages and metrics; default method and path. */
  readonly call?: string
}

/** The answer to a raw request that succeeded. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/**
 * Talks to the API server in raw JSON. All calls reject with `ApiError` (the server said no), `ConnectionError` (no answer), `DeadlineExceeded`,
 * `MalformedAnswer`, or the signal's reason. Reads, applies, replaces and deletes are retried on 429, 5xx and connection errors, honouring
 * `Retry-After`; creates, evictions and plain patches only where the server surely did nothing.
 */
export interface Client {
  get<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    options?: CallOptions & { readonly metadataOnly?: boolean; readonly subresource?: string },
  ): Promise<T>
  /** One page; items carry `apiVersion` and `kind` like single objects do. */
  list<T extends KubeObject = DynamicObject>(resource: Resource, options?: ListOptions): Promise<ObjectList<T>>
  /** All pages, page by page (500 objects unless `limit` says otherwise). Rejects with an expired error when the collection changed too much meanwhile. */
  pages<T extends KubeObject = DynamicObject>(resource: Resource, options?: ListOptions): AsyncGenerator<ObjectList<T>, void, undefined>
  /** Events until the server ends the watch (the iteration ends) or it fails (it throws). Breaking out of the loop closes it. */
  watch<T extends KubeObject = DynamicObject>(resource: Resource, options?: WatchOptions): AsyncGenerator<WatchEvent<T>, void, undefined>
  create<T extends KubeObject = DynamicObject>(resource: Resource, object: AppliedObject, options?: WriteOptions): Promise<T>
  /** PUT with the object's `resourceVersion`: conflicts when somebody else wrote since. */
  replace<T extends KubeObject = DynamicObject>(
    resource: Resource,
    object: AppliedObject,
    options?: WriteOptions & { readonly subresource?: string },
  ): Promise<T>
  /** Server-side apply: creates or changes exactly the fields that `object` names, gives up those it named before. */
  apply<T extends KubeObject = DynamicObject>(resource: Resource, object: AppliedObject, options: ApplyOptions): Promise<T>
  /** {@link Client.apply} on the `status` subresource. */
  applyStatus<T extends KubeObject = DynamicObject>(
    resource: Resource,
    object: AppliedObject,
    options: Omit<ApplyOptions, 'subresource'>,
  ): Promise<T>
  patch<T extends KubeObject = DynamicObject>(resource: Resource, key: ObjectKey, patch: unknown, options?: PatchOptions): Promise<T>
  /** Merge patch on the `status` subresource; put `metadata.resourceVersion` in it for optimistic locking. */
  patchStatus<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options?: Omit<PatchOptions, 'subresource'>,
  ): Promise<T>
  /** Resolves with the object that is on its way out, or undefined when the server answered with a `Status`. Not there: rejects with 404. */
  delete<T extends KubeObject = DynamicObject>(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<T | undefined>
  /** Evicts a pod (`policy/v1 Eviction`). */
  evict(pod: ObjectKey, options?: EvictOptions): Promise<void>
  request(request: RawRequest): Promise<RawAnswer>
}

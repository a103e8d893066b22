import type {
  ApplyOptions,
  CallOptions,
  Client,
  DeleteOptions,
  EvictOptions,
  ListOptions,
  ObjectList,
  PatchOptions,
  PatchType,
  RawAnswer,
  RawRequest,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts'
import { MalformedAnswer } from './errors.ts'
import { parseJsonLines, JsonLinesError } from './json-lines.ts'
import { keyOf, keyToString, type AppliedObject, type DynamicObject, type KubeObject, type ObjectKey } from './object.ts'
import { apiVersionOf, resourceName, resourcePath, resources, type Resource } from './resource.ts'
import { isStatus, statusToError } from './status-error.ts'
import type { Transport, TransportRequest } from './transport.ts'

/** As client-go's pager. */
const pageSize = 500

/** The annotation of the bookmark that closes a streaming list (KEP-3157). */
const initialEventsEnd = 'k8s.io/initial-events-end'

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
}

const metadataAccept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const metadataListAccept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

interface ListAnswer {
  readonly items?: readonly KubeObject[] | null
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number }
}

interface WatchLine {
  readonly type?: string
  readonly object?: KubeObject
}

/** The {@link Client} over a {@link Transport}. */
export class HttpClient implements Client {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async get<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    options: CallOptions & { readonly metadataOnly?: boolean; readonly subresource?: string } = {},
  ): Promise<T> {
    const { metadataOnly, subresource, ...call } = options
    const request = objectRequest('get', resource, key, subresource)
    const object = await this.#object<T>({ ...call, ...request, method: 'GET', ...(metadataOnly === true && { accept: metadataAccept }) })
    return metadataOnly === true ? withType(resource, object) : object
  }

  async list<T extends KubeObject = DynamicObject>(resource: Resource, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { signal, deadlineMs, channel, maxRetries, metadataOnly, ...selection } = options
    const call = `list ${describe(resource, selection.namespace)}`
    const { metadata, items } = await this.#parsed<ListAnswer>({
      ...defined({ signal, deadlineMs, channel, maxRetries }),
      call,
      method: 'GET',
      path: resourcePath(resource, defined({ namespace: selection.namespace })),
      query: { ...selectors(selection), limit: selection.limit, continue: selection.continue },
      ...(metadataOnly === true && { accept: metadataListAccept }),
    })
    if (metadata === undefined) throw new MalformedAnswer(call, 'it has no metadata')
    return {
      items: (items ?? []).map((item) => withType(resource, item as T)),
      // Lists that are made up on the fly (componentstatuses) have none.
      resourceVersion: metadata.resourceVersion ?? '',
      ...defined({ continue: metadata.continue || undefined, remainingItemCount: metadata.remainingItemCount }),
    }
  }

  async *pages<T extends KubeObject = DynamicObject>(
    resource: Resource,
    options: ListOptions = {},
  ): AsyncGenerator<ObjectList<T>, void, undefined> {
    let page: ObjectList<T> | undefined
    do {
      const { resourceVersion, resourceVersionMatch, ...rest } = options
      // The token carries the version; the server refuses both together.
      const place = page?.continue === undefined ? defined({ resourceVersion, resourceVersionMatch }) : { continue: page.continue }
      page = await this.list<T>(resource, { limit: pageSize, ...rest, ...place })
      yield page
    } while (page.continue !== undefined)
  }

  async *watch<T extends KubeObject = DynamicObject>(
    resource: Resource,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { allowBookmarks = true, sendInitialEvents, timeoutSeconds, metadataOnly, signal, silenceMs } = options
    const call = `watch ${describe(resource, options.namespace)}`
    const answer = await this.#transport.stream({
      ...defined({ signal, silenceMs }),
      call,
      headersTimeoutMs: options.headersTimeoutMs ?? 30_000,
      path: resourcePath(resource, defined({ namespace: options.namespace })),
      query: { watch: true, ...selectors(options), allowWatchBookmarks: allowBookmarks, sendInitialEvents, timeoutSeconds },
      ...(metadataOnly === true && { accept: metadataAccept }),
    })
    try {
      options.onOpen?.()
      for await (const line of parseJsonLines(answer.body)) yield toEvent<T>(call, resource, line as WatchLine)
    } catch (error) {
      throw error instanceof JsonLinesError ? new MalformedAnswer(call, error.message, { cause: error }) : error
    } finally {
      answer.close()
    }
  }

  async create<T extends KubeObject = DynamicObject>(resource: Resource, object: AppliedObject, options: WriteOptions = {}): Promise<T> {
    const { namespace } = keyOf(object)
    return await this.#object<T>({
      ...writeRequest(options),
      call: `create ${describe(resource, namespace, object.metadata.name)}`,
      method: 'POST',
      path: resourcePath(resource, { namespace }),
      body: object,
      idempotent: false,
    })
  }

  async replace<T extends KubeObject = DynamicObject>(
    resource: Resource,
    object: AppliedObject,
    options: WriteOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const { subresource, ...write } = options
    return await this.#object<T>({
      ...writeRequest(write),
      ...objectRequest('replace', resource, keyOf(object), subresource),
      method: 'PUT',
      body: object,
    })
  }

  async apply<T extends KubeObject = DynamicObject>(resource: Resource, object: AppliedObject, options: ApplyOptions): Promise<T> {
    const { subresource, force = false, ...write } = options
    const request = writeRequest(write)
    return await this.#object<T>({
      ...request,
      ...objectRequest('apply', resource, keyOf(object), subresource),
      query: { ...request.query, force },
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: object,
      idempotent: true,
    })
  }

  async applyStatus<T extends KubeObject = DynamicObject>(
    resource: Resource,
    object: AppliedObject,
    options: Omit<ApplyOptions, 'subresource'>,
  ): Promise<T> {
    return await this.apply<T>(resource, object, { ...options, subresource: 'status' })
  }

  async patch<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const { type = 'merge', subresource, ...write } = options
    return await this.#object<T>({
      ...writeRequest(write),
      ...objectRequest('patch', resource, key, subresource),
      method: 'PATCH',
      contentType: patchContentTypes[type],
      body: patch,
      idempotent: type === 'merge',
    })
  }

  async patchStatus<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options: Omit<PatchOptions, 'subresource'> = {},
  ): Promise<T> {
    return await this.patch<T>(resource, key, patch, { ...options, subresource: 'status' })
  }

  async delete<T extends KubeObject = DynamicObject>(
    resource: Resource,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<T | undefined> {
    const { preconditions, propagation = 'Background', gracePeriodSeconds, dryRun, ...call } = options
    const body = deleteOptions({ preconditions, propagationPolicy: propagation, gracePeriodSeconds, dryRun })
    const answer = await this.#object<T>({
      ...call,
      ...objectRequest('delete', resource, key),
      method: 'DELETE',
      body: { apiVersion: 'v1', kind: 'DeleteOptions', ...body },
      // Without a uid, a second try could hit a new object of the same name.
      idempotent: preconditions?.uid !== undefined,
    })
    return isStatus(answer) ? undefined : answer
  }

  async evict(pod: ObjectKey, options: EvictOptions = {}): Promise<void> {
    const { preconditions, gracePeriodSeconds, dryRun, ...call } = options
    await this.#object({
      ...call,
      ...objectRequest('evict', resources.pods, pod, 'eviction'),
      method: 'POST',
      // A 429 says that a PodDisruptionBudget forbids it: whoever evicts decides what then.
      maxRetries: 0,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace: pod.namespace, name: pod.name },
        deleteOptions: deleteOptions({ preconditions, gracePeriodSeconds, dryRun }),
      },
    })
  }

  async request(request: RawRequest): Promise<RawAnswer> {
    return await this.#transport.call(request)
  }

  async #object<T>(request: TransportRequest & { readonly call: string }): Promise<T> {
    return await this.#parsed<T>(request)
  }

  async #parsed<T>(request: TransportRequest & { readonly call: string }): Promise<T> {
    const { text } = await this.#transport.call(request)
    try {
      return JSON.parse(text) as T
    } catch (error) {
      throw new MalformedAnswer(request.call, 'it is no JSON', { cause: error })
    }
  }
}

function toEvent<T extends KubeObject>(call: string, resource: Resource, line: WatchLine): WatchEvent<T> {
  const { type, object } = line
  if (type === 'ERROR' && isStatus(object)) throw statusToError(call, object)
  if (object?.metadata === undefined) throw new MalformedAnswer(call, `an event of type ${type ?? 'undefined'} holds no object`)
  if (type === 'BOOKMARK') {
    const { resourceVersion = '', annotations } = object.metadata
    return { type, resourceVersion, endOfInitialEvents: annotations?.[initialEventsEnd] === 'true' }
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED')
    throw new MalformedAnswer(call, `there is no event type ${type ?? 'undefined'}`)
  return { type, object: object.kind === 'PartialObjectMetadata' ? withType(resource, object as T) : (object as T) }
}

/** Items of a list lack their type, objects without spec have another one: both get what single objects have. */
function withType<T extends KubeObject>(resource: Resource, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind }
}

function describe(resource: Resource, namespace = '', name = ''): string {
  const place = name === '' ? namespace && `in ${namespace}` : keyToString({ namespace, name })
  return place === '' ? resourceName(resource) : `${resourceName(resource)} ${place}`
}

function objectRequest(verb: string, resource: Resource, key: ObjectKey, subresource?: string) {
  return {
    call: `${verb} ${describe(resource, key.namespace, key.name)}${subresource === undefined ? '' : ` (${subresource})`}`,
    path: resourcePath(resource, { ...key, ...defined({ subresource }) }),
  }
}

function writeRequest(options: WriteOptions) {
  const { dryRun, fieldValidation = 'Strict', fieldManager, ...call } = options
  return { ...call, query: { fieldManager, fieldValidation, dryRun: dryRun === true ? 'All' : undefined } }
}

function selectors(options: Pick<ListOptions, 'labelSelector' | 'fieldSelector' | 'resourceVersion' | 'resourceVersionMatch'>) {
  const { labelSelector, fieldSelector, resourceVersion, resourceVersionMatch } = options
  return { labelSelector, fieldSelector, resourceVersion, resourceVersionMatch }
}

function deleteOptions({ dryRun, ...options }: { readonly dryRun: boolean | undefined } & Readonly<Record<string, unknown>>) {
  return { ...options, ...(dryRun === true && { dryRun: ['All'] }) }
}

/** Leaves out what is undefined, which `exactOptionalPropertyTypes` tells from absent. */
function defined<T extends object>(value: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [Name in keyof T]: Exclude<T[Name], undefined>
  }
}

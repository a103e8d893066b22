import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { parse } from 'yaml'
import { ClusterError } from './errors.ts'

/** Any Kubernetes object, as far as the harness looks into it. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** The parts of an object's metadata that tests look at. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly deletionTimestamp?: string
  readonly ownerReferences?: readonly {
    readonly kind: string
    readonly name: string
    readonly uid: string
    readonly controller?: boolean
  }[]
  readonly [field: string]: unknown
}

/** A kind with its group and version: what finds the path of a resource. */
export interface TypeOf {
  readonly apiVersion: string
  readonly kind: string
}

/** Options of one call. */
export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** The answer of the API server, whatever its status. */
export interface Answer {
  readonly status: number
  readonly text: string
}

interface Resource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
}

interface KubeconfigFile {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[]
}

const CALL_TIMEOUT_MS = 30_000

/**
 * A small client of the API server for the harness and for tests: what kubectl does, without starting a program of 60 MB for each call.
 * It is not the operator's client, so that a fault of that one cannot hide from the tests.
 */
export class ApiClient {
  readonly url: string
  readonly #agent: Agent
  readonly #resources = new Map<string, Promise<readonly Resource[]>>()

  constructor(options: { readonly url: string; readonly authority: string; readonly cert: string; readonly key: string }) {
    this.url = options.url
    this.#agent = new Agent({
      connect: { ca: options.authority, cert: options.cert, key: options.key },
      connections: 8,
      keepAliveTimeout: 10_000,
    })
  }

  /** A client with the first cluster and user of a kubeconfig file that carries its certificates, as those of the harness do. */
  static fromKubeconfig(path: string): ApiClient {
    const file = parse(readFileSync(path, 'utf8')) as KubeconfigFile
    const cluster = file.clusters[0]?.cluster ?? {}
    const user = file.users[0]?.user ?? {}
    const pem = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString()
    return new ApiClient({
      url: cluster['server'] ?? '',
      authority: pem(cluster['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data']),
    })
  }

  /** Any call; never throws for a status. */
  async call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options: CallOptions = {}): Promise<Answer> {
    const query = options.query === undefined ? '' : `?${new URLSearchParams(options.query).toString()}`
    const timeout = AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS)
    const response = await request(`${this.url}${path}${query}`, {
      method,
      dispatcher: this.#agent,
      signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
      headers: {
        accept: 'application/json, */*',
        ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      body: options.body === undefined ? null : JSON.stringify(options.body),
    })
    return { status: response.statusCode, text: await response.body.text() }
  }

  /** The object, or `undefined` if there is none. */
  async get<T extends KubeObject = KubeObject>(type: TypeOf, name: string, namespace?: string): Promise<T | undefined> {
    const answer = await this.call('GET', await this.path(type, namespace, name))
    return answer.status === 404 ? undefined : (this.#parse(answer, `get ${type.kind} ${name}`) as T)
  }

  /** All objects of a kind, in one namespace or in all. */
  async list<T extends KubeObject = KubeObject>(
    type: TypeOf,
    namespace?: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<readonly T[]> {
    const answer = await this.call('GET', await this.path(type, namespace), { query })
    const list = this.#parse(answer, `list ${type.kind}`) as { readonly items: readonly T[] | null }
    // Items of a list lack the type that the list has.
    return (list.items ?? []).map((item) => Object.assign(item, { apiVersion: type.apiVersion, kind: type.kind }))
  }

  /** Creates; an object that exists already is an error. */
  async create(object: KubeObject): Promise<KubeObject> {
    const path = await this.path(object, object.metadata.namespace)
    return this.#parse(await this.call('POST', path, { body: object }), `create ${object.kind} ${object.metadata.name}`) as KubeObject
  }

  /** Server-side apply with force; creates what is not there. */
  async apply(object: KubeObject, fieldManager = 'test'): Promise<KubeObject> {
    const path = await this.path(object, object.metadata.namespace, object.metadata.name)
    const options = { body: object, contentType: 'application/apply-patch+yaml', query: { fieldManager, force: 'true' } }
    return this.#parse(await this.call('PATCH', path, options), `apply ${object.kind} ${object.metadata.name}`) as KubeObject
  }

  /** JSON merge patch (RFC 7396), also of a subresource such as `status` or `scale`. */
  async patch<T extends KubeObject = KubeObject>(
    type: TypeOf,
    name: string,
    namespace: string | undefined,
    patch: unknown,
    subresource?: string,
  ): Promise<T> {
    const path = await this.path(type, namespace, name)
    const options = { body: patch, contentType: 'application/merge-patch+json' }
    return this.#parse(
      await this.call('PATCH', subresource === undefined ? path : `${path}/${subresource}`, options),
      `patch ${type.kind} ${name}`,
    ) as T
  }

  /** Deletes in the background; what is not there is fine. */
  async delete(
    type: TypeOf,
    name: string,
    namespace?: string,
    query: Readonly<Record<string, string>> = { propagationPolicy: 'Background' },
  ): Promise<void> {
    const answer = await this.call('DELETE', await this.path(type, namespace, name), { query })
    if (answer.status !== 404) this.#parse(answer, `delete ${type.kind} ${name}`)
  }

  /** Text of a GET, as `kubectl get --raw` gives it. */
  async raw(path: string): Promise<string> {
    const answer = await this.call('GET', path)
    if (answer.status >= 300) throw failure(answer, `get ${path}`)
    return answer.text
  }

  /** Whether the API server says that it is ready. */
  async ready(): Promise<boolean> {
    return (await this.call('GET', '/readyz', { timeoutMs: 2000 })).status === 200
  }

  /** Path of a collection, or of an object if a name is given. Kinds are looked up in the server's discovery, once per group. */
  async path(type: TypeOf, namespace?: string, name?: string): Promise<string> {
    const base = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`
    const resource = (await this.#resource(base, type)) ?? (await this.#resource(base, type, true))
    if (resource === undefined)
      throw new ClusterError('ApiFailed', `the API server knows no kind ${type.kind} in ${type.apiVersion}: is its CRD applied?`)
    const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ''
    return `${base}${scope}/${resource.name}${name === undefined ? '' : `/${name}`}`
  }

  /** Closes all connections; calls that run are cut. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #resource(base: string, type: TypeOf, again = false): Promise<Resource | undefined> {
    if (again || !this.#resources.has(base)) this.#resources.set(base, this.#discover(base))
    const resources = await this.#resources.get(base)
    return resources?.find(({ kind, name }) => kind === type.kind && !name.includes('/'))
  }

  async #discover(base: string): Promise<readonly Resource[]> {
    const answer = await this.call('GET', base)
    return answer.status === 404 ? [] : (this.#parse(answer, `discover ${base}`) as { readonly resources: readonly Resource[] }).resources
  }

  #parse(answer: Answer, what: string): unknown {
    if (answer.status >= 300) throw failure(answer, what)
    return JSON.parse(answer.text)
  }
}

function failure(answer: Answer, what: string): ClusterError {
  let message = answer.text
  try {
    message = (JSON.parse(answer.text) as { readonly message?: string }).message ?? message
  } catch {
    // Not every answer is JSON: a proxy or a dying server speaks plain text.
  }
  return new ClusterError('ApiFailed', `${what}: ${answer.status} ${message}`, { details: answer.text })
}

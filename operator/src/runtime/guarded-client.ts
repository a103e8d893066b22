import type { CallOptions, Client } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import { resourceName, resources, type Resource } from '../kube/resource.ts'
import type { Fence } from './election.ts'
import { CallNotDeclared } from './errors.ts'
import { describeAccess, type AccessRule, type Verb } from './source.ts'

/** What a guarded client is built from. */
export interface GuardOptions {
  readonly client: Client
  readonly fence: Fence
  /** For messages. */
  readonly controller: string
  /** Calls that are allowed. */
  readonly access: readonly AccessRule[]
  /** Added to every call that brings no signal of its own. */
  readonly signal?: AbortSignal
  /** Told after each write that the server answered. */
  readonly onWrite?: (resource: Resource, object: KubeObject) => void
  /** Told after each deletion that the server accepted. */
  readonly onDelete?: (resource: Resource, key: ObjectKey, uid: string | undefined) => void
}

/**
 * A client that holds three promises for its controller: no write leaves without the lease, asked again before each attempt; no call leaves that the
 * access table does not name, so that the generated roles are complete; and each write is told to the own-writes barrier.
 */
export function guardClient({ client, fence, controller, access, signal, onWrite, onDelete }: GuardOptions): Client {
  const allow = (verb: Verb, resource: Resource, subresource?: string, name?: string) => {
    if (!access.some((rule) => permits(rule, verb, resource, subresource, name)))
      throw new CallNotDeclared(controller, verb, describeAccess('', resource, subresource).trim())
  }
  const reading = <O extends CallOptions>(options?: O): O => ({ ...(signal === undefined ? {} : { signal }), ...options }) as O
  const writing = <O extends CallOptions>(what: string, options?: O): O => {
    fence.assertHeld(what)
    return { ...reading(options), guard: () => fence.assertHeld(what) }
  }
  const say = (verb: string, resource: Resource, name: string, namespace = '') =>
    `${verb} ${resourceName(resource)} ${namespace === '' ? '' : `${namespace}/`}${name}`
  const wrote = <T extends KubeObject>(resource: Resource, object: T, dryRun?: boolean): T => {
    if (dryRun !== true) onWrite?.(resource, object)
    return object
  }

  return {
    async get(resource, key, options) {
      allow('get', resource, options?.subresource, key.name)
      return client.get(resource, key, reading(options))
    },
    async list(resource, options) {
      allow('list', resource)
      return client.list(resource, reading(options))
    },
    pages(resource, options) {
      allow('list', resource)
      return client.pages(resource, reading(options))
    },
    watch(resource, options) {
      allow('watch', resource)
      return client.watch(resource, options)
    },
    async create(resource, object, options) {
      allow('create', resource)
      const { name, namespace } = object.metadata
      return wrote(
        resource,
        await client.create(resource, object, writing(say('create', resource, name, namespace), options)),
        options?.dryRun,
      )
    },
    async replace(resource, object, options) {
      const { name, namespace } = object.metadata
      allow('update', resource, options?.subresource, name)
      return wrote(
        resource,
        await client.replace(resource, object, writing(say('replace', resource, name, namespace), options)),
        options?.dryRun,
      )
    },
    async apply(resource, object, options) {
      const { name, namespace } = object.metadata
      allow('patch', resource, options.subresource, name)
      return wrote(
        resource,
        await client.apply(resource, object, writing(say('apply', resource, name, namespace), options)),
        options.dryRun,
      )
    },
    async applyStatus(resource, object, options) {
      const { name, namespace } = object.metadata
      allow('patch', resource, 'status', name)
      return wrote(
        resource,
        await client.applyStatus(resource, object, writing(say('apply status of', resource, name, namespace), options)),
        options.dryRun,
      )
    },
    async patch(resource, key, patch, options) {
      allow('patch', resource, options?.subresource, key.name)
      return wrote(
        resource,
        await client.patch(resource, key, patch, writing(say('patch', resource, key.name, key.namespace), options)),
        options?.dryRun,
      )
    },
    async patchStatus(resource, key, patch, options) {
      allow('patch', resource, 'status', key.name)
      return wrote(
        resource,
        await client.patchStatus(resource, key, patch, writing(say('patch status of', resource, key.name, key.namespace), options)),
        options?.dryRun,
      )
    },
    async delete<T extends KubeObject>(resource: Resource, key: ObjectKey, options: Parameters<Client['delete']>[2]) {
      allow('delete', resource, undefined, key.name)
      const forget = (uid: string | undefined) => {
        if (options?.dryRun !== true) onDelete?.(resource, key, uid)
      }
      try {
        const object = await client.delete<T>(resource, key, writing(say('delete', resource, key.name, key.namespace), options))
        forget(object?.metadata.uid ?? options?.preconditions?.uid)
        return object
      } catch (error) {
        // Gone already, perhaps by this very call whose first answer was lost: the cache may still show it.
        if (isNotFound(error)) forget(options?.preconditions?.uid)
        throw error
      }
    },
    async evict(pod, options) {
      allow('create', resources.pods, 'eviction', pod.name)
      return client.evict(pod, writing(say('evict', resources.pods, pod.name, pod.namespace), options))
    },
    async request(request) {
      if (request.method === 'GET') return client.request(reading(request))
      throw new CallNotDeclared(controller, request.method, `${request.path}, which has to go through a typed call`)
    },
  }
}

/** Whether a rule of the table allows a call. */
export function permits(rule: AccessRule, verb: Verb, resource: Resource, subresource?: string, name?: string): boolean {
  return (
    rule.resource.group === resource.group &&
    rule.resource.plural === resource.plural &&
    rule.subresource === subresource &&
    rule.verbs.includes(verb) &&
    (rule.names === undefined || (name !== undefined && rule.names.includes(name)))
  )
}

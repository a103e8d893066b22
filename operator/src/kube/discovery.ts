import type { CallOptions, Client } from './client.ts'
import { isNotFound, ResourceUnknown } from './errors.ts'
import type { Resource } from './resource.ts'

interface ResourceListEntry {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}

interface GroupList {
  readonly groups: readonly {
    readonly versions: readonly { readonly groupVersion: string }[]
    readonly preferredVersion: { readonly groupVersion: string }
  }[]
}

/** A resource and what may be done with it. */
export interface DiscoveredResource extends Resource {
  readonly verbs: readonly string[]
}

/** Finds resources by what an object says of itself. What was found is remembered; what was not is asked for again. */
export class Discovery {
  readonly #client: Pick<Client, 'request'>
  readonly #known = new Map<string, readonly DiscoveredResource[]>()

  constructor(client: Pick<Client, 'request'>) {
    this.#client = client
  }

  /**
   * The resource of a kind.
   *
   * @throws ResourceUnknown when the API serves none
   */
  async find(apiVersion: string, kind: string, options: CallOptions = {}): Promise<DiscoveredResource> {
    const known = this.#known.get(apiVersion)?.find((resource) => resource.kind === kind)
    if (known !== undefined) return known
    const found = (await this.#ask(apiVersion, options)).find((resource) => resource.kind === kind)
    if (found === undefined) throw new ResourceUnknown(apiVersion, kind)
    return found
  }

  /** Whether the API serves this resource now; asks the server each time. */
  async serves(resource: Resource, options: CallOptions = {}): Promise<boolean> {
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
    return (await this.#ask(apiVersion, options)).some(({ plural }) => plural === resource.plural)
  }

  /** All resources of the server, each in the version that it prefers. */
  async all(options: CallOptions = {}): Promise<readonly DiscoveredResource[]> {
    const { text } = await this.#client.request({ ...options, method: 'GET', path: '/apis', call: 'discover groups' })
    const preferred = (JSON.parse(text) as GroupList).groups.map((group) => group.preferredVersion.groupVersion)
    const lists = await Promise.all(['v1', ...preferred].map((apiVersion) => this.#ask(apiVersion, options)))
    return lists.flat()
  }

  async #ask(apiVersion: string, options: CallOptions): Promise<readonly DiscoveredResource[]> {
    const [version = '', group = ''] = apiVersion.split('/').toReversed()
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
    try {
      const { text } = await this.#client.request({ ...options, method: 'GET', path, call: `discover ${apiVersion}` })
      const entries = (JSON.parse(text) as { readonly resources: readonly ResourceListEntry[] }).resources
      const found = entries
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced, verbs }) => ({ group, version, plural: name, kind, namespaced, verbs }))
      this.#known.set(apiVersion, found)
      return found
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.#known.delete(apiVersion)
      return []
    }
  }
}

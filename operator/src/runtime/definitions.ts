import type { Client } from '../kube/client.ts'
import { isForbidden } from '../kube/errors.ts'
import { resourceName, type Resource } from '../kube/resource.ts'
import { backoff } from './backoff.ts'
import { sleep, type Clock } from './clock.ts'
import { ResourceNotServed, toError } from './errors.ts'
import type { Logger } from './log.ts'
import { isServed, servedSchemaHash } from './served.ts'

/** A custom resource that the operator was built with. */
export interface ExpectedDefinition {
  readonly resource: Resource
  /** `schemaHash` of the definition at build time. */
  readonly schemaHash: string
}

/** What {@link DefinitionCheck} is built from. */
export interface DefinitionCheckOptions {
  readonly client: Client
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Logger
  /** Resources that have to be served. */
  readonly needed: readonly Resource[]
  readonly expected: readonly ExpectedDefinition[]
}

/** Looks for a definition that is missing: 1 s, doubled, at most 30 s; jitter takes from that, never below 100 ms. */
const lookBackoff = { baseMs: 1000, maxMs: 30_000 }
const shortestLookMs = 100

/** What the API has to serve before an operator can work, and whether it is what the operator knows. */
export class DefinitionCheck {
  readonly #options: DefinitionCheckOptions
  readonly #outdated = new Set<string>()
  #unserved: readonly string[] = []

  constructor(options: DefinitionCheckOptions) {
    this.#options = options
  }

  /** Resources that are waited for. */
  get unserved(): readonly string[] {
    return this.#unserved
  }

  /** Custom resources whose served schema is not the expected one. */
  get outdated(): readonly string[] {
    return [...this.#outdated]
  }

  /**
   * Waits until all of them are served, without ending: a pod that crashes until somebody installs the definitions would be in back-off when they come.
   * Rejects only with the signal's reason.
   */
  async whenServed(signal: AbortSignal): Promise<void> {
    const { clock, log, needed, random } = this.#options
    const left = new Map(needed.map((resource) => [resourceName(resource), resource]))
    for (let round = 0; left.size > 0; round++) {
      for (const [name, resource] of left) {
        try {
          if (await isServed(this.#options.client, resource, signal)) left.delete(name)
          else if (round === 0)
            log.error({ err: new ResourceNotServed(`${name} in ${resource.version}`) }, 'A resource is not served; waiting for it')
        } catch (error) {
          if (signal.aborted) throw signal.reason
          if (round === 0) log.warn({ resource: name, err: toError(error) }, 'Could not ask what the API server serves; trying again')
        }
      }
      this.#unserved = [...left.keys()]
      if (left.size > 0) await sleep(clock, shortestLookMs + backoff(lookBackoff, round, random()), signal)
    }
  }

  /** Compares the schemas that are served with the expected ones. Where they may not be read, nothing is known and nothing is said of them. */
  async compare(signal: AbortSignal): Promise<void> {
    const { client, expected, log } = this.#options
    for (const { resource, schemaHash } of expected) {
      const definition = resourceName(resource)
      try {
        if ((await servedSchemaHash(client, resource, signal)) === schemaHash) continue
        this.#outdated.add(definition)
        log.warn(
          { definition, reason: 'CRDOutdated' },
          'The definition in the cluster is not the one of this version; update it, or fields get lost',
        )
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (isForbidden(error)) log.info({ definition }, 'May not read the definition, so it is not compared with that of this version')
        else log.warn({ definition, err: toError(error) }, 'Could not compare the definition with that of this version')
      }
    }
  }
}

import { resources } from '../../operator/src/kube/resource.ts'
import { isNotFound } from '../../operator/src/kube/errors.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import type { AppliedObject } from '../../operator/src/kube/object.ts'

/** Options of {@link churn}. */
export interface ChurnOptions {
  /** Goes straight to the API server: what is measured is who watches, not who writes. */
  readonly client: Client
  readonly namespace: string
  readonly random: () => number
  /** How many writes. */
  readonly writes: number
  /** How many objects there are at most, of each kind. */
  readonly objects?: number
}

const kinds = [resources.configMaps, resources.serviceAccounts]

/** Creates, changes, deletes and recreates objects of two kinds at random, under few names, so that the same name dies and is born again. */
export async function churn({ client, namespace, random, writes, objects = 12 }: ChurnOptions): Promise<void> {
  for (let write = 0; write < writes; write += 1) {
    const resource = kinds[Math.floor(random() * kinds.length)] ?? resources.configMaps
    const name = `churn-${Math.floor(random() * objects)}`
    if (random() < 0.35) {
      await client.delete(resource, { namespace, name }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
      continue
    }
    const metadata = { namespace, name, annotations: { write: String(write), random: String(random()) } }
    const object: AppliedObject = { apiVersion: 'v1', kind: resource.kind, metadata }
    await client.apply(resource, object, { fieldManager: 'churn', force: true })
  }
}

/** The kinds that {@link churn} writes. */
export const churnedResources = kinds

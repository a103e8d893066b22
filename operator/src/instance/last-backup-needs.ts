import type { NotejamInstance } from '../api/notejam.ts'
import { effectivePolicy } from '../api/policy.ts'
import { readStores } from '../backup/stores.ts'
import { keyOf, type DynamicObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { observeDatabase } from './database-observe.ts'
import { buildDatabaseService } from './resources/database-service.ts'
import { buildDatabaseSet } from './resources/database-set.ts'
import { buildNetworkPolicies } from './resources/network-policies.ts'
import { readSecrets, type SecretsOptions } from './secrets.ts'

/**
 * Makes again what the last backup of an instance needs and what is gone: whoever deletes in the foreground has the garbage collector delete all that the
 * instance owns, beside the finalizer that waits for the backup. The volume is not among it. A session key that is gone is replaced by a new one: what is
 * restored later has all notes and passwords, and its users sign in once more.
 */
export async function restoreForLastBackup(
  instance: NotejamInstance,
  context: ReconcileContext,
  randomKey: NonNullable<SecretsOptions['randomKey']>,
): Promise<void> {
  const { client, signal, clock } = context
  const policy = effectivePolicy(instance.spec)
  const secrets = await readSecrets({ client, signal, instance, policy, randomKey, now: clock.now() })
  const input = { instance, policy }
  const database = observeDatabase({
    ...{ instance, policy, secretHash: secrets.databaseHash, set: undefined, pods: [], jobs: [], asleep: undefined },
    clientsGone: false,
  })
  if (secrets.connection !== undefined) {
    const { connection, mail } = secrets
    const { stores } = await readStores(instance, context)
    const named = [stores?.first, stores?.second].filter((store) => store !== undefined)
    for (const policyObject of buildNetworkPolicies({ ...input, connection, mail, stores: named }))
      await makeAgain(resources.networkPolicies, policyObject, instance, context)
  }
  await makeAgain(resources.services, buildDatabaseService(input), instance, context)
  if (database?.input !== undefined) await makeAgain(resources.statefulSets, buildDatabaseSet(database.input), instance, context)
}

/** What is still there is left as it is, and what is on its way out is waited for. */
async function makeAgain(
  resource: Resource,
  desired: DynamicObject | undefined,
  owner: NotejamInstance,
  { applier, cache }: ReconcileContext,
): Promise<void> {
  if (desired === undefined || cache.get(resource, { ...keyOf(owner), name: desired.metadata.name }) !== undefined) return
  await applier.apply({ resource, desired, owner, createOnly: true })
}

import type { NotejamInstance } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import type { JobState } from '../instance/job-state.ts'
import { buildSessionSecret, secretKeyBytes } from '../instance/resources/secret.ts'
import { resources } from '../kube/resource.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { bootstrapSecretName, openSealedKey } from './sealed-key.ts'

/**
 * Makes the session Secret of an instance that began with an archive, out of what its Job handed over, so that people stay signed in. An archive without
 * a key gets a new one: then they sign in again.
 */
export async function takeKeyOver(
  instance: NotejamInstance,
  job: Extract<JobState, { type: 'Succeeded' }>,
  { client, recorder, signal }: ReconcileContext,
  randomKey: (bytes: number) => string,
): Promise<void> {
  const { namespace = '' } = instance.metadata
  const pair = await client.get<Secret>(resources.secrets, { namespace, name: bootstrapSecretName(instance) }, { signal })
  const entries = new Map(Object.entries(pair.data ?? {}).map(([entry, value]) => [entry, Buffer.from(value, 'base64')]))
  const key = job.sealedSecretKey === undefined ? undefined : openSealedKey(job.sealedSecretKey, entries)
  const input = { instance, policy: effectivePolicy(instance.spec) }
  await client.create<Secret>(resources.secrets, buildSessionSecret(input, key ?? randomKey(secretKeyBytes)), { signal })
  const note =
    key === undefined
      ? 'The archive brought no key of the app, so people sign in again'
      : 'The archive is restored, with the key of the app'
  recorder.event(instance, { type: key === undefined ? 'Warning' : 'Normal', reason: 'RestoreSucceeded', action: 'Restore', note })
}

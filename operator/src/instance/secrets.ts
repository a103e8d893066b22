import { createHash } from 'node:crypto'
import type { NotejamInstance } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import type { Client } from '../kube/client.ts'
import { isAlreadyExists, isNotFound } from '../kube/errors.ts'
import { controllerOf, type DynamicObject, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { Stall } from './release.ts'
import { ownSecretName, secretName } from './resources/names.ts'
import { secretKeyEntry, type RenderInput } from './resources/render-input.ts'
import { buildSessionSecret, secretKeyBytes } from './resources/secret.ts'

/** The Secret that the pods read, without what is in it. */
export interface SecretState {
  /** The object without its data; undefined when it is not there. */
  readonly object: KubeObject | undefined
  /** Hash of its content, so that a change rolls the pods; undefined when it cannot be used. */
  readonly hash: string | undefined
  readonly problem: Stall | undefined
  /** The one that is there was an earlier instance's of the same name, and is about to be collected. */
  readonly outlived: boolean
}

/** What {@link readSecret} needs. */
export interface SecretOptions extends RenderInput {
  readonly client: Client
  readonly signal: AbortSignal
}

/**
 * Reads the Secret with the app's key by its name. Secrets are never listed nor watched: no role could limit that to those of ours.
 */
export async function readSecret({ client, instance, signal }: SecretOptions): Promise<SecretState> {
  const name = secretName(instance)
  try {
    const secret = await client.get<Secret>(resources.secrets, { namespace: instance.metadata.namespace ?? '', name }, { signal })
    return inspect(secret, instance)
  } catch (error) {
    if (!isNotFound(error)) throw error
    return { ...unusable, problem: missing(name) }
  }
}

/**
 * Makes the Secret of the operator's own; one that is there already is not touched.
 *
 * @param randomKey - gives so many random bytes in base64
 */
export async function createSecret(options: SecretOptions, randomKey: (bytes: number) => string): Promise<SecretState> {
  const secret = buildSessionSecret(options, randomKey(secretKeyBytes))
  try {
    const created = await options.client.create<DynamicObject & Secret>(resources.secrets, secret, { signal: options.signal })
    return inspect(created, options.instance)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return readSecret(options)
  }
}

const unusable: SecretState = { object: undefined, hash: undefined, problem: undefined, outlived: false }

function inspect(secret: Secret, instance: NotejamInstance): SecretState {
  const { data = {}, ...object } = secret
  const { name } = secret.metadata
  if (name === ownSecretName(instance) && controllerOf(secret)?.uid !== instance.metadata.uid) {
    if (outlives(secret, instance)) return { ...unusable, outlived: true }
    const message = `Secret ${name} exists and does not belong to this instance, so it is left alone. Rename or delete it, or name it in spec.app.secretRef`
    return { ...unusable, problem: { reason: 'NameConflict', message } }
  }
  const key = Buffer.from(data[secretKeyEntry] ?? '', 'base64')
  if (key.length < secretKeyBytes) {
    const message = `Secret ${name} needs the entry ${secretKeyEntry} with at least ${secretKeyBytes} bytes`
    return { ...unusable, object, problem: { reason: 'SecretKeyMissing', message } }
  }
  return { ...unusable, object, hash: createHash('sha256').update(key).digest('hex').slice(0, 16) }
}

/** Whether an object belongs to an earlier instance of the same name: its deletion is a matter of moments. */
export function outlives(object: KubeObject, instance: NotejamInstance): boolean {
  const owner = controllerOf(object)
  return owner?.kind === 'NotejamInstance' && owner.name === instance.metadata.name && owner.uid !== instance.metadata.uid
}

function missing(name: string): Stall {
  return { reason: 'SecretNotFound', message: `Secret ${name} is not there; create it with the entry ${secretKeyEntry}` }
}

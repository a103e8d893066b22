import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { ownSecretName } from './names.ts'
import { secretKeyEntry, type RenderInput } from './render-input.ts'

/** Bytes of the key: as many as HMAC-SHA-256 uses (RFC 2104, section 3). */
export const secretKeyBytes = 32

/**
 * The Secret with the key that the app signs and hashes with. It is created once and immutable: a new key would sign everybody out.
 *
 * @param key - random bytes, {@link secretKeyBytes} of them, in base64
 */
export function buildSessionSecret({ instance }: RenderInput, key: string): DynamicObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: childMetadata(instance, 'app', ownSecretName(instance)),
    type: 'Opaque',
    immutable: true,
    // The entry is read as text by the app, so it holds the base64 form; a Secret's own encoding is around it.
    data: { [secretKeyEntry]: Buffer.from(key).toString('base64') },
  }
}

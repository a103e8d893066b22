import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto'
import { childMetadata, childName } from '../api/labels.ts'
import type { NotejamInstance } from '../api/notejam.ts'
import type { DynamicObject } from '../kube/object.ts'

/** Of a raw X25519 key (RFC 7748). */
export const privateKeyBytes = 32
/** What stands before the raw key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')
/** Context of the key's derivation (image contract). */
const info = 'notejam/secret-key/v1'
const nonceBytes = 12
const tagBytes = 16
const entry = 'private-key'

/**
 * Name of the Secret with the key to which the Job that restores seals the app's key. It lies beside the Secret that the app's key ends in, so it opens
 * nothing that its reader could not read anyway; and a new process of the operator finds it.
 */
export function bootstrapSecretName(instance: NotejamInstance): string {
  return childName(instance.metadata.name, 'bootstrap')
}

/**
 * The Secret with the private key.
 *
 * @param key - {@link privateKeyBytes} random bytes in base64
 */
export function buildBootstrapSecret(instance: NotejamInstance, key: string): DynamicObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: childMetadata(instance, 'backup', bootstrapSecretName(instance)),
    type: 'Opaque',
    immutable: true,
    data: { [entry]: key },
  }
}

/** The public key, raw in base64, as the command takes it. */
export function recipientOf(entries: ReadonlyMap<string, Buffer>): string | undefined {
  const raw = entries.get(entry)
  if (raw?.length !== privateKeyBytes) return undefined
  const spki = createPublicKey(privateKey(raw)).export({ format: 'der', type: 'spki' })
  return spki.subarray(-privateKeyBytes).toString('base64')
}

/** Opens what the Job sealed; undefined for anything else. */
export function openSealedKey(sealed: string, entries: ReadonlyMap<string, Buffer>): string | undefined {
  const raw = entries.get(entry)
  const message = Buffer.from(sealed, 'base64')
  if (raw?.length !== privateKeyBytes || message.length <= privateKeyBytes + nonceBytes + tagBytes) return undefined
  const ephemeral = message.subarray(0, privateKeyBytes)
  const nonce = message.subarray(privateKeyBytes, privateKeyBytes + nonceBytes)
  const text = message.subarray(privateKeyBytes + nonceBytes, -tagBytes)
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, ephemeral]), format: 'der', type: 'spki' })
    const shared = diffieHellman({ privateKey: privateKey(raw), publicKey })
    const key = Buffer.from(hkdfSync('sha256', shared, new Uint8Array(0), info, privateKeyBytes))
    const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(message.subarray(-tagBytes))
    return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8')
  } catch {
    // It was not sealed to this key, or was changed on its way.
    return undefined
  }
}

function privateKey(raw: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, raw]), format: 'der', type: 'pkcs8' })
}

import { createCipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto'
import { AppError, exitCodes } from '../errors.ts'

const info = 'notejam/secret-key/v1'
/** Of a raw X25519 key (RFC 7748). */
const keyBytes = 32
/** What stands before the raw key in SubjectPublicKeyInfo (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/**
 * Seals the app's key to whoever holds the private half of an X25519 key, so that it can stand in a termination message: an ephemeral key,
 * HKDF-SHA256 of the shared secret, AES-256-GCM.
 *
 * @param recipient base64 of the raw public key
 * @returns base64 of: ephemeral public key (32 bytes), nonce (12), ciphertext and tag (16)
 * @throws {@link AppError} `InvalidConfig`, exit code 2, for anything that is no such key
 */
export function sealSecretKey(secretKey: string, recipient: string): string {
  const raw = Buffer.from(recipient, 'base64')
  if (raw.length !== keyBytes) {
    throw new AppError('SECRET_KEY_RECIPIENT: must be base64 of a raw X25519 public key, 32 bytes', {
      code: 'InvalidConfig',
      exitCode: exitCodes.usage,
    })
  }
  const ephemeral = generateKeyPairSync('x25519')
  const shared = diffieHellman({
    privateKey: ephemeral.privateKey,
    publicKey: createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' }),
  })
  const own = ephemeral.publicKey.export({ format: 'der', type: 'spki' }).subarray(-keyBytes)
  const key = Buffer.from(hkdfSync('sha256', shared, new Uint8Array(0), info, keyBytes))
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = Buffer.concat([cipher.update(secretKey, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return Buffer.concat([own, nonce, sealed]).toString('base64')
}

import { createHash } from 'node:crypto'
import { archiveKey, objectNames } from '../archive/layout.ts'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import type { Store } from '../archive/stores/store.ts'
import { AppError, exitCodes, ObjectNotFoundError } from '../errors.ts'
import { decryptText } from './age.ts'
import { damaged } from './compare-sums.ts'
import type { FoundArchive } from './find-archive.ts'
import { unpack } from './pack.ts'

/** What {@link readArchive} needs. */
export interface ReadArchiveOptions {
  readonly store: Store
  readonly archive: FoundArchive
  readonly encryption: Pick<EncryptionConfig, 'identityFile'>
  readonly signal: AbortSignal
}

/**
 * The dump of an archive, decrypted and decompressed in constant memory. Ends well only when every stored byte is what the manifest says, and `age` and
 * `zstd` found their own checksums right; the SHA-256 of the dump, for people with nothing but a shell, is not computed once more.
 *
 * @throws {@link AppError} `ChecksumMismatch` (exit code 8), `WrongIdentity`, `IdentityMissing` (exit code 2)
 */
export async function* readArchive(options: ReadArchiveOptions): AsyncGenerator<Uint8Array> {
  const { store, archive, signal } = options
  const { manifest } = archive
  const stored = manifest.objects.find(({ name }) => name === dataName(manifest.encryption))
  if (stored === undefined) throw damaged(`the manifest of ${manifest.backupID} names no data`)
  const identityFile = manifest.encryption === 'None' ? undefined : requireIdentity(options)
  const key = archiveKey(archive.owner, manifest.backupID, stored.name)
  const hash = createHash('sha256')
  const measured = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of (await store.read(key, { signal })) as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      yield chunk
    }
  }
  try {
    yield* unpack(measured(), { identityFile, signal })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ObjectNotFoundError)
      throw damaged(`the data of backup ${manifest.backupID} is gone from store ${store.name}`, error)
    // What could not be opened is either damaged, which the checksum tells, or not for us.
    if (error instanceof AppError && error.code === 'StoreUnavailable') throw error
    if ((await checksum(store, key, signal)) !== stored.sha256) throw isDamaged(manifest.backupID, store, error)
    throw notOpened(options, error)
  }
  if (hash.digest('hex') !== stored.sha256) throw isDamaged(manifest.backupID, store)
}

/** The app's secret key that an archive holds; undefined when it holds none. */
export async function readSecret(options: ReadArchiveOptions): Promise<string | undefined> {
  const { store, archive, signal } = options
  const { manifest, owner } = archive
  const stored = manifest.objects.find(({ name }) => name === objectNames.secret)
  if (stored === undefined) return undefined
  const chunks: Uint8Array[] = []
  for await (const chunk of (await store.read(archiveKey(owner, manifest.backupID, stored.name), {
    signal,
  })) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
  }
  const encrypted = Buffer.concat(chunks)
  if (createHash('sha256').update(encrypted).digest('hex') !== stored.sha256) throw isDamaged(manifest.backupID, store)
  try {
    return await decryptText(encrypted, requireIdentity(options), signal)
  } catch (error) {
    throw notOpened(options, error)
  }
}

/** The name of the data in a backup's folder. */
export function dataName(encryption: EncryptionConfig['mode']): string {
  return encryption === 'Age' ? objectNames.encryptedData : objectNames.plainData
}

function requireIdentity({ encryption: { identityFile }, archive, store }: ReadArchiveOptions): string {
  if (identityFile !== undefined) return identityFile
  throw new AppError(
    `backup ${archive.manifest.backupID} in store ${store.name} is encrypted, and STORE_IDENTITY_FILE names no file with a private key of age`,
    { code: 'IdentityMissing', exitCode: exitCodes.usage },
  )
}

async function checksum(store: Store, key: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of (await store.read(key, { signal })) as AsyncIterable<Uint8Array>) hash.update(chunk)
  return hash.digest('hex')
}

function isDamaged(backupId: string, store: Store, cause?: unknown): AppError {
  return damaged(`backup ${backupId} in store ${store.name} is damaged: its checksum is not that of the manifest; use an older one`, cause)
}

function notOpened({ archive, store }: ReadArchiveOptions, error: unknown): unknown {
  const isAge = error instanceof AppError && error.code === 'ToolFailed' && error.message.startsWith('age ')
  if (!isAge || !/no identity matched|incorrect identity|malformed secret key|reading "/i.test(error.message)) return error
  return new AppError(
    `the key in STORE_IDENTITY_FILE does not open backup ${archive.manifest.backupID} in store ${store.name}; it is for ${archive.manifest.recipients.join(', ')}`,
    { code: 'WrongIdentity', cause: error },
  )
}

import { archiveKey, objectNames } from '../archive/layout.ts'
import { archiveRows } from '../archive/manifest.ts'
import type { Store } from '../archive/stores/store.ts'
import { formatVerification, maxVerificationBytes, parseVerification, type Verification } from '../archive/verification.ts'
import { AppError, messageOf, ObjectNotFoundError } from '../errors.ts'
import { damaged } from './compare-sums.ts'
import { findArchive, type FoundArchive } from './find-archive.ts'
import { trySignIn } from './try-sign-in.ts'
import { withArchive, type WithArchiveOptions } from './with-archive.ts'

/** What {@link verify} needs. */
export interface VerifyOptions extends Omit<WithArchiveOptions, 'onlyGood'> {
  /** The image that verifies. */
  readonly image: string | undefined
}

/** How a verification ended well. */
export interface VerifyResult {
  readonly archive: FoundArchive
  readonly rows: number
  readonly durationSeconds: number
}

/**
 * Errors that say the archive is bad. All others (a store that does not answer, a key that is missing, a scratch server that is full) say nothing about
 * it, and leave no record.
 */
const bad = new Set(['ChecksumMismatch', 'NotOurSchema', 'Drifted', 'MigrationFailed', 'VerificationFailed'])

/**
 * Tries an archive: restores it into a throw-away database, compares checksums, row counts and hashes with the manifest, migrates it with this image,
 * signs in through the app's own code; and leaves beside it how that ended.
 *
 * @throws {@link AppError} as `restore` does, or `VerificationFailed`, exit code 1
 */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const { store, clock } = options
  const archive = await findArchive({ ...options, onlyGood: false })
  const { manifest } = archive
  const earlier = await readVerification(store, archive)
  if (earlier?.outcome === 'Failed') {
    throw damaged(`backup ${manifest.backupID} failed its trial restore at ${earlier.time}: ${earlier.message ?? 'no reason was kept'}`)
  }
  const started = clock.now()
  const record = async (outcome: Verification['outcome'], message?: string): Promise<number> => {
    const durationSeconds = Math.max(0, clock.now() - started) / 1000
    const verification: Verification = {
      backupID: manifest.backupID,
      outcome,
      time: new Date(clock.now()).toISOString(),
      durationSeconds,
      ...(options.image === undefined ? {} : { image: options.image }),
      rows: archiveRows(manifest),
      ...(message === undefined ? {} : { message: message.slice(0, 2000) }),
    }
    await store.replace(archiveKey(archive.owner, manifest.backupID, objectNames.verification), formatVerification(verification))
    return durationSeconds
  }
  try {
    const choice = { kind: 'id', backupId: manifest.backupID } as const
    await withArchive({ ...options, source: archive.owner, choice, onlyGood: false }, trySignIn)
  } catch (error) {
    if (error instanceof AppError && bad.has(error.code)) await record('Failed', messageOf(error))
    throw error
  }
  return { archive, rows: archiveRows(manifest), durationSeconds: await record('Verified') }
}

async function readVerification(store: Store, { owner, manifest }: FoundArchive): Promise<Verification | undefined> {
  try {
    return parseVerification(await store.readText(archiveKey(owner, manifest.backupID, objectNames.verification), maxVerificationBytes))
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined
    throw error
  }
}

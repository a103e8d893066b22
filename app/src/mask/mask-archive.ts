import type { ArchiveOwner } from '../archive/layout.ts'
import type { Manifest } from '../archive/manifest.ts'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import type { Store } from '../archive/stores/store.ts'
import { backup } from '../backup/backup.ts'
import { findByUid, type ArchiveChoice } from '../backup/find-archive.ts'
import { createScratch } from '../backup/scratch.ts'
import { withArchive, type ScratchArchive } from '../backup/with-archive.ts'
import type { Clock } from '../clock.ts'
import { ConfigError } from '../errors.ts'
import type { Classification } from './classification.ts'
import { maskDatabase, type MaskOptions } from './mask-database.ts'

/** A store, and for whom or with what its archives are encrypted. */
interface Place {
  readonly store: Store
  readonly encryption: EncryptionConfig
}

/** What {@link maskArchive} needs. */
export interface MaskArchiveOptions {
  /** Names the throw-away database (`withArchive`) and the image. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The instance whose data it is; the masked archive lies below its name in the target too. */
  readonly owner: ArchiveOwner
  readonly source: Place
  readonly target: Place
  readonly choice: ArchiveChoice
  /** The app's key; undefined: the one in the archive. */
  readonly secretKey: string | undefined
  /** Of the run that asks; it gets one archive, however often it asks. */
  readonly uid: string | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The allow-list; only tests have another. */
  readonly classification?: Classification
  readonly onStep: (step: string, backupId: string) => void
  readonly onProgress: NonNullable<MaskOptions['onProgress']>
}

/** How it ended. */
export interface MaskArchiveResult {
  readonly outcome: 'Masked' | 'AlreadyStored'
  /** Of the masked archive. */
  readonly manifest: Manifest
  /** The archive that was masked; undefined when nothing was done. */
  readonly sourceBackupId: string | undefined
}

/**
 * Reads an archive into a throw-away database, masks it there, and archives the result for others. The target's store hears of nothing before everything is
 * masked, and gets neither the app's key nor the declaration of the instance.
 *
 * @throws {@link AppError} as `withArchive`, `maskDatabase` and `backup` do
 */
export async function maskArchive(options: MaskArchiveOptions): Promise<MaskArchiveResult> {
  const { owner, source, target, uid, clock } = options
  const before = uid === undefined ? undefined : await findByUid(target.store, owner, uid, new Date(clock.now()))
  if (before !== undefined) return { outcome: 'AlreadyStored', manifest: before, sourceBackupId: undefined }
  return await withArchive({ ...options, store: source.store, encryption: source.encryption, source: owner, onlyGood: true }, (archive) =>
    storeMasked(archive, options),
  )
}

async function storeMasked(archive: ScratchArchive, options: MaskArchiveOptions): Promise<MaskArchiveResult> {
  const { owner, target, uid, clock, signal, environment } = options
  const { config, opened: database, secretKey } = archive
  const rules = options.classification === undefined ? {} : { classification: options.classification }
  const sourceBackupId = archive.manifest.backupID
  if (secretKey === undefined) throw new ConfigError(['SECRET_KEY: is not set, and the archive holds none; addresses are masked under it'])
  await using scratch = await createScratch(environment)
  return await database.db.connection().execute(async (db) => {
    await maskDatabase({ db, engine: database.engine, secretKey, signal, onProgress: options.onProgress, ...rules })
    options.onStep('masked', sourceBackupId)
    const result = await backup({
      ...{ config, database, db, clock, scratch, signal, owner, uid, claim: undefined, reason: 'Masked' },
      ...{ store: target.store, encryption: target.encryption, image: environment['NOTEJAM_IMAGE'] },
    })
    if (result.outcome === 'NothingToBackUp') throw new Error('the archive held no table of Notejam')
    return { outcome: 'Masked', manifest: result.manifest, sourceBackupId }
  })
}

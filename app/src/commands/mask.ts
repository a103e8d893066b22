import { isDeepStrictEqual } from 'node:util'
import { archiveBytes, archiveRows } from '../archive/manifest.ts'
import { requireStoreConfig } from '../archive/stores/open-store.ts'
import type { StoreConfig } from '../archive/stores/store-config.ts'
import { systemClock } from '../clock.ts'
import { valueOrFile } from '../config.ts'
import { ConfigError, type ExitCode } from '../errors.ts'
import { maskArchive } from '../mask/mask-archive.ts'
import { choiceFrom, endingSignal, invalid, ownerFrom, withStore } from './archive-job.ts'
import { runStoreJob } from './store-job.ts'

/** Flags of `mask`. */
export interface MaskFlags {
  readonly backup?: string
  readonly uid?: string
  /** Seconds. */
  readonly deadline?: number
}

/** `mask`: makes a masked copy of an archive for others. Never sees the instance's own database. */
export function maskCommand(flags: MaskFlags): Promise<ExitCode> {
  const environment = process.env
  return runStoreJob('mask', async ({ log, onNotice }) => {
    const owner = ownerFrom(environment)
    const [from, to] = [requireStoreConfig(environment), requireStoreConfig(environment, 'TARGET_STORE_')]
    assertApart(from, to)
    const problems: string[] = []
    const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
    if (problems.length > 0) throw new ConfigError(problems)
    using ending = endingSignal(flags.deadline)
    const started = systemClock.now()
    const { outcome, manifest, sourceBackupId } = await withStore(from, onNotice, (source) =>
      withStore(to, onNotice, (target) =>
        maskArchive({
          ...{ environment, owner, secretKey, uid: flags.uid, clock: systemClock, signal: ending.signal },
          source: { store: source, encryption: from.encryption },
          target: { store: target, encryption: to.encryption },
          choice: choiceFrom(flags),
          onStep: (step, backupId) => {
            log.info({ step, backupId }, 'making a masked copy')
          },
          onProgress: (progress) => {
            log.info(progress, 'masking')
          },
        }),
      ),
    )
    return {
      outcome,
      backupID: manifest.backupID,
      ...(sourceBackupId === undefined ? {} : { sourceBackupID: sourceBackupId }),
      schemaVersion: manifest.schemaVersion,
      rows: archiveRows(manifest),
      sizeBytes: archiveBytes(manifest),
      durationSeconds: (systemClock.now() - started) / 1000,
    }
  })
}

/** Among the instance's own archives a masked one would be the latest, and be restored. */
function assertApart(source: StoreConfig, target: StoreConfig): void {
  const placeOf = ({ prefix, target: place }: StoreConfig) =>
    place.type === 'Folder' ? [prefix, place.path] : [prefix, place.s3.endpoint, place.s3.bucket]
  if (isDeepStrictEqual(placeOf(source), placeOf(target))) {
    throw invalid('TARGET_STORE_ is the store of the instance itself: masked copies need a bucket, a folder or a prefix of their own')
  }
}

import { valueOrFile } from '../config.ts'
import { verify } from '../backup/verify.ts'
import { ConfigError, type ExitCode } from '../errors.ts'
import { choiceFrom, endingSignal, firstStoreConfig, sourceFrom, withStore } from './archive-job.ts'
import { runStoreJob } from './store-job.ts'

/** Flags of `verify`. */
export interface VerifyFlags {
  readonly backup?: string
  readonly from?: string
  /** Seconds. */
  readonly deadline?: number
}

/** `verify`: tries an archive on a throw-away database and says beside it how that ended. Never sees the instance's own database. */
export function verifyCommand(flags: VerifyFlags): Promise<ExitCode> {
  const environment = process.env
  return runStoreJob('verify', async ({ clock, log, onNotice }) => {
    const storeConfig = firstStoreConfig(environment, ['SOURCE_STORE_', 'STORE_'])
    const problems: string[] = []
    const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
    if (problems.length > 0) throw new ConfigError(problems)
    using ending = endingSignal(flags.deadline)
    const { archive, rows, durationSeconds } = await withStore(storeConfig, onNotice, (store) =>
      verify({
        ...{ environment, store, encryption: storeConfig.encryption, clock, signal: ending.signal, secretKey },
        source: sourceFrom(flags.from, environment),
        choice: choiceFrom(flags),
        image: environment['NOTEJAM_IMAGE'],
        onStep: (step, backupId) => {
          log.info({ step, backupId }, 'verifying')
        },
      }),
    )
    const { backupID, schemaVersion } = archive.manifest
    return { outcome: 'Verified', backupID, schemaVersion, rows, durationSeconds }
  })
}

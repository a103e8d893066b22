import { valueOrFile } from '../config.ts'
import { rehearse } from '../backup/rehearse.ts'
import { ConfigError, type ExitCode } from '../errors.ts'
import { choiceFrom, endingSignal, firstStoreConfig, sourceFrom, withStore } from './archive-job.ts'
import { runStoreJob } from './store-job.ts'

/** Flags of `rehearse`. */
export interface RehearseFlags {
  readonly backup?: string
  /** Seconds. */
  readonly deadline?: number
}

/** `rehearse`: tries the migrations of this image on an archive, in a throw-away database. Never sees the instance's own database. */
export function rehearseCommand(flags: RehearseFlags): Promise<ExitCode> {
  const environment = process.env
  return runStoreJob('rehearse', async ({ clock, log, onNotice }) => {
    const storeConfig = firstStoreConfig(environment, ['SOURCE_STORE_', 'STORE_'])
    const problems: string[] = []
    const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
    if (problems.length > 0) throw new ConfigError(problems)
    using ending = endingSignal(flags.deadline)
    const { archive, tables, rows, durationSeconds } = await withStore(storeConfig, onNotice, (store) =>
      rehearse({
        ...{ environment, store, encryption: storeConfig.encryption, clock, signal: ending.signal, secretKey },
        source: sourceFrom(undefined, environment),
        choice: choiceFrom(flags),
        onStep: (step, backupId) => {
          log.info({ step, backupId }, 'rehearsing')
        },
      }),
    )
    const { backupID, schemaVersion } = archive.manifest
    return { outcome: 'Rehearsed', backupID, schemaVersion, tables, rows, durationSeconds }
  })
}

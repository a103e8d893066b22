import { systemClock } from '../clock.ts'
import { loadConfig, valueOrFile } from '../config.ts'
import { verify } from '../backup/verify.ts'
import { ConfigError, type ExitCode } from '../errors.ts'
import { createLogger } from '../telemetry/logger.ts'
import { choiceFrom, endingSignal, firstStoreConfig, sourceFrom, withStore } from './archive-job.ts'
import { runJob } from './report.ts'

/** Flags of `verify`. */
export interface VerifyFlags {
  readonly backup?: string
  readonly from?: string
  /** Seconds. */
  readonly deadline?: number
}

/** `verify`: tries an archive on a throw-away database and says beside it how that ended. Never sees the instance's own database. */
export async function verifyCommand(flags: VerifyFlags): Promise<ExitCode> {
  const environment = process.env
  const config = loadConfig(environment, {})
  const { log, flush } = createLogger({ level: config.logLevel, fileDescriptor: 2 })
  const print = (line: string) => {
    process.stdout.write(`${line}\n`)
  }
  try {
    return await runJob('verify', { terminationLog: config.terminationLog, print }, async () => {
      const storeConfig = firstStoreConfig(environment, ['SOURCE_STORE_', 'STORE_'])
      const problems: string[] = []
      const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
      if (problems.length > 0) throw new ConfigError(problems)
      using ending = endingSignal(flags.deadline)
      const onNotice = (notice: string) => {
        log.warn({ notice }, 'a store has something to say')
      }
      const { archive, rows, durationSeconds } = await withStore(storeConfig, onNotice, (store) =>
        verify({
          ...{ environment, store, encryption: storeConfig.encryption, clock: systemClock, signal: ending.signal, secretKey },
          source: sourceFrom(flags.from, environment),
          choice: choiceFrom(flags),
          image: environment['NOTEJAM_IMAGE'],
          onStep: (step, backupId) => {
            log.info({ step, backupId }, 'verifying')
          },
        }),
      )
      return {
        outcome: 'Verified',
        backupID: archive.manifest.backupID,
        schemaVersion: archive.manifest.schemaVersion,
        rows,
        durationSeconds,
      }
    })
  } finally {
    flush()
  }
}

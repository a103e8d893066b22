import { writeFile } from 'node:fs/promises'
import { readSecret } from '../backup/read-archive.ts'
import { restore } from '../backup/restore.ts'
import { createScratch } from '../backup/scratch.ts'
import { sealSecretKey } from '../backup/seal-secret-key.ts'
import { valueOrFile } from '../config.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import { AppError, ConfigError, exitCodes, type ExitCode } from '../errors.ts'
import { choiceFrom, endingSignal, firstStoreConfig, invalid, sourceFrom, storeNotices, withStore } from './archive-job.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `restore`. */
export interface RestoreFlags extends ClaimFlags {
  readonly backup?: string
  readonly notAfter?: string
  readonly from?: string
  readonly confirm?: string
  readonly bootstrap: boolean
  /** Seconds. */
  readonly deadline?: number
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** `restore`: puts an archive in the place of what the database holds, or into an empty one. */
export function restoreCommand(flags: RestoreFlags): Promise<ExitCode> {
  const environment = process.env
  return runDatabaseJob('restore', async ({ config, database, clock, log }) => {
    const claim = claimFrom(flags, environment)
    if (claim === undefined)
      throw invalid('restore needs --instance-uid (or NOTEJAM_INSTANCE_UID): without it nobody knows whose database this is')
    assertConfirmed(flags, environment)
    const choice = choiceFrom(flags)
    const source = sourceFrom(flags.from, environment)
    const storeConfig = firstStoreConfig(environment, ['SOURCE_STORE_', 'STORE_'])
    const problems: string[] = []
    const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
    if (problems.length > 0) throw new ConfigError(problems)
    using ending = endingSignal(flags.deadline)
    await using scratch = await createScratch(environment)
    const onNotice = storeNotices(log)
    return await withStore(storeConfig, onNotice, (store) =>
      withDatabaseLock(database, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
        const started = clock.now()
        const { encryption } = storeConfig
        const result = await restore({
          ...{
            config: config.database,
            database,
            db,
            clock,
            scratch,
            signal: ending.signal,
            claim,
            store,
            encryption,
            source,
            choice,
            secretKey,
          },
          mode: flags.bootstrap ? 'bootstrap' : 'inPlace',
          onStep: (step, backupId) => {
            log.info({ step, backupId }, 'restoring')
          },
        })
        const { archive, outcome, rows, erasedAccounts } = result
        const archived = flags.bootstrap ? await readSecret({ store, archive, encryption, signal: ending.signal }) : undefined
        return {
          outcome,
          backupID: archive.manifest.backupID,
          schemaVersion: archive.manifest.schemaVersion,
          rows,
          erasedAccounts,
          durationSeconds: (clock.now() - started) / 1000,
          ...(archived === undefined ? {} : await handOver(archived, environment)),
        }
      }),
    )
  })
}

/** A typed name, so that a slip of the hand replaces nobody's notes. */
function assertConfirmed({ bootstrap, confirm }: RestoreFlags, environment: Readonly<Record<string, string | undefined>>): void {
  if (bootstrap) {
    if (confirm !== undefined) throw invalid('--bootstrap fills an empty database, so there is nothing to --confirm')
    return
  }
  const name = environment['NOTEJAM_INSTANCE'] ?? ''
  if (confirm === undefined || confirm !== name || name === '') {
    throw new AppError(
      'restore replaces everything that the database holds: say --confirm with the name of the instance, as NOTEJAM_INSTANCE has it',
      { code: 'NotConfirmed', exitCode: exitCodes.fenceRefused },
    )
  }
}

/** Gives the app's key to whoever rebuilds the instance, never in the clear in a report. */
async function handOver(
  secretKey: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly sealedSecretKey?: string }> {
  const file = environment['SECRET_KEY_OUT'] ?? ''
  if (file !== '') await writeFile(file, secretKey, { mode: 0o600 })
  const recipient = environment['SECRET_KEY_RECIPIENT'] ?? ''
  return recipient === '' ? {} : { sealedSecretKey: sealSecretKey(secretKey, recipient) }
}

import { withDatabaseLock } from '../db/database-lock.ts'
import { wipe } from '../db/wipe.ts'
import { AppError, exitCodes, type ExitCode } from '../errors.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `wipe`. */
export interface WipeFlags extends ClaimFlags {
  readonly wipeId?: string
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** `wipe`: empties the database of an instance in Development. @throws {@link AppError} when it is not said whose it must be */
export function wipeCommand(flags: WipeFlags): Promise<ExitCode> {
  const claim = claimFrom({ ...flags, adopt: '' }, process.env)
  const fingerprint = claim?.fingerprint
  if (claim === undefined || fingerprint === undefined) {
    throw new AppError('wipe needs --instance-uid and --fingerprint: without them nobody knows whose database this is', {
      code: 'InvalidArguments',
      exitCode: exitCodes.usage,
    })
  }
  return runDatabaseJob('wipe', ({ config, database: opened, clock }) =>
    withDatabaseLock(opened, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
      const started = clock.now()
      const result = await wipe({ db, engine: opened.engine, claim: { ...claim, fingerprint }, wipeId: flags.wipeId })
      return { ...result, instanceUID: claim.instanceUid, durationMs: clock.now() - started }
    }),
  )
}

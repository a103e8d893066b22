import { seed } from '../data/seed.ts'
import { seedPassword } from '../data/seed-content.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import { AppError, exitCodes, type ExitCode } from '../errors.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `seed`. */
export interface SeedFlags extends ClaimFlags {
  readonly generate: boolean
  readonly seed: number
  readonly users: number
  readonly pads: number
  readonly notes: number
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** `seed --generate`: fills a database of Development or Test with accounts that depend on a number alone. */
export function seedCommand(flags: SeedFlags): Promise<ExitCode> {
  if (!flags.generate) {
    throw new AppError('seed needs --generate: it is the only source so far', { code: 'InvalidArguments', exitCode: exitCodes.usage })
  }
  const { users, pads, notes, seed: number } = flags
  return runDatabaseJob('seed', ({ config, database: opened, clock, log }) =>
    withDatabaseLock(opened, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
      const started = clock.now()
      const plan = { seed: number, users, pads, notes }
      const onUser = (email: string) => {
        log.info({ email }, 'generating an account')
      }
      const result = await seed({ db, engine: opened.engine, plan, claim: claimFrom({ ...flags, adopt: '' }, process.env), onUser })
      const signIn = { email: `user1@seed-${number}.example.org`, password: seedPassword }
      return { ...result, seed: number, ...(users === 0 ? {} : { signIn }), durationMs: clock.now() - started }
    }),
  )
}

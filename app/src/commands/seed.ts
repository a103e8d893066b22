import { createScratch } from '../backup/scratch.ts'
import { seed } from '../data/seed.ts'
import { seedFrom } from '../data/seed-from.ts'
import { seedPassword } from '../data/seed-content.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import { AppError, exitCodes, type ExitCode } from '../errors.ts'
import { choiceFrom, endingSignal, firstStoreConfig, invalid, sourceFrom, storeNotices, withStore } from './archive-job.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `seed`. */
export interface SeedFlags extends ClaimFlags {
  readonly generate: boolean
  readonly seed: number
  readonly users: number
  readonly pads: number
  readonly notes: number
  /** `NAMESPACE/INSTANCE[/UID]` of which the masked copy is. */
  readonly from?: string
  readonly backup?: string
  /** Seconds. */
  readonly deadline?: number
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** `seed`: fills a database of Development or Test with generated accounts, or with a masked copy of another instance. */
export async function seedCommand(flags: SeedFlags): Promise<ExitCode> {
  if (flags.generate === (flags.from !== undefined)) {
    throw new AppError('seed needs --generate or --from NAMESPACE/INSTANCE, and not both', {
      code: 'InvalidArguments',
      exitCode: exitCodes.usage,
    })
  }
  return flags.from === undefined ? generate(flags) : seedFromArchive(flags, flags.from)
}

function generate(flags: SeedFlags): Promise<ExitCode> {
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

function seedFromArchive(flags: SeedFlags, from: string): Promise<ExitCode> {
  const environment = process.env
  return runDatabaseJob('seed', async ({ config, database, clock, log }) => {
    const claim = claimFrom({ ...flags, adopt: '' }, environment)
    if (claim === undefined)
      throw invalid('seed --from needs --instance-uid (or NOTEJAM_INSTANCE_UID): it replaces what the database holds')
    const storeConfig = firstStoreConfig(environment, ['SOURCE_STORE_', 'STORE_'])
    const [source, choice] = [sourceFrom(from, environment), choiceFrom(flags)]
    using ending = endingSignal(flags.deadline)
    await using scratch = await createScratch(environment)
    const onNotice = storeNotices(log)
    return await withStore(storeConfig, onNotice, (store) =>
      withDatabaseLock(database, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
        const started = clock.now()
        const { outcome, manifest, rows, email } = await seedFrom({
          ...{ config: config.database, database, db, clock, scratch, signal: ending.signal, claim, store, source, choice },
          encryption: storeConfig.encryption,
          onStep: (step, backupId) => {
            log.info({ step, backupId }, 'seeding from a masked copy')
          },
        })
        const signIn = email === undefined ? {} : { signIn: { email, password: seedPassword } }
        return { outcome, backupID: manifest.backupID, rows, ...signIn, durationMs: clock.now() - started }
      }),
    )
  })
}

import { requireStoreConfig } from '../archive/stores/open-store.ts'
import type { StoreConfig } from '../archive/stores/store-config.ts'
import { withArchive, type ScratchArchive } from '../backup/with-archive.ts'
import { systemClock } from '../clock.ts'
import { valueOrFile, type Config } from '../config.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import { assertIdentity } from '../db/identity.ts'
import { readLedger } from '../db/ledger.ts'
import { openDatabase } from '../db/open-database.ts'
import { jobLimits } from '../db/pool-limits.ts'
import { AppError, ConfigError, type ExitCode } from '../errors.ts'
import { assertExportFile, exportSelection } from '../recover/export-selection.ts'
import { reinsert } from '../recover/reinsert.ts'
import { select, type Selection } from '../recover/selection.ts'
import { choiceFrom, endingSignal, invalid, ownerFrom, withStore } from './archive-job.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runStoreJob, type StoreJobContext } from './store-job.ts'

/** Flags of `recover`. */
export interface RecoverFlags extends ClaimFlags {
  readonly backup?: string
  readonly notAfter?: string
  readonly user?: string
  readonly note?: readonly number[]
  readonly export?: string
  readonly reinsert: boolean
  /** Seconds. */
  readonly deadline?: number
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** `recover`: brings what one account lost back from an archive, as a file or among the notes that are served. */
export function recoverCommand(flags: RecoverFlags): Promise<ExitCode> {
  const environment = process.env
  const wanted = selectionFrom(flags)
  if (flags.reinsert === (flags.export !== undefined)) throw invalid('recover needs --export FILE or --reinsert, and not both')
  if (flags.export !== undefined) assertExportFile(flags.export)
  return runStoreJob(
    'recover',
    async (context) => {
      const owner = ownerFrom(environment)
      const storeConfig: StoreConfig = requireStoreConfig(environment)
      const problems: string[] = []
      const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
      if (problems.length > 0) throw new ConfigError(problems)
      using ending = endingSignal(flags.deadline)
      return await withStore(storeConfig, context.onNotice, (store) =>
        withArchive(
          {
            ...{
              environment,
              store,
              encryption: storeConfig.encryption,
              source: owner,
              choice: choiceFrom(flags),
              onlyGood: true,
              secretKey,
            },
            ...{ clock: systemClock, signal: ending.signal },
            onStep: (step, backupId) => {
              context.log.info({ step, backupId }, 'reading the archive')
            },
          },
          async (archive) => {
            const file = flags.export
            const report = file === undefined ? await putBack(archive, wanted, flags, context) : await writeOut(archive, wanted, file)
            return { outcome: 'Recovered', backupID: archive.manifest.backupID, ...report }
          },
        ),
      )
    },
    { database: flags.reinsert },
  )
}

function selectionFrom({ user, note }: RecoverFlags): Selection {
  if (user !== undefined && note === undefined) return { user }
  if (user === undefined && note !== undefined) return { noteIds: note }
  throw invalid('recover needs --user EMAIL or --note ID…, and not both')
}

async function writeOut({ opened }: ScratchArchive, wanted: Selection, file: string) {
  return { file, notes: await exportSelection({ data: await select(opened.db, wanted), file, now: systemClock.now() }) }
}

async function putBack({ opened, manifest }: ScratchArchive, wanted: Selection, flags: RecoverFlags, { config, log }: StoreJobContext) {
  if (manifest.reason === 'Masked') {
    throw new AppError(`backup ${manifest.backupID} is a masked copy: nobody's notes are in it`, { code: 'Masked' })
  }
  const selected = await select(opened.db, wanted)
  return await withLive(config, flags, (db, engine) =>
    reinsert({
      ...{ db, engine, selected, day: manifest.startTime.slice(0, 10) },
      onProgress: (notes) => {
        log.info({ notes }, 'putting notes back')
      },
    }),
  )
}

type Work = (
  ...args: readonly [Parameters<typeof reinsert>[0]['db'], Parameters<typeof reinsert>[0]['engine']]
) => ReturnType<typeof reinsert>

/** The database that is served, inside the fence and alone with it among commands. */
async function withLive({ database: config }: Config, flags: RecoverFlags, work: Work): ReturnType<typeof reinsert> {
  const claim = claimFrom({ ...flags, adopt: '' }, process.env)
  if (claim === undefined)
    throw invalid('recover --reinsert needs --instance-uid (or NOTEJAM_INSTANCE_UID): without it nobody knows whose database this is')
  const live = await openDatabase(config, { applicationName: 'notejam-recover', limits: jobLimits })
  try {
    return await withDatabaseLock(live, { config, waitMs: flags.wait * 1000 }, async (db) => {
      assertIdentity((await readLedger(db, live.engine)).identity, claim)
      return await work(db, live.engine)
    })
  } finally {
    await live.close()
  }
}

import { withDatabaseLock } from '../db/database-lock.ts'
import { readLedger } from '../db/ledger.ts'
import { migrate } from '../db/migrate.ts'
import { codeLevel, migrations } from '../db/migrations/all.ts'
import type { Phase } from '../db/migrations/migration.ts'
import type { ExitCode } from '../errors.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `migrate`. */
export interface MigrateFlags extends ClaimFlags {
  readonly phase: Phase
  readonly dryRun: boolean
  readonly offline: boolean
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

/** Milliseconds for which a step that finds a table locked is tried again. */
const lockedForMs = 60_000

/** `migrate`: brings the schema forward by one phase and marks an empty database as the instance's. */
export function migrateCommand(flags: MigrateFlags): Promise<ExitCode> {
  return runDatabaseJob('migrate', ({ config, database, clock, log }) =>
    withDatabaseLock(database, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
      const started = clock.now()
      const { engine } = database
      const claim = claimFrom(flags, process.env)
      const { phase, dryRun, offline } = flags
      const onMigration = (migration: string) => {
        log.info({ migration }, 'migrating')
      }
      const result = await migrate({ db, engine, clock, migrations, phase, dryRun, offline, claim, lockedForMs, onMigration })
      const ledger = await readLedger(db, engine)
      const done = ledger.applied.filter((row) => row.applied_at > 0)
      return {
        outcome: result.outcome,
        phase,
        applied: result.applied,
        schemaVersion: done.at(-1)?.number ?? 0,
        codeLevel,
        oldestCodeServed: ledger.oldestCodeServed,
        pendingContract: migrations.filter((m) => m.phase === 'contract' && !done.some(({ number }) => number === m.number)).length,
        ...(ledger.identity === undefined
          ? {}
          : {
              identity: {
                instanceUID: ledger.identity.instance_uid,
                environment: ledger.identity.environment,
                fingerprint: ledger.identity.fingerprint,
              },
            }),
        durationMs: clock.now() - started,
        ...(dryRun ? { statements: result.statements } : {}),
      }
    }),
  )
}

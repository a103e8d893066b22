import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { BackupReason, Manifest } from '../archive/manifest.ts'
import { lockedUntil } from '../archive/object-lock.ts'
import { openStore, requireStoreConfig } from '../archive/stores/open-store.ts'
import { readStoreConfig } from '../archive/stores/store-config.ts'
import { backup, backupReport } from '../backup/backup.ts'
import { createScratch } from '../backup/scratch.ts'
import { backupIdTime } from '../archive/backup-id.ts'
import { valueOrFile } from '../config.ts'
import { withDatabaseLock } from '../db/database-lock.ts'
import { ConfigError, type ExitCode } from '../errors.ts'
import { endingSignal, invalid, ownerFrom, storeNotices, withStore } from './archive-job.ts'
import { claimFrom, type ClaimFlags } from './claim.ts'
import { runDatabaseJob } from './job.ts'

/** Flags of `backup`. */
export interface BackupFlags extends ClaimFlags {
  readonly id?: string
  readonly uid?: string
  readonly reason: BackupReason
  readonly hold: boolean
  /** Seconds. */
  readonly deadline?: number
  /** Seconds to wait for the database lock. */
  readonly wait: number
}

const progressEveryMs = 10_000

/** `backup`: archives the database of an instance into its stores. */
export function backupCommand(flags: BackupFlags): Promise<ExitCode> {
  const environment = process.env
  return runDatabaseJob('backup', async ({ config, database, clock, log }) => {
    if (flags.id !== undefined && backupIdTime(flags.id) === undefined) throw invalid('--id takes a name such as 20261121T000003Z-1f0c2a9b')
    const owner = ownerFrom(environment)
    const storeConfig = requireStoreConfig(environment)
    const problems: string[] = []
    const secondConfig = readStoreConfig(environment, 'SECOND_STORE_', problems)
    const secretKey = valueOrFile(environment, 'SECRET_KEY', problems)
    const spec = specFrom(environment['NOTEJAM_INSTANCE_SPEC'], problems)
    if (problems.length > 0) throw new ConfigError(problems)
    await jitter(environment['BACKUP_JITTER_SECONDS'])
    using ending = endingSignal(flags.deadline)
    await using scratch = await createScratch(environment)
    const onNotice = storeNotices(log)
    let told = performance.now()
    return await withStore(storeConfig, onNotice, (store) =>
      withDatabaseLock(database, { config: config.database, waitMs: flags.wait * 1000 }, async (db) => {
        // One that cannot even be opened is a copy that failed.
        const secondStore = secondConfig === undefined ? undefined : await openStore(secondConfig, { onNotice })
        try {
          const result = await backup({
            ...{ config: config.database, database, db, clock, scratch, signal: ending.signal, owner, store, secondStore, secretKey, spec },
            claim: claimFrom({ ...flags, adopt: '' }, environment),
            reason: flags.reason,
            encryption: storeConfig.encryption,
            ...{ backupId: flags.id, uid: flags.uid, hold: flags.hold },
            environment: environment['NOTEJAM_ENVIRONMENT'],
            image: environment['NOTEJAM_IMAGE'],
            lockedUntil: (startTime) => lockedUntil(environment, { reason: flags.reason, startTime }),
            onProgress: (storedBytes) => {
              if (performance.now() - told < progressEveryMs) return
              told = performance.now()
              log.info({ storedBytes }, 'storing')
            },
          })
          if (result.outcome === 'NothingToBackUp') return result
          for (const copy of result.copies.filter(({ state }) => state === 'Failed')) {
            log.warn({ store: copy.store, reason: copy.message }, 'a copy could not be stored')
          }
          return backupReport(result)
        } finally {
          await secondStore?.close()
        }
      }),
    )
  })
}

function specFrom(text: string | undefined, problems: string[]): Manifest['instance']['spec'] {
  if (text === undefined || text === '') return undefined
  try {
    return z.json().parse(JSON.parse(text))
  } catch {
    problems.push('NOTEJAM_INSTANCE_SPEC: must be JSON')
    return undefined
  }
}

/** Backups of many instances are not to begin in the same second. */
async function jitter(text: string | undefined): Promise<void> {
  const seconds = Number(text ?? '')
  if (Number.isFinite(seconds) && seconds > 0) await delay(Math.random() * Math.min(seconds, 86_400) * 1000)
}

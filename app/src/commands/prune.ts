import { backupIdTime } from '../archive/backup-id.ts'
import { parsePeriod, type Period } from '../archive/period.ts'
import { prune, type PruneOptions, type PruneResult } from '../archive/prune.ts'
import type { RetentionPolicy } from '../archive/retention.ts'
import { readStoreConfig, type StoreConfig } from '../archive/stores/store-config.ts'
import { ConfigError, messageOf, type ExitCode } from '../errors.ts'
import { endingSignal, firstStoreConfig, invalid, ownerFrom, withStore } from './archive-job.ts'
import { runStoreJob } from './store-job.ts'

/** Flags of `prune`. */
export interface PruneFlags {
  readonly daily: string
  readonly weekly?: string
  readonly monthly?: string
  readonly beforeMigration: string
  readonly hold: readonly string[]
  readonly release: readonly string[]
  readonly keep: readonly string[]
  readonly dryRun: boolean
  /** Seconds. */
  readonly deadline?: number
}

/** `prune`: removes the archives that the retention does not ask for any more, in both stores; or masked copies, where their store is named. */
export function pruneCommand(flags: PruneFlags): Promise<ExitCode> {
  return runStoreJob('prune', async ({ clock, log, onNotice }) => {
    const policy = policyFrom(flags)
    for (const id of [...flags.hold, ...flags.release, ...flags.keep]) {
      if (backupIdTime(id) === undefined)
        throw invalid(`--hold, --release and --keep take names such as 20261121T000003Z-1f0c2a9b, not "${id}"`)
    }
    const owner = ownerFrom(process.env)
    // Masked copies lie in a store of their own, whatever else the pod knows.
    const first = firstStoreConfig(process.env, ['TARGET_STORE_', 'STORE_'])
    const problems: string[] = []
    const second = readStoreConfig(process.env, 'SECOND_STORE_', problems)
    if (problems.length > 0) throw new ConfigError(problems)
    using ending = endingSignal(flags.deadline)
    const run = (config: StoreConfig): Promise<PruneResult> =>
      withStore(config, onNotice, (store) => {
        const onRemove: PruneOptions['onRemove'] = (what, backupID) => {
          log.info({ store: store.name, what, backupID, dryRun: flags.dryRun }, 'removing')
        }
        const { dryRun, hold, release, keep } = flags
        const { signal } = ending
        return prune({ store, owner, policy, now: new Date(clock.now()), dryRun, hold, release, keep, onRemove, onNotice, signal })
      })
    const result = await run(first)
    const copy = second === undefined ? undefined : await pruneSecond(second, run)
    return { outcome: flags.dryRun ? 'Planned' : 'Pruned', ...report(result), ...(copy === undefined ? {} : { second: copy }) }
  })
}

/** What goes wrong there is reported and fails nothing: the first store has all that is needed. */
async function pruneSecond(config: StoreConfig, run: (config: StoreConfig) => Promise<PruneResult>) {
  try {
    return { store: config.name, state: 'Pruned', ...report(await run(config)) }
  } catch (error) {
    return { store: config.name, state: 'Failed', message: messageOf(error).slice(0, 500) }
  }
}

function policyFrom({ daily, weekly, monthly, beforeMigration }: PruneFlags): RetentionPolicy {
  const period = (flag: string, text: string): Period => {
    const found = parsePeriod(text)
    if (found === undefined) throw invalid(`${flag} takes years, months, weeks and days such as P3Y or P30D, not "${text}"`)
    return found
  }
  return {
    daily: period('--daily', daily),
    weekly: weekly === undefined ? undefined : period('--weekly', weekly),
    monthly: monthly === undefined ? undefined : period('--monthly', monthly),
    beforeMigration: period('--before-migration', beforeMigration),
  }
}

function report({ kept, deleted, incompleteDeleted, unfinishedDropped, oldest, usageBytes, broken, foreign, withheld }: PruneResult) {
  return {
    ...{ kept, storedCount: kept, deleted, incompleteDeleted, unfinishedDropped, usageBytes },
    ...(oldest === undefined ? {} : { oldest: oldest.toISOString() }),
    ...(broken.length === 0 ? {} : { brokenCount: broken.length, broken: broken.slice(0, 3) }),
    ...(foreign.length === 0 ? {} : { foreignCount: foreign.length, foreign: foreign.slice(0, 3).map((key) => key.slice(0, 200)) }),
    ...(withheld === undefined ? {} : { withheld }),
  }
}

import type { Logger } from 'pino'
import { systemClock, type Clock } from '../clock.ts'
import { loadConfig, type Config, type ConfigNeeds } from '../config.ts'
import type { ExitCode } from '../errors.ts'
import { createLogger } from '../telemetry/logger.ts'
import { storeNotices } from './archive-job.ts'
import { runJob, type Report } from './report.ts'

/** What a command works with that opens stores, and a database only for a while or never. */
export interface StoreJobContext {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  /** For stores, which say what a person should know. */
  readonly onNotice: (notice: string) => void
}

/**
 * Runs a command that ends and opens no database by itself: runs `work`, reports in one line.
 *
 * @throws {@link ConfigError} when the environment is wrong
 */
export async function runStoreJob(
  command: string,
  work: (context: StoreJobContext) => Promise<Omit<Report, 'command'>>,
  needs: ConfigNeeds = {},
): Promise<ExitCode> {
  const config = loadConfig(process.env, needs)
  const { log, flush } = createLogger({ level: config.logLevel, fileDescriptor: 2 })
  const print = (line: string) => {
    process.stdout.write(`${line}\n`)
  }
  try {
    return await runJob(command, { terminationLog: config.terminationLog, print }, () =>
      work({ config, clock: systemClock, log, onNotice: storeNotices(log) }),
    )
  } finally {
    flush()
  }
}

import type { Logger } from 'pino'
import { systemClock, type Clock } from '../clock.ts'
import { loadConfig, type Config } from '../config.ts'
import { databaseAnswers } from '../db/database-answers.ts'
import { openDatabase, type OpenDatabase } from '../db/open-database.ts'
import { jobLimits } from '../db/pool-limits.ts'
import type { ExitCode } from '../errors.ts'
import { createLogger } from '../telemetry/logger.ts'
import { runJob, type Report } from './report.ts'

/** What a job command works with. */
export interface JobContext {
  readonly config: Config
  readonly database: OpenDatabase
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Runs a command that ends: opens the database with the limits of a job, runs `work`, reports in one line, closes.
 *
 * @throws {@link ConfigError} when the environment is wrong
 */
export async function runDatabaseJob(command: string, work: (context: JobContext) => Promise<Omit<Report, 'command'>>): Promise<ExitCode> {
  const config = loadConfig(process.env, { database: true })
  const { log, flush } = createLogger({ level: config.logLevel, fileDescriptor: 2 })
  const database = await openDatabase(config.database, {
    applicationName: `notejam-${command}`,
    limits: jobLimits,
    onIdleError: (error) => {
      log.warn({ error }, 'a database connection failed while it was idle')
    },
  })
  const print = (line: string) => {
    process.stdout.write(`${line}\n`)
  }
  try {
    return await runJob(command, { terminationLog: config.terminationLog, print }, async () => {
      if (config.databaseWaitMs > 0) await databaseAnswers(database.db, config.databaseWaitMs)
      return await work({ config, database, clock: systemClock, log })
    })
  } finally {
    await database.close().catch((error: unknown) => {
      log.warn({ error }, 'the database could not be closed')
    })
    flush()
  }
}

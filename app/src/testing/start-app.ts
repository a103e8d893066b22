import { Kysely } from 'kysely'
import { type Logger, pino } from 'pino'
import type { PasswordCost } from '../accounts/passwords.ts'
import { type Config, loadConfig } from '../config.ts'
import type { AppContext } from '../context.ts'
import { migrate } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import type { Database } from '../db/schema.ts'
import { sqliteDialect } from '../db/sqlite-dialect.ts'
import { createApp } from '../http/app.ts'
import { createHttpServer, listen } from '../http/server.ts'
import type { Mail } from '../mail/outbox.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { Browser } from './browser.ts'

/** argon2id with the least it takes (RFC 9106, 3.1): tests sign in hundreds of times, and what it costs is not their subject. */
export const cheapCost: PasswordCost = { memoryKiB: 8, passes: 1, parallelism: 1 }

/** A running app on a database of its own, in this process. */
export interface StartedApp extends AsyncDisposable {
  readonly baseUrl: string
  readonly context: AppContext
  /** Mail that was sent, oldest first. */
  readonly mails: readonly Mail[]
  /** Lines of the log. */
  readonly lines: readonly string[]
  /** SQL of every query since the start, oldest first. */
  readonly queries: readonly string[]
  /** Moves the clock on. */
  advance(milliseconds: number): void
  /** A browser that knows nobody yet. */
  browser(): Browser
  /** A browser of a new account. */
  member(email?: string, password?: string): Promise<Browser>
}

let accounts = 0

/** Starts the app on SQLite in memory, with its clock in our hands and mail kept in a list. */
export async function startApp(overrides: Partial<Config> = {}): Promise<StartedApp> {
  const queries: string[] = []
  const db = new Kysely<Database>({
    dialect: sqliteDialect({ path: ':memory:' }),
    log: (event) => {
      queries.push(event.query.sql)
    },
  })
  let ahead = 0
  const clock = { now: () => Date.now() + ahead }
  for (const phase of ['expand', 'contract'] as const) {
    await migrate({ db, engine: 'sqlite', clock, migrations, phase, dryRun: false, claim: undefined, lockedForMs: 1000 })
  }
  const environment = { DATABASE_URL: 'sqlite::memory:', SECRET_KEY: 'a secret of at least thirty-two bytes', THROTTLE_PER_ADDRESS: '0', THROTTLE_PER_ACCOUNT: '0' }
  const lines: string[] = []
  const mails: Mail[] = []
  const log: Logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const context: AppContext = {
    db,
    engine: 'sqlite',
    config: { ...loadConfig(environment), ...overrides },
    clock,
    log,
    metrics: createMetrics({ version: 'test' }),
    mail: {
      enqueue: async (_db, mail) => {
        mails.push(mail)
        await Promise.resolve()
      },
      kick: () => undefined,
    },
  }
  const server = createHttpServer(createApp(context, { passwordCost: cheapCost, resetFloorMs: 0 }))
  const baseUrl = `http://127.0.0.1:${await listen(server, 0)}`
  const browser = (): Browser => new Browser(baseUrl)
  return {
    baseUrl,
    context,
    mails,
    lines,
    queries,
    advance(milliseconds) {
      ahead += milliseconds
    },
    browser,
    async member(email, password = 'correct horse') {
      accounts += 1
      const someone = browser()
      await someone.signUp(email ?? `user${accounts}@example.com`, password)
      return someone
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
      await db.destroy()
    },
  }
}

import { randomBytes } from 'node:crypto'
import { type Kysely, type KyselyPlugin, sql } from 'kysely'
import { type Logger, pino } from 'pino'
import type { PasswordCost } from '../accounts/passwords.ts'
import { type Config, loadConfig } from '../config.ts'
import type { AppContext } from '../context.ts'
import { migrate } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import type { Database } from '../db/schema.ts'
import { openDatabase, type OpenDatabase } from '../db/open-database.ts'
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
  /** How many queries ran since the start. */
  readonly queryCount: () => number
  /** Moves the clock on. */
  advance(milliseconds: number): void
  /** A browser that knows nobody yet. */
  browser(): Browser
  /** A browser of a new account. */
  member(email?: string, password?: string): Promise<Browser>
}

let accounts = 0

/**
 * Starts the app with its clock in our hands and mail kept in a list: on SQLite in memory, or where `TEST_DATABASE_URL` says, so that the
 * same tests can be run on each engine: in a new file beginning with the path of `sqlite:PATH`, or in a new database of a PostgreSQL or MySQL.
 */
export async function startApp(overrides: Partial<Config> = {}): Promise<StartedApp> {
  const database = await newDatabase(process.env['TEST_DATABASE_URL'] ?? 'sqlite::memory:')
  const { engine } = database.opened
  let queries = 0
  const counter: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      queries += 1
      return Promise.resolve(result)
    },
  }
  const db = database.opened.db.withPlugin(counter)
  let ahead = 0
  const clock = { now: () => Date.now() + ahead }
  for (const phase of ['expand', 'contract'] as const) {
    await db.connection().execute(async (connection) => {
      await migrate({ db: connection, engine, clock, migrations, phase, dryRun: false, claim: undefined, lockedForMs: 1000 })
    })
  }
  const lines: string[] = []
  const mails: Mail[] = []
  const log: Logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const context: AppContext = {
    db,
    engine,
    config: { ...configFor('sqlite::memory:'), ...overrides },
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
    queryCount: () => queries,
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
      await database.drop()
    },
  }
}

interface NewDatabase {
  readonly opened: OpenDatabase
  drop(): Promise<void>
}

async function newDatabase(url: string): Promise<NewDatabase> {
  if (url.startsWith('sqlite:')) {
    const file = url === 'sqlite::memory:' ? url : `${url}-${randomBytes(6).toString('hex')}.db`
    const opened = await openDatabase(configFor(file).database)
    return { opened, drop: async () => opened.close() }
  }
  const name = `notejam_${randomBytes(6).toString('hex')}`
  const admin = await openDatabase(configFor(url).database)
  const run = async (statement: string, on: Kysely<Database>): Promise<void> => {
    await sql.raw(statement).execute(on)
  }
  await run(`create database ${name}`, admin.db)
  const own = new URL(url)
  own.pathname = `/${name}`
  const opened = await openDatabase(configFor(own.href).database)
  return {
    opened,
    drop: async () => {
      await opened.close()
      await run(`drop database ${name}`, admin.db)
      await admin.close()
    },
  }
}

function configFor(databaseUrl: string): Config {
  return loadConfig({
    DATABASE_URL: databaseUrl,
    DATABASE_TLS: 'Disable',
    SECRET_KEY: 'a secret of at least thirty-two bytes',
    THROTTLE_PER_ADDRESS: '0',
    THROTTLE_PER_ACCOUNT: '0',
  })
}

import { mkdtemp, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { inject } from 'vitest'
import { systemClock } from '../../app/src/clock.ts'
import type { DatabaseConfig } from '../../app/src/db/database-config.ts'
import type { Engine } from '../../app/src/db/engine.ts'
import { migrate } from '../../app/src/db/migrate.ts'
import { migrations as allMigrations } from '../../app/src/db/migrations/all.ts'
import type { Migration, Phase } from '../../app/src/db/migrations/migration.ts'
import { openDatabase, type OpenDatabase } from '../../app/src/db/open-database.ts'
import { jobLimits } from '../../app/src/db/pool-limits.ts'
import type { IdentityClaim } from '../../app/src/db/identity.ts'

/** An empty database of its own for a test. */
export interface TestDatabase extends AsyncDisposable {
  readonly engine: Engine
  /** What `DATABASE_URL` gets. */
  readonly url: string
  readonly config: DatabaseConfig
  /** Runs statements as the server's administrator, in this database (SQLite: as anybody). */
  admin(statement: string): Promise<unknown>
}

/** Makes an empty database; disposing of it drops it. */
export async function createTestDatabase(engine: Engine): Promise<TestDatabase> {
  const name = `t_${randomBytes(8).toString('hex')}`
  switch (engine) {
    case 'sqlite': {
      return await sqliteDatabase()
    }
    case 'postgres': {
      return await postgresDatabase(name)
    }
    case 'mysql': {
      return await mysqlDatabase(name)
    }
  }
}

async function sqliteDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'notejam-db-'))
  const path = join(folder, 'notejam.db')
  const config: DatabaseConfig = { engine: 'sqlite', path }
  return {
    engine: 'sqlite',
    url: `sqlite:${path}`,
    config,
    admin: async (statement) => {
      const { DatabaseSync } = await import('node:sqlite')
      const file = new DatabaseSync(path, { timeout: 5000 })
      try {
        return /^\s*(?:select|pragma)/i.test(statement) ? file.prepare(statement).all() : file.exec(statement)
      } finally {
        file.close()
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** How a server of tests is reached. */
export function serverConfig(engine: 'postgres' | 'mysql', url: URL): DatabaseConfig {
  return {
    engine,
    host: url.hostname,
    port: Number(url.port),
    database: url.pathname.slice(1),
    user: url.username,
    password: url.password,
    tls: { mode: 'Disable', ca: undefined },
    poolMax: 10,
    prepared: true,
  }
}

async function postgresDatabase(name: string): Promise<TestDatabase> {
  const server = inject('servers').postgres
  const run = async (database: string, statement: string) => {
    const client = new Client({ connectionString: `${server}/${database}` })
    await client.connect()
    try {
      const { rows } = await client.query<Record<string, unknown>>(statement)
      return rows
    } finally {
      await client.end()
    }
  }
  await run('postgres', `create database ${name}`)
  const url = `${server}/${name}`
  return {
    engine: 'postgres',
    url,
    config: serverConfig('postgres', new URL(url)),
    admin: (statement) => run(name, statement),
    [Symbol.asyncDispose]: async () => {
      await run('postgres', `drop database if exists ${name} with (force)`)
    },
  }
}

async function mysqlDatabase(name: string): Promise<TestDatabase> {
  const server = inject('servers').mysql
  const run = async (database: string, statement: string) => {
    const connection = await createConnection({ uri: `${server}/${database}`, multipleStatements: true })
    try {
      const [rows] = await connection.query(statement)
      return rows
    } finally {
      connection.destroy()
    }
  }
  await run('', `create database ${name}`)
  const url = `${server}/${name}`
  return {
    engine: 'mysql',
    url,
    config: serverConfig('mysql', new URL(url)),
    admin: (statement) => run(name, statement),
    [Symbol.asyncDispose]: async () => {
      await run('', `drop database if exists ${name}`)
    },
  }
}

/** Opens a test's database; close it before the database goes. */
export async function openTestDatabase(database: TestDatabase): Promise<OpenDatabase & AsyncDisposable> {
  const opened = await openDatabase(database.config, { limits: jobLimits, applicationName: 'notejam-test' })
  return { ...opened, [Symbol.asyncDispose]: () => opened.close() }
}

/** How {@link migrateTest} migrates. */
export interface MigrateTestOptions {
  readonly phase?: Phase
  readonly migrations?: readonly Migration[]
  readonly claim?: IdentityClaim
  readonly dryRun?: boolean
  readonly lockedForMs?: number
}

/** Migrates without the database lock. */
export function migrateTest(opened: OpenDatabase, options: MigrateTestOptions = {}) {
  const { phase = 'expand', migrations = allMigrations, claim, dryRun = false, lockedForMs = 5000 } = options
  return opened.db
    .connection()
    .execute((db) => migrate({ db, engine: opened.engine, clock: systemClock, migrations, phase, dryRun, claim, lockedForMs }))
}

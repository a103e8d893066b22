import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { GenericContainer, Wait } from 'testcontainers'
import { runCommand } from '../cluster/command.ts'
import { acquireDocker } from '../cluster/docker.ts'
import { ensureImage } from '../cluster/images.ts'
import { createProgress } from '../cluster/progress.ts'
import type { DatabaseConfig } from '../../app/src/db/database-config.ts'
import type { Engine } from '../../app/src/db/engine.ts'
import { createAgeKeys, type AgeKeys } from './age-keys.ts'
import { allRows } from './all-rows.ts'
import { createArchiveWorld, owner, type ArchiveWorld } from './archive-world.ts'
import { useDataTools } from './data-tools.ts'
import { createTestDatabase, migrateTest, openTestDatabase, serverConfig, type TestDatabase } from './databases.ts'
import { plantData, type Planted } from './planted-data.ts'

/** An instance of Production with planted data, the store of its backups, and the store through which Test gets masked copies. */
export interface MaskWorld extends AsyncDisposable {
  readonly archives: ArchiveWorld
  readonly production: TestDatabase
  readonly planted: Planted
  /** Whose data goes down: what `--from` says. */
  readonly from: string
  /** The folder of masked copies, and the key of Test that opens them. */
  readonly target: { readonly folder: string; readonly keys: AgeKeys; readonly identityFile: string }
  /** What the Job in Production's namespace has in its environment, beside the database, which it never sees. */
  maskEnv(): Record<string, string>
  /** What a Job of Test has in its environment. */
  testEnv(database: Pick<TestDatabase, 'url'>): Record<string, string>
}

/** The claim of the database of Test. */
export const testClaim = { instanceUid: 'uid-test', environment: 'Test', fingerprint: undefined, adopt: undefined } as const

/** Makes the two sides, with one backup of Production. */
export async function createMaskWorld(engine: Engine): Promise<MaskWorld> {
  const stack = new AsyncDisposableStack()
  try {
    const archives = stack.use(await createArchiveWorld())
    const production = stack.use(await createTestDatabase(engine))
    const scratch = stack.use(await createTestDatabase(engine))
    const planted = await fillProduction(production)
    const root = dirname(archives.folder)
    const target = { folder: join(root, 'masked'), keys: createAgeKeys(), identityFile: join(root, 'identity-of-test') }
    await Promise.all([
      mkdir(target.folder),
      mkdir(join(root, 'scratch-of-test')),
      writeFile(target.identityFile, `${target.keys.identity}\n`),
    ])
    const backup = await archives.run(production, ['backup', '--reason', 'OnDemand'])
    if (backup.code !== 0) throw new Error(`the backup failed:\n${backup.stdout}${backup.stderr}`)
    return {
      archives,
      production,
      planted,
      target,
      from: `${owner.namespace}/${owner.instance}`,
      maskEnv: () => {
        const { DATABASE_URL: _never, ...env } = archives.env(production)
        const to = { TARGET_STORE_PATH: target.folder, TARGET_STORE_RECIPIENTS: target.keys.recipient }
        return { ...env, ...to, ...(engine === 'sqlite' ? {} : { SCRATCH_DATABASE_URL: scratch.url }) }
      },
      testEnv: ({ url }) => ({
        NOTEJAM_NAMESPACE: 'tests-below',
        NOTEJAM_INSTANCE: 'notes',
        NOTEJAM_INSTANCE_UID: testClaim.instanceUid,
        NOTEJAM_ENVIRONMENT: testClaim.environment,
        DATABASE_URL: url,
        SECRET_KEY: 'secret-key-of-test-'.repeat(3),
        SCRATCH_DIR: join(root, 'scratch-of-test'),
        SOURCE_STORE_PATH: target.folder,
        SOURCE_STORE_IDENTITY_FILE: target.identityFile,
      }),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function fillProduction(production: TestDatabase): Promise<Planted> {
  await using opened = await openTestDatabase(production)
  const claim = { instanceUid: owner.instanceUid, environment: 'Production', fingerprint: undefined, adopt: undefined }
  for (const phase of ['expand', 'contract'] as const) await migrateTest(opened, { claim, phase })
  return await plantData(opened)
}

/** All that is in the store of masked copies: every file as it is and, where Test's key opens it, what is in it. */
export async function openCopies({ target }: MaskWorld): Promise<Buffer> {
  const entries = await readdir(target.folder, { recursive: true, withFileTypes: true })
  const parts: Buffer[] = []
  for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
    const path = join(parentPath, name)
    parts.push(await readFile(path))
    if (name !== 'data.age') continue
    const plain = join(dirname(target.folder), 'opened')
    await runCommand('age', ['--decrypt', '--identity', target.identityFile, '--output', plain, path])
    parts.push(zstdDecompressSync(await readFile(plain)))
  }
  return Buffer.concat(parts)
}

/** A server that knows nothing yet but an empty database of Test, and keeps all that it ever wrote. */
export interface TargetServer extends AsyncDisposable {
  readonly url: string
  readonly config: DatabaseConfig
  /** Everything that it wrote since its start: tables, write-ahead log or binlog, and what it said. */
  written(): Promise<{ readonly files: Buffer; readonly log: Buffer }>
  /** The dump of the engine's own tool. */
  dump(): Promise<Buffer>
}

const password = 'tests'

/** Starts one; for SQLite it is a file in a folder of its own. */
export async function startTarget(engine: Engine): Promise<TargetServer> {
  await useDataTools()
  return engine === 'sqlite' ? await sqliteTarget() : await serverTarget(engine)
}

async function sqliteTarget(): Promise<TargetServer> {
  const database = await createTestDatabase('sqlite')
  const path = database.url.slice('sqlite:'.length)
  return {
    url: database.url,
    config: database.config,
    written: async () => {
      const names = (await readdir(dirname(path))).filter((name) => name.startsWith(basename(path)))
      return { files: Buffer.concat(await Promise.all(names.map((name) => readFile(join(dirname(path), name))))), log: Buffer.alloc(0) }
    },
    dump: async () => {
      await using opened = await openTestDatabase(database)
      return Buffer.from(JSON.stringify(await allRows(opened)))
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

/** Every row that was ever written stands in its files: the log of changes is kept from the start and not compressed. */
const containers = {
  postgres: {
    image: 'postgres',
    environment: { POSTGRES_PASSWORD: password, POSTGRES_DB: 'notejam' },
    command: 'postgres -c fsync=off -c wal_level=replica -c wal_keep_size=1GB -c wal_compression=off -c log_statement=all',
    data: '/var/lib/postgresql/data',
    user: 'postgres',
    port: 5432,
    ready: /database system is ready to accept connections/,
    // The first time it is the server that prepares the data folder.
    readyTimes: 2,
    dump: ({ hostname, port }: URL): readonly string[] => [
      'pg_dump',
      '--host',
      hostname,
      '--port',
      port,
      '--username',
      'postgres',
      'notejam',
    ],
  },
  mysql: {
    image: 'mariadb',
    environment: { MARIADB_ROOT_PASSWORD: password, MARIADB_DATABASE: 'notejam' },
    command: 'mariadbd --server-id=1 --log-bin=changes --binlog-format=ROW --general-log --general-log-file=/var/lib/mysql/general.log',
    data: '/var/lib/mysql',
    user: 'root',
    port: 3306,
    ready: /socket: .* port: 3306\b/,
    readyTimes: 1,
    dump: ({ hostname, port }: URL): readonly string[] => [
      'mariadb-dump',
      '--no-defaults',
      '--host',
      hostname,
      '--port',
      port,
      '--user',
      'root',
      'notejam',
    ],
  },
} as const

async function serverTarget(engine: 'postgres' | 'mysql'): Promise<TargetServer> {
  const { image, environment, command, data, user, port, ready, readyTimes, dump } = containers[engine]
  const progress = createProgress()
  const stack = new AsyncDisposableStack()
  const docker = stack.use(await acquireDocker({ progress }))
  Object.assign(process.env, docker.env)
  const said: Buffer[] = []
  const container = await new GenericContainer(await ensureImage(image, { progress, docker }))
    .withEnvironment(environment)
    .withCommand(command.split(' '))
    .withExposedPorts(port)
    .withLogConsumer((stream) => stream.on('data', (chunk: Buffer | string) => said.push(Buffer.from(chunk))))
    .withWaitStrategy(Wait.forLogMessage(ready, readyTimes))
    .withStartupTimeout(120_000)
    .start()
  stack.defer(async () => {
    await container.stop({ timeout: 0 })
  })
  const url = `${engine}://${user}:${password}@${container.getHost()}:${container.getMappedPort(port)}/notejam`
  return {
    url,
    config: serverConfig(engine, new URL(url)),
    written: async () => ({ files: await buffer(await container.copyArchiveFromContainer(data)), log: Buffer.concat(said) }),
    dump: async () => {
      const [program = '', ...args] = dump(new URL(url))
      const env = { ...process.env, PGPASSWORD: password, MYSQL_PWD: password }
      return Buffer.from(await runCommand(program, args, { env }))
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataEngines } from '../../app/src/backup/engines/engines.ts'
import { createScratch } from '../../app/src/backup/scratch.ts'
import type { ServerConfig } from '../../app/src/db/database-config.ts'
import { confirmed, contentOf, createArchiveWorld, fill, type ArchiveWorld } from './archive-world.ts'
import { openTestDatabase, serverConfig, type TestDatabase } from './databases.ts'
import { startTlsServers, type TlsServers } from './tls-servers.ts'

type Server = 'postgres' | 'mysql'

let servers: TlsServers
let world: ArchiveWorld
let folder: string
beforeAll(async () => {
  servers = await startTlsServers()
  world = await createArchiveWorld()
  folder = await mkdtemp(join(tmpdir(), 'notejam-tls-'))
  await writeFile(join(folder, 'right.pem'), servers.authority)
  await writeFile(join(folder, 'stranger.pem'), servers.stranger)
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** A database with rows, which the test itself reaches without TLS, and a user who may come with TLS alone. */
async function createDatabase(engine: Server): Promise<TestDatabase & { readonly guarded: TestDatabase }> {
  const name = `t_${randomBytes(8).toString('hex')}`
  const admin = await connect(engine)
  await admin.run(`create database ${name}`)
  const url = new URL(`/${name}`, servers[engine].url)
  const database: TestDatabase = {
    ...{ engine, url: url.href, config: serverConfig(engine, url) },
    admin: () => Promise.reject(new Error('not here')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  let guarded = database
  if (engine === 'mysql') {
    await admin.run(`create user ${name} identified by 'tests' require ssl`)
    await admin.run(`grant all on *.* to ${name}`)
    guarded = { ...database, url: Object.assign(new URL(url), { username: name }).href }
  }
  await admin.close()
  await using opened = await openTestDatabase(database)
  await fill(opened)
  return { ...database, guarded }
}

async function connect(engine: Server) {
  if (engine === 'postgres') {
    const client = new Client({ connectionString: `${servers.postgres.url.href}/postgres` })
    await client.connect()
    return { run: (statement: string) => client.query(statement), close: () => client.end() }
  }
  const connection = await createConnection({ uri: servers.mysql.url.href })
  return { run: (statement: string) => connection.query(statement), close: () => connection.end() }
}

const verified = (ca = 'right') => ({ DATABASE_TLS: 'VerifyFull', DATABASE_TLS_CA_FILE: join(folder, `${ca}.pem`) })
const onDemand = ['backup', '--reason', 'OnDemand'] as const

describe.each(['postgres', 'mysql'] as const)('backups over TLS to %s', (engine) => {
  test('an archive is made and restored over a connection whose host name is verified', async () => {
    const database = await createDatabase(engine)
    const before = await contentOf(database)

    const made = await world.run(database.guarded, onDemand, verified())
    await emptied(database)
    const restored = await world.run(database.guarded, ['restore', ...confirmed], verified())

    expect([made.report['outcome'], made.report['message']]).toEqual(['Succeeded', undefined])
    expect([restored.report['outcome'], restored.report['message']]).toEqual(['Restored', undefined])
    expect(await contentOf(database)).toEqual(before)
  })

  test('another authority and another host name are refused before anything is read, in one clear message', async () => {
    const database = await createDatabase(engine)
    const archives = (await world.manifests()).length

    const untrusted = await world.run(database.guarded, onDemand, verified('stranger'))
    await servers[engine].show('other')
    const misnamed = await world.run(database.guarded, onDemand, verified())
    await servers[engine].show('right')

    expect(untrusted.report).toMatchObject({
      outcome: 'DatabaseTlsRefused',
      message: expect.stringContaining('an authority that is not trusted'),
    })
    expect(misnamed.report).toMatchObject({ outcome: 'DatabaseTlsRefused', message: expect.stringContaining('names another host') })
    expect((await world.manifests()).length).toBe(archives)
  })

  test.each([
    ['VerifyFull', 'stranger', 'right'],
    ['VerifyCa', 'stranger', 'right'],
    ['VerifyFull', 'right', 'other'],
  ] as const)('the dump tool itself refuses, too: %s, authority %s, certificate %s', async (mode, ca, certificate) => {
    const database = await createDatabase(engine)
    await using opened = await openTestDatabase(database)
    await using scratch = await createScratch({})
    const tls = { mode, ca: ca === 'right' ? servers.authority : servers.stranger }
    const config = { ...(database.config as ServerConfig), tls }
    await servers[engine].show(certificate)

    const options = { config, database: opened, db: opened.db, scratch, tables: ['users'], signal: AbortSignal.timeout(20_000) }
    const failure = await dataEngines[engine]
      .withSnapshot(options, async ({ content }) => {
        for await (const chunk of content) expect(chunk).toBeDefined()
      })
      .catch((error: unknown) => error)
    await servers[engine].show('right')

    expect(failure).toMatchObject({ code: 'ToolFailed', message: expect.stringMatching(/certificate|SSL|TLS/i) })
  })
})

/** Takes the texts of all notes away. */
async function emptied(database: TestDatabase): Promise<void> {
  await using opened = await openTestDatabase(database)
  await opened.db.updateTable('notes').set({ text: '' }).execute()
}

import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServerConfig, TlsMode } from '../../app/src/db/database-config.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { startTlsServers, type TlsServers } from './tls-servers.ts'

let servers: TlsServers
beforeAll(async () => {
  servers = await startTlsServers()
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
})

interface Attempt {
  readonly mode: TlsMode
  readonly ca?: string
  readonly host?: string
}

/** What the server says of the connection, or the code and the message of what it failed with. */
async function attempt(engine: 'postgres' | 'mysql', { mode, ca, host = 'localhost' }: Attempt): Promise<string> {
  const { url } = servers[engine]
  const config: ServerConfig = {
    engine,
    host,
    port: Number(url.port),
    database: engine,
    user: url.username,
    password: url.password,
    tls: { mode, ca },
    poolMax: 2,
    prepared: true,
  }
  const { db, close } = await openDatabase(config)
  try {
    const cipher =
      engine === 'postgres'
        ? sql<{ value: string | null }>`select version as value from pg_stat_ssl where pid = pg_backend_pid()`
        : sql<{
            value: string | null
          }>`select variable_value as value from information_schema.session_status where variable_name = 'Ssl_version'`
    const { rows } = await cipher.execute(db)
    return (rows[0]?.value ?? '') === '' ? 'plain' : 'encrypted'
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    return `${code}: ${message.replace(url.port, 'PORT')}`
  } finally {
    await close()
  }
}

const server = 'the database server localhost:PORT'

describe.each(['postgres', 'mysql'] as const)('TLS to %s', (engine) => {
  test('is off, or on without a check, or on with what it is checked against', async () => {
    const ca = servers.authority

    expect(await attempt(engine, { mode: 'Disable' })).toBe('plain')
    expect(await attempt(engine, { mode: 'Require' })).toBe('encrypted')
    expect(await attempt(engine, { mode: 'VerifyCa', ca })).toBe('encrypted')
    expect(await attempt(engine, { mode: 'VerifyFull', ca })).toBe('encrypted')
  })

  test.each(['VerifyCa', 'VerifyFull'] as const)('%s refuses what another authority signed, and says what to do', async (mode) => {
    const untrusted = `DatabaseTlsRefused: the certificate of ${server} is signed by an authority that is not trusted`

    expect(await attempt(engine, { mode, ca: servers.stranger })).toBe(`${untrusted}: DATABASE_TLS_CA_FILE holds another one`)
    expect(await attempt(engine, { mode })).toBe(`${untrusted}: name its certificate (PEM) in DATABASE_TLS_CA_FILE`)
  })

  test('VerifyFull alone refuses a certificate for another host', async () => {
    const ca = servers.authority
    await servers[engine].show('other')
    try {
      expect(await attempt(engine, { mode: 'VerifyFull', ca })).toBe(
        `DatabaseTlsRefused: the certificate of ${server} names another host: connect by a name that it holds, or set DATABASE_TLS=VerifyCa`,
      )
      expect(await attempt(engine, { mode: 'VerifyCa', ca })).toBe('encrypted')
    } finally {
      await servers[engine].show('right')
    }
    expect(await attempt(engine, { mode: 'VerifyFull', ca })).toBe('encrypted')
  })
})

test('VerifyFull compares an IP address, too', async () => {
  const answer = await attempt('postgres', { mode: 'VerifyFull', ca: servers.authority, host: '127.0.0.1' })

  expect(answer).toContain('names another host')
})

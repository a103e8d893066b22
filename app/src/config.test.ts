import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from './config.ts'
import { ConfigError } from './errors.ts'

const key = 'k'.repeat(32)
const base = { DATABASE_URL: 'sqlite:/data/n.db', SECRET_KEY: key }

function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    loadConfig(environment)
    return []
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)]
  }
}

describe('the environment', () => {
  test('has a default for all but the database and the secret key', () => {
    expect(loadConfig(base)).toMatchObject({
      database: { engine: 'sqlite', path: '/data/n.db' },
      port: 8080,
      opsPort: 9090,
      publicUrl: undefined,
      readOnly: false,
      logLevel: 'info',
      trustedProxies: [],
      allowFrom: [],
      smtpUrl: undefined,
      tracing: false,
    })
    expect(problemsOf({}).map((line) => line.split(':')[0])).toEqual(['DATABASE_URL', 'SECRET_KEY (or SECRET_KEY_FILE)'])
  })

  test('an empty variable is one that is not set, as an optional key of a Secret becomes one', () => {
    expect(loadConfig({ ...base, PORT: '', SMTP_URL: '', READ_ONLY: '', DATABASE_TLS: '' })).toMatchObject({ port: 8080, readOnly: false })
  })

  test.each([
    ['postgres://u:p%40ss@db:6432/notes', { engine: 'postgres', host: 'db', port: 6432, database: 'notes', user: 'u', password: 'p@ss' }],
    ['postgresql://u@[::1]/notes', { engine: 'postgres', host: '::1', port: 5432 }],
    ['mysql://u:p@db/notes', { engine: 'mysql', port: 3306 }],
    ['mariadb://u:p@db/notes', { engine: 'mysql' }],
    ['sqlite:notes.db', { engine: 'sqlite', path: 'notes.db' }],
    ['sqlite:///data/notes.db', { engine: 'sqlite', path: '/data/notes.db' }],
  ])('%s is a database', (url, database) => {
    expect(loadConfig({ ...base, DATABASE_URL: url }).database).toMatchObject(database)
  })

  test('parts of an address do as well as a URL', () => {
    const { database } = loadConfig({
      SECRET_KEY: key,
      DB_ENGINE: 'mysql',
      DB_HOST: 'db',
      DB_NAME: 'n',
      DB_USER: 'u',
      DB_PASSWORD: 'p',
      DATABASE_TLS: 'verifyfull',
    })

    expect(database).toMatchObject({
      engine: 'mysql',
      host: 'db',
      port: 3306,
      database: 'n',
      user: 'u',
      password: 'p',
      tls: { mode: 'VerifyFull' },
    })
  })

  test.each([
    [{ DATABASE_URL: 'sqlite:' }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'oracle://db/x' }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'postgres://db' }, 'DATABASE_URL'],
    [{ DATABASE_URL: '', DB_HOST: 'db' }, 'DB_NAME'],
    [{ DATABASE_URL: 'postgres://u@db/n', DATABASE_TLS: 'Perhaps' }, 'DATABASE_TLS'],
    [{ DATABASE_URL: 'postgres://u@db/n', DATABASE_TLS_CA_FILE: '/nowhere/ca.pem' }, 'DATABASE_TLS_CA_FILE'],
    [{ DATABASE_URL: 'postgres://u@db/n?sslmode=prefer' }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'mysql://u@10.0.0.1/n', DATABASE_TLS: 'VerifyFull' }, 'DATABASE_TLS'],
    [{ DATABASE_URL: 'postgres://u@db/n', DATABASE_POOL_MAX: '0' }, 'DATABASE_POOL_MAX'],
    [{ SECRET_KEY: 'short' }, 'SECRET_KEY'],
    [{ SECRET_KEY: '', SECRET_KEY_FILE: '/nowhere/key' }, 'SECRET_KEY_FILE'],
    [{ PORT: '-1' }, 'PORT'],
    [{ PORT: '65536' }, 'PORT'],
    [{ OPS_PORT: '9090x' }, 'OPS_PORT'],
    [{ PUBLIC_URL: 'notes.example.org' }, 'PUBLIC_URL'],
    [{ PUBLIC_URL: 'https://example.org/notes' }, 'PUBLIC_URL'],
    [{ TRUSTED_PROXIES: '10.0.0.0/8, all' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '::1/129' }, 'TRUSTED_PROXIES'],
    [{ ALLOW_FROM: 'loopback' }, 'ALLOW_FROM'],
    [{ SMTP_URL: 'mail.example.org' }, 'SMTP_URL'],
    [{ THROTTLE_PER_ADDRESS: '1.5' }, 'THROTTLE_PER_ADDRESS'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('%j is refused', (change, variable) => {
    expect(problemsOf({ ...base, ...change }).some((line) => line.startsWith(`${variable}:`))).toBe(true)
  })

  test.each([
    [{ DATABASE_URL: 'postgres://u@db/n' }, 'Disable'],
    [{ DATABASE_URL: 'postgres://u@db/n?sslmode=require' }, 'Require'],
    [{ DATABASE_URL: 'mysql://u@db/n?ssl-mode=VERIFY_IDENTITY' }, 'VerifyFull'],
    [{ DATABASE_URL: 'postgres://u@db/n?sslmode=disable', DATABASE_TLS: 'verifyca' }, 'VerifyCa'],
    [{ DATABASE_URL: 'postgres://u@db/n', DATABASE_TLS_CA_FILE: '/dev/null' }, 'VerifyFull'],
  ])('%j means %s', (change, mode) => {
    expect(loadConfig({ ...base, ...change }).database).toMatchObject({ tls: { mode } })
  })

  test('takes secrets from files, without the line break at their end', () => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-config-'))
    try {
      writeFileSync(join(folder, 'key'), `${key}\n`)
      writeFileSync(join(folder, 'url'), 'sqlite:/data/x.db\n')

      const config = loadConfig({ SECRET_KEY_FILE: join(folder, 'key'), DATABASE_URL_FILE: join(folder, 'url') })

      expect([config.secretKey, config.database]).toEqual([key, { engine: 'sqlite', path: '/data/x.db' }])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { runAppCommand, startApp } from './app-process.ts'
import { createTestDatabase } from './databases.ts'
import { notejam, outcomeOf } from './notejam.ts'
import { createTcpProxy } from './tcp-proxy.ts'

async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'notejam-serve-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

describe('the command line', () => {
  test('names every problem of the environment at once, repeats no secret, and ends with 2', async () => {
    const env = {
      DATABASE_URL: 'postgres://user:hunter2secret@',
      SECRET_KEY: 'hunter2short',
      PORT: 'eighty',
      PUBLIC_URL: 'https://x.org/path',
      TRUSTED_PROXIES: '10.0.0.0/33',
      SMTP_URL: 'ftp://hunter2',
      LOG_LEVEL: 'loud',
      READ_ONLY: 'perhaps',
      DATABASE_TLS: 'Maybe',
    }

    const { code, stderr, stdout } = await notejam(['serve'], env)

    expect(code).toBe(2)
    for (const name of ['DATABASE_URL', 'SECRET_KEY', 'PORT', 'PUBLIC_URL', 'TRUSTED_PROXIES', 'SMTP_URL', 'LOG_LEVEL', 'READ_ONLY']) {
      expect(stderr).toContain(`${name}: `)
    }
    expect(stderr + stdout).not.toContain('hunter2')
  })

  test.each([
    [['dance'], 'dance'],
    [['serve', '--quickly'], '--quickly'],
    [['migrate', '--phase', 'shrink'], 'expand, contract'],
    [['migrate', '--wait', 'long'], 'seconds'],
    [['wipe'], '--fingerprint'],
    [['smoke'], '--base'],
    [['smoke', '--base', 'here'], 'here'],
    [['seed'], '--generate'],
  ])('%j is answered with one line and exit code 2', async (args, part) => {
    const { code, stderr, stdout } = await notejam(args)

    expect(code).toBe(2)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toContain(part)
    expect(stdout).toBe('')
  })

  test('a port in use is said in one line, exit code 1', async () => {
    await using folder = await scratch()
    const other = createServer().listen(0)
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo

    const { code, stderr } = await notejam(['serve'], {
      DATABASE_URL: `sqlite:${folder.path}/n.db`,
      SECRET_KEY: 'k'.repeat(40),
      PORT: String(port),
      LOG_LEVEL: 'silent',
    })
    other.close()

    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    expect(stderr).toContain(`port ${port} is in use`)
  })

  test('jobs leave one line of JSON on standard output and in the termination message, and the exit code of their outcome', async () => {
    await using database = await createTestDatabase('sqlite')
    await using folder = await scratch()
    const terminationLog = join(folder.path, 'termination-log')
    await writeFile(terminationLog, '')
    const env = { DATABASE_URL: database.url, TERMINATION_LOG: terminationLog, LOG_LEVEL: 'warn' }
    const claim = ['--instance-uid', 'a', '--environment', 'Development']

    const migrated = await notejam(['migrate', ...claim], env)
    const message = await readFile(terminationLog, 'utf8')
    const { identity } = JSON.parse(message) as { identity: { fingerprint: string } }
    const stranger = await notejam(['migrate', '--instance-uid', 'b', '--environment', 'Development'], env)
    const seeded = await notejam(['seed', '--generate', '--users', '1', '--notes', '5', ...claim], env)
    const status = await notejam(['status', '--json'], env)
    const wrong = await notejam(['wipe', '--instance-uid', 'a', '--fingerprint', 'ffff'], env)
    const wiped = await notejam(['wipe', '--instance-uid', 'a', '--fingerprint', identity.fingerprint], env)
    const unreachable = await notejam(['migrate'], { ...env, DATABASE_URL: 'postgres://u:hunter2secret@127.0.0.1:1/x' })

    expect(message.trim()).toBe(migrated.stdout.trim())
    expect([migrated, stranger, seeded, status, wrong, wiped, unreachable].map((run) => [run.code, outcomeOf(run)])).toEqual([
      [0, 'Migrated'],
      [6, 'FenceRefused'],
      [0, 'Seeded'],
      [0, 'Ok'],
      [6, 'FenceRefused'],
      [0, 'Wiped'],
      [1, 'Failed'],
    ])
    expect(JSON.parse(status.stdout)).toMatchObject({
      schemaVersion: 2,
      upgradeFrom: '0.1.0',
      oldestCodeServed: 1,
      rows: { users: 1, notes: 5 },
    })
    expect(unreachable.stdout + unreachable.stderr).not.toContain('hunter2')
  })

  test('migrate ends with 3 when locked, 4 when drifted, 5 when contracted past it', async () => {
    await using database = await createTestDatabase('sqlite')
    const env = { DATABASE_URL: database.url, LOG_LEVEL: 'warn' }
    await notejam(['migrate'], env)
    const { DatabaseSync } = await import('node:sqlite')
    const lock = new DatabaseSync(`${database.url.slice('sqlite:'.length)}.lock`)

    lock.exec('begin exclusive')
    const locked = await notejam(['migrate', '--wait', '0'], env)
    lock.close()
    await database.admin(`update notejam_migrations set hash = 'other' where number = 1`)
    const drifted = await notejam(['migrate'], env)
    await database.admin(`insert into notejam_migrations values (99, 'future', 'contract', 'x', 1, 1, '')`)
    await database.admin('update notejam_schema set oldest_code_served = 99')
    const past = await notejam(['migrate'], env)

    expect([locked, drifted, past].map((run) => [run.code, outcomeOf(run)])).toEqual([
      [3, 'Locked'],
      [4, 'Drifted'],
      [5, 'ContractedPast'],
    ])
  })
})

describe('serve', () => {
  test('is alive before the schema is there, ready after it', async () => {
    await using database = await createTestDatabase('sqlite')
    await using app = await startApp({ databaseUrl: database.url })
    const ask = async (path: string) => {
      const answer = await fetch(`${app.opsUrl}${path}`)
      return [answer.status, await answer.json()]
    }

    const alive = await ask('/healthz')
    const before = await ask('/readyz')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    const after = await waitFor(
      async () => {
        const answer = await ask('/readyz')
        return answer[0] === 200 && answer
      },
      { what: 'readiness', timeoutMs: 5000 },
    )

    expect(alive).toEqual([200, { status: 'ok' }])
    expect(before).toMatchObject([503, { ready: false, reason: 'SchemaMissing' }])
    expect(after).toEqual([200, { ready: true }])
  })

  test('drains: not ready, answers ask for the end of the connection, what runs is finished, exit code 0', async () => {
    await using database = await createTestDatabase('sqlite')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    await using app = await startApp({ databaseUrl: database.url, env: { DRAIN_SECONDS: '1' } })
    const slow = connect(app.port, '127.0.0.1')
    let answer = ''
    slow.on('data', (bytes: Buffer) => (answer += bytes.toString()))
    const body = 'email=nobody%40example.org&password=not-the-one'
    slow.write(
      `POST /signin/ HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    )
    await waitFor(async () => (await (await fetch(`${app.opsUrl}/metrics`)).text()).includes('notejam_http_requests_in_flight 1'), {
      what: 'the request',
      timeoutMs: 5000,
    })

    process.kill(app.pid, 'SIGTERM')
    await waitFor(async () => (await fetch(`${app.opsUrl}/readyz`)).status === 503, { what: 'not ready', timeoutMs: 900, intervalMs: 10 })
    const during = await fetch(`${app.url}/signin/`)
    await waitFor(
      () =>
        fetch(`${app.url}/signin/`).then(
          () => false,
          () => true,
        ),
      { what: 'the end of the drain', timeoutMs: 5000, intervalMs: 20 },
    )
    slow.write(body.slice(10))
    await once(slow, 'close')
    const code = await waitFor(() => app.exitCode(), { what: 'the end', timeoutMs: 5000 })

    expect([during.status, during.headers.get('connection')]).toEqual([200, 'close'])
    expect(answer).toMatch(/^HTTP\/1\.1 (?:200|4\d\d) /)
    expect(code).toBe(0)
    expect(app.lines.filter((line) => line.includes('are cut'))).toEqual([])
  })

  test('the second signal ends it at once', async () => {
    await using database = await createTestDatabase('sqlite')
    await using app = await startApp({ databaseUrl: database.url, env: { DRAIN_SECONDS: '60' } })

    process.kill(app.pid, 'SIGTERM')
    await waitFor(() => app.lines.some((line) => line.includes('"draining"')), { what: 'the drain', timeoutMs: 5000 })
    process.kill(app.pid, 'SIGTERM')

    expect(await waitFor(() => app.exitCode(), { what: 'the end', timeoutMs: 2000 })).toBe(143)
  })

  test('a database that is away costs 503 with Retry-After while it is, and the process goes on', async () => {
    await using database = await createTestDatabase('postgres')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    const direct = new URL(database.url)
    await using proxy = await createTcpProxy({ host: direct.hostname, port: Number(direct.port) })
    const through = new URL(database.url)
    through.port = String(proxy.port)
    await using app = await startApp({ databaseUrl: through.href })
    const person = new NotejamClient({ baseUrl: app.url })
    await person.signUp('person@example.org', 'a long password')
    await person.createNote('before', 'text')

    await proxy.cut()
    const during = await Promise.all(['/', '/notes/create/', '/settings/'].map((path) => person.get(path)))
    await proxy.heal()
    const after = await person.get('/')
    await person.createNote('after', 'text')
    await person.close()

    expect(during.map(({ status, headers }) => [status, Number(headers['retry-after']) > 0])).toEqual(
      Array.from({ length: 3 }, () => [503, true]),
    )
    expect(during[0]?.body).not.toMatch(/ECONN|at .*\.ts|stack/)
    expect([after.status, after.body.includes('before')]).toEqual([200, true])
    expect(app.exitCode()).toBeUndefined()
  })

  test('logs and metrics hold no secret and no endless labels', async () => {
    await using database = await createTestDatabase('sqlite')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    const secretKey = `planted-key-${'k'.repeat(32)}`
    await using app = await startApp({
      databaseUrl: database.url,
      env: { SECRET_KEY: secretKey, SMTP_URL: 'smtp://mailer:planted-smtp@127.0.0.1:1', LOG_LEVEL: 'trace' },
    })
    const person = new NotejamClient({ baseUrl: app.url })
    await person.signUp('person@example.org', 'planted-password')
    await person.createNote('planted-note', 'planted-text')
    await person.post('/signin/', { email: 'person@example.org', password: 'planted-guess' })
    await person.post('/settings/', { old_password: 'planted-password', new_password: 'planted-new', confirm_new_password: 'planted-new' })
    await person.post('/forgot-password/', { email: 'person@example.org' })
    await person.get('/recover-password/planted-reset-token-0123456789')
    await person.get('/search/?q=planted-question')
    for (let path = 0; path < 300; path += 1) {
      await person.get(`/nowhere/${path}/${path}`)
    }
    await person.close()
    await waitFor(() => app.lines.some((line) => line.includes('mail could not be sent')), { what: 'the refused mail', timeoutMs: 10_000 })
    const metrics = await (await fetch(`${app.opsUrl}/metrics`)).text()
    const { DatabaseSync } = await import('node:sqlite')
    const file = new DatabaseSync(database.url.slice('sqlite:'.length))
    const stored = file.prepare('select token_hash from sessions').all() as { token_hash: string }[]
    file.close()

    await app.stop()
    const log = app.lines.join('\n')

    expect(log).toContain('"/search/"')
    expect(log + metrics).not.toMatch(/planted/)
    expect(stored.filter(({ token_hash: hash }) => log.includes(hash))).toEqual([])
    expect(metrics.split('\n').filter((line) => line.startsWith('notejam_')).length).toBeLessThan(500)
    for (const line of app.lines) {
      expect(() => JSON.parse(line) as unknown).not.toThrow()
    }
  })
})

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import type { ServerConfig } from '../../app/src/db/database-config.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { runAppCommand, startApp, type AppProcess } from './app-process.ts'
import { createTestDatabase } from './databases.ts'
import { createTcpProxy } from './tcp-proxy.ts'

async function readyz({ opsUrl }: AppProcess) {
  const answer = await fetch(`${opsUrl}/readyz`)
  const body = (await answer.json()) as { readonly reason?: string; readonly warning?: string }
  return { status: answer.status, ...body }
}

/** Asks as the kubelet does, for some time. */
async function watch(app: AppProcess, forMs: number) {
  const seen: Awaited<ReturnType<typeof readyz>>[] = []
  for (const end = performance.now() + forMs; performance.now() < end; await sleep(500)) seen.push(await readyz(app))
  return seen
}

test('slow queries that take the whole pool leave the process ready', { timeout: 60_000 }, async () => {
  await using database = await createTestDatabase('postgres')
  await runAppCommand({ databaseUrl: database.url }, ['migrate'])
  await using app = await startApp({ databaseUrl: database.url, env: { DATABASE_POOL_MAX: '2', THROTTLE_PER_ADDRESS: '0' } })
  const person = new NotejamClient({ baseUrl: app.url })
  await person.signUp('person@example.org', 'a long password')
  const before = await readyz(app)
  const locking = new Client({ connectionString: database.url })
  await locking.connect()
  await locking.query('begin; lock table notes in access exclusive mode')
  const load = { over: false }
  const asking = Array.from({ length: 8 }, async () => {
    while (!load.over) await person.get('/')
  })

  const during = await watch(app, 10_000)
  await locking.query('rollback')
  await locking.end()
  load.over = true
  await Promise.all(asking)
  const after = await person.get('/')
  await person.close()

  expect(before).toEqual({ status: 200, ready: true })
  expect(during.map(({ status }) => status)).toEqual(during.map(() => 200))
  // It did look, and had no answer in time.
  expect(during.some(({ warning }) => warning?.includes('did not answer'))).toBe(true)
  expect(after.status).toBe(200)
})

test('a write that holds a SQLite file for long leaves the process ready: pages are shown meanwhile', { timeout: 60_000 }, async () => {
  await using database = await createTestDatabase('sqlite')
  await runAppCommand({ databaseUrl: database.url }, ['migrate'])
  await using app = await startApp({ databaseUrl: database.url })
  const before = await readyz(app)
  const writer = new DatabaseSync(database.url.slice('sqlite:'.length))
  writer.exec('begin immediate')

  const during = await watch(app, 24_000)
  const page = await fetch(`${app.url}/signin/`)
  writer.exec('rollback')
  writer.close()

  expect(before.status).toBe(200)
  expect(during.map(({ status }) => status)).toEqual(during.map(() => 200))
  expect(during.at(-1)?.warning).toBeDefined()
  expect(page.status).toBe(200)
})

test.each(['postgres', 'mysql'] as const)(
  'without %s for a moment the process stays ready, after 20 seconds it is not, and with it again at once',
  { timeout: 90_000 },
  async (engine) => {
    await using database = await createTestDatabase(engine)
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    const { host, port } = database.config as ServerConfig
    await using proxy = await createTcpProxy({ host, port })
    const through = new URL(database.url)
    through.port = String(proxy.port)
    await using app = await startApp({ databaseUrl: through.href })
    const before = await readyz(app)

    await proxy.cut()
    const cutAt = performance.now()
    const during = await watch(app, 15_000)
    const late = await waitFor(
      async () => {
        const answer = await readyz(app)
        return answer.status === 503 && answer
      },
      { what: 'not ready', timeoutMs: 15_000 },
    )
    const lateMs = performance.now() - cutAt
    await proxy.heal()
    const healedAt = performance.now()
    await waitFor(async () => (await readyz(app)).status === 200, { what: 'ready again', timeoutMs: 10_000 })
    const backMs = performance.now() - healedAt

    expect(before).toEqual({ status: 200, ready: true })
    expect(during.map(({ status }) => status)).toEqual(during.map(() => 200))
    expect(late.reason).toBe('DatabaseUnavailable')
    expect(lateMs).toBeGreaterThan(15_000)
    expect(backMs).toBeLessThan(5000)
  },
)

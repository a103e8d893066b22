import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { NotejamClient } from '../support/notejam-client.ts'
import { runAppCommand, startApp } from './app-process.ts'
import { createTestDatabase, openTestDatabase } from './databases.ts'
import { createTcpProxy } from './tcp-proxy.ts'

const people = 6
const outages = 3
/** Milliseconds that the database is there, and away. */
const [up, away] = [1200, 500]

test.each(['postgres', 'mysql'] as const)(
  'outages of %s under load: answers or 503 with Retry-After, no acknowledged note is lost, the process goes on',
  { timeout: 120_000 },
  async (engine) => {
    await using database = await createTestDatabase(engine)
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    const direct = new URL(database.url)
    await using proxy = await createTcpProxy({ host: direct.hostname, port: Number(direct.port) })
    const through = new URL(database.url)
    through.port = String(proxy.port)
    await using app = await startApp({ databaseUrl: through.href, env: { THROTTLE_PER_ADDRESS: '0' } })
    const clients = Array.from({ length: people }, () => new NotejamClient({ baseUrl: app.url }))
    await Promise.all(clients.map((client, at) => client.signUp(`person${at}@example.org`, 'a long password')))
    const acknowledged: string[] = []
    const wrong: string[] = []
    const counts = { good: 0, refused: 0 }
    const load = { over: false }
    const note = (what: string, { status, headers }: Awaited<ReturnType<NotejamClient['get']>>, good: number): boolean => {
      if (status === good) {
        counts.good += 1
      } else if (status === 503 && Number(headers['retry-after']) > 0) {
        counts.refused += 1
      } else {
        wrong.push(`${what}: ${status}`)
      }
      return status === good
    }
    const work = async (client: NotejamClient, at: number): Promise<void> => {
      for (let round = 0; !load.over; round += 1) {
        const name = `note-${at}-${round}`
        if (note('write', await client.post('/notes/create/', { name, text: 'text', pad_id: '' }), 302)) {
          acknowledged.push(name)
        }
        note('read', await client.get('/'), 200)
      }
    }

    const working = clients.map(work)
    for (let outage = 0; outage < outages; outage += 1) {
      await sleep(up)
      await proxy.cut()
      await sleep(away)
      await proxy.heal()
    }
    await sleep(up)
    const before = counts.refused
    await sleep(up)
    const afterwards = counts.refused - before
    load.over = true
    await Promise.all(working)
    await Promise.all(clients.map((client) => client.close()))
    await using opened = await openTestDatabase(database)
    const stored = new Set((await opened.db.selectFrom('notes').select('name').execute()).map(({ name }) => name))

    expect(wrong).toEqual([])
    expect(acknowledged.filter((name) => !stored.has(name))).toEqual([])
    expect(counts.refused).toBeGreaterThan(0)
    expect(afterwards).toBe(0)
    expect(app.exitCode()).toBeUndefined()
  },
)

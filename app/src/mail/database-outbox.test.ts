import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../clock.ts'
import { migrate } from '../db/migrate.ts'
import { migrations } from '../db/migrations/all.ts'
import { openDatabase, type OpenDatabase } from '../db/open-database.ts'
import { createStreamLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createOutbox, type RunningOutbox } from './database-outbox.ts'

/** A mail server that keeps what it gets, or refuses it. */
interface Sink {
  readonly url: string
  readonly mails: { readonly to: readonly string[]; readonly source: string }[]
  refuse: boolean
  close(): Promise<void>
}

async function openSink(): Promise<Sink> {
  const mails: Sink['mails'] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      let source = ''
      stream.on('data', (bytes: Buffer) => (source += bytes.toString()))
      stream.on('end', () => {
        if (sink.refuse) {
          done(new Error('mailbox is full'))
          return
        }
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), source })
        done()
      })
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  const sink: Sink = {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refuse: false,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
  return sink
}

const reset = { to: 'person@example.org', subject: 'Notejam: Password recovery', text: 'Follow this link', html: '<p>Follow this link</p>' }
const hour = 3_600_000

describe('the outbox', () => {
  let database: OpenDatabase
  let sink: Sink
  let now = 1_800_000_000_000
  const clock: Clock = { now: () => now }
  const log = createStreamLogger('silent', { write: () => undefined })

  function outbox(smtpUrl: string | undefined): RunningOutbox {
    return createOutbox({
      db: database.db,
      clock,
      log,
      metrics: createMetrics({ version: 'test' }),
      smtpUrl,
      from: 'Notejam <noreply@example.org>',
    })
  }

  const waiting = () => database.db.selectFrom('mail_outbox').select(['id', 'attempts', 'next_attempt_at', 'last_error']).execute()

  beforeEach(async () => {
    database = await openDatabase({ engine: 'sqlite', path: ':memory:' })
    await database.db
      .connection()
      .execute((db) =>
        migrate({ db, engine: 'sqlite', clock, migrations, phase: 'expand', dryRun: false, claim: undefined, lockedForMs: 0 }),
      )
    sink = await openSink()
    now = 1_800_000_000_000
  })

  afterEach(async () => {
    await sink.close()
    await database.close()
  })

  test('sends what was stored, once, and forgets it', async () => {
    const mail = outbox(sink.url)
    await mail.enqueue(database.db, reset)

    await mail.sendDue()
    await mail.sendDue()

    expect(sink.mails.map(({ to }) => to)).toEqual([['person@example.org']])
    expect(sink.mails[0]?.source).toMatch(/Subject: Notejam: Password recovery[\s\S]*multipart\/alternative[\s\S]*Follow this link/)
    expect(await waiting()).toEqual([])
    await mail.stop()
  })

  test('what is stored in a transaction that fails is not sent', async () => {
    const mail = outbox(sink.url)
    const failing = database.db.transaction().execute(async (transaction) => {
      await mail.enqueue(transaction, reset)
      throw new Error('the rest failed')
    })

    await expect(failing).rejects.toThrow('the rest failed')
    await mail.sendDue()

    expect(sink.mails).toEqual([])
    await mail.stop()
  })

  test('survives a process that ended before it was sent, and one that ended while it sent', async () => {
    await outbox(undefined).enqueue(database.db, reset)
    await database.db
      .updateTable('mail_outbox')
      .set({ next_attempt_at: now + 60_000 })
      .execute()
    const next = outbox(sink.url)

    await next.sendDue()
    const early = sink.mails.length
    now += 60_001
    await next.sendDue()

    expect([early, sink.mails.length]).toEqual([0, 1])
    await next.stop()
  })

  test('tries again later when the mail server refuses, and says why', async () => {
    const mail = outbox(sink.url)
    await mail.enqueue(database.db, reset)
    sink.refuse = true

    await mail.sendDue()
    const [row] = await waiting()
    await mail.sendDue()
    sink.refuse = false
    now += 15_001
    await mail.sendDue()

    expect(row).toMatchObject({ attempts: 1, next_attempt_at: 1_800_000_015_000 })
    expect(row?.last_error).toContain('mailbox is full')
    expect(sink.mails).toHaveLength(1)
    await mail.stop()
  })

  test('gives up after ten attempts, and on what is older than a day', async () => {
    const mail = outbox(sink.url)
    sink.refuse = true
    await mail.enqueue(database.db, reset)
    const tries: number[] = []
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await mail.sendDue()
      tries.push((await waiting()).length)
      now += hour
    }
    await mail.enqueue(database.db, reset)
    now += 25 * hour
    sink.refuse = false

    await mail.sendDue()

    expect(tries.slice(8)).toEqual([1, 0, 0, 0])
    expect(sink.mails).toEqual([])
    expect(await waiting()).toEqual([])
    await mail.stop()
  })

  test('two processes do not both send it', async () => {
    const [one, two] = [outbox(sink.url), outbox(sink.url)]
    for (let mail = 0; mail < 5; mail += 1) {
      await one.enqueue(database.db, { ...reset, to: `person${mail}@example.org` })
    }

    await Promise.all([one.sendDue(), two.sendDue()])

    expect(sink.mails.map(({ to }) => to[0]).toSorted()).toEqual([0, 1, 2, 3, 4].map((mail) => `person${mail}@example.org`))
    await one.stop()
    await two.stop()
  })

  test('a kick sends at once, and stopping waits for what is being sent', async () => {
    const mail = outbox(sink.url)
    await mail.enqueue(database.db, reset)

    mail.kick()
    await vi.waitFor(() => {
      expect(sink.mails).toHaveLength(1)
    })
    await mail.stop()

    expect(await waiting()).toEqual([])
  })

  test('a header in an address or a subject stays in its line', async () => {
    const mail = outbox(sink.url)
    await mail.enqueue(database.db, { ...reset, subject: 'Hello\r\nBcc: victim@example.org' })

    await mail.sendDue()

    expect(sink.mails.map(({ to }) => to)).toEqual([['person@example.org']])
    expect(sink.mails[0]?.source).not.toMatch(/^Bcc:/m)
    await mail.stop()
  })
})

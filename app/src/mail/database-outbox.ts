import type { Kysely } from 'kysely'
import type { Transporter } from 'nodemailer'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/schema.ts'
import { messageOf } from '../errors.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Outbox } from './outbox.ts'

/** Between two looks into the outbox when nobody kicked. */
const everyMs = 15_000
/** For this long a mail belongs to the process that took it; then another may try. */
const leaseMs = 60_000
const maxAttempts = 10
/** A reset link is of no use after it has expired; nothing older is sent. */
const maxAgeMs = 24 * 3600 * 1000
const batch = 20

/** An outbox that also sends. */
export interface RunningOutbox extends Outbox {
  /** Begins to send; without a mail server it only deletes what is too old. */
  start(): void
  /** Stops, after the mail that is being sent. */
  stop(): Promise<void>
  /** Sends what is due now; for tests. */
  sendDue(): Promise<void>
}

/** Options of {@link createOutbox}. */
export interface OutboxOptions {
  readonly db: Kysely<Database>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Undefined: nothing is sent. */
  readonly smtpUrl: string | undefined
  readonly from: string
}

/** Milliseconds until the next attempt: 15 s, doubled each time, at most an hour. */
function backoff(attempts: number): number {
  return Math.min(15_000 * 2 ** attempts, 3_600_000)
}

/**
 * The outbox in the database: at least once, by whichever process comes first.
 *
 * Taking a mail is a conditional update of its due time, so two processes do not send it both unless one stalls for a minute.
 */
export function createOutbox({ db, clock, log, metrics, smtpUrl, from }: OutboxOptions): RunningOutbox {
  let transport: Transporter | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  const state = { again: false, ended: false }

  const connect = async (url: string): Promise<Transporter> => {
    const { createTransport } = await import('nodemailer')
    transport ??= createTransport(url, { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 } as object)
    return transport
  }

  const take = async (id: number, due: number): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable('mail_outbox')
      .set({ next_attempt_at: clock.now() + leaseMs })
      .where('id', '=', id)
      .where('next_attempt_at', '=', due)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  }

  const sendDue = async (): Promise<void> => {
    const now = clock.now()
    await db
      .deleteFrom('mail_outbox')
      .where('created_at', '<', now - maxAgeMs)
      .execute()
    if (smtpUrl === undefined) {
      return
    }
    const due = await db
      .selectFrom('mail_outbox')
      .selectAll()
      .where('next_attempt_at', '<=', now)
      .orderBy('next_attempt_at')
      .limit(batch)
      .execute()
    for (const mail of due) {
      if (state.ended || !(await take(mail.id, mail.next_attempt_at))) {
        continue
      }
      try {
        const { recipient: to, subject, text_body: text, html_body: html } = mail
        await (await connect(smtpUrl)).sendMail({ from, to, subject, text, ...(html === null ? {} : { html }) })
        await db.deleteFrom('mail_outbox').where('id', '=', mail.id).execute()
        metrics.mails.inc({ result: 'sent' })
        log.info({ mail: mail.id }, 'mail sent')
      } catch (error) {
        await failed(mail, error)
      }
    }
    state.again ||= due.length === batch
  }

  const failed = async (mail: { readonly id: number; readonly attempts: number }, error: unknown): Promise<void> => {
    const attempts = mail.attempts + 1
    metrics.mails.inc({ result: attempts >= maxAttempts ? 'given-up' : 'failed' })
    log.warn({ mail: mail.id, attempts, error }, 'mail could not be sent')
    if (attempts >= maxAttempts) {
      await db.deleteFrom('mail_outbox').where('id', '=', mail.id).execute()
      return
    }
    const change = { attempts, next_attempt_at: clock.now() + backoff(mail.attempts), last_error: messageOf(error).slice(0, 500) }
    await db.updateTable('mail_outbox').set(change).where('id', '=', mail.id).execute()
  }

  const round = async (): Promise<void> => {
    do {
      state.again = false
      try {
        await sendDue()
      } catch (error) {
        log.warn({ error }, 'the outbox could not be read')
      }
    } while (state.again && !state.ended)
  }

  const kick = (): void => {
    if (state.ended) {
      return
    }
    if (running !== undefined) {
      state.again = true
      return
    }
    running = round().finally(() => {
      running = undefined
    })
  }

  return {
    enqueue: async (on, { to, subject, text, html }) => {
      const now = clock.now()
      const row = {
        recipient: to,
        subject,
        text_body: text,
        html_body: html ?? null,
        created_at: now,
        next_attempt_at: now,
        last_error: null,
      }
      await on.insertInto('mail_outbox').values(row).execute()
    },
    kick,
    start: () => {
      timer ??= setInterval(kick, everyMs)
      kick()
    },
    stop: async () => {
      state.ended = true
      clearInterval(timer)
      await running
      transport?.close()
    },
    sendDue,
  }
}

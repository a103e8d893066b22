import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'

/** A mail to one recipient. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html?: string
}

/** Where features leave mail: in the database, in their own transaction, so that neither a crash nor a dead mail server loses it. */
export interface Outbox {
  /**
   * Stores a mail. Give the transaction that makes the thing the mail is about: both happen or neither.
   * Sending begins after {@link Outbox.kick} or at the next round.
   */
  enqueue(db: Kysely<Database>, mail: Mail): Promise<void>
  /** Tells the sender that something was committed; returns at once and never throws. */
  kick(): void
}

import type { Generated, Insertable } from 'kysely'

/**
 * The tables of Notejam as Kysely sees them, the same for the three engines.
 *
 * Conventions:
 * - ids are integers that the database gives (`Generated<number>`), never reused;
 * - times are milliseconds since the epoch in UTC, as numbers, taken from the injected clock and never from the database;
 * - `*_key` columns are folded copies (`db/text-keys.ts`) that compare byte by byte, so that the engines agree about order and uniqueness;
 * - `*_hash` columns are 64 lower-case hex digits (SHA-256 or HMAC-SHA-256): what they stand for is not in the database;
 * - `deleted_at` not null is a deletion that can be undone for 30 days; rows with the same `deletion_id` went, and come back, together.
 */
export interface Database {
  readonly users: UsersTable
  readonly sessions: SessionsTable
  readonly password_resets: PasswordResetsTable
  readonly pads: PadsTable
  readonly notes: NotesTable
  readonly note_search: NoteSearchTable
  readonly api_tokens: ApiTokensTable
  readonly throttle_windows: ThrottleWindowsTable
  readonly mail_outbox: MailOutboxTable
  readonly erased_accounts: ErasedAccountsTable
  readonly notejam_identity: IdentityTable
  readonly notejam_migrations: MigrationsTable
  readonly notejam_schema: SchemaTable
}

/** An account. */
export interface UsersTable {
  readonly id: Generated<number>
  /** As typed by its owner, at most 254 code points (RFC 5321 path limit). */
  readonly email: string
  /** `emailKey(email)`; unique. */
  readonly email_key: string
  /** argon2id in PHC string form. */
  readonly password_hash: string
  /** Notes that are not deleted; kept in the transaction that changes them, so that a list page never counts. */
  readonly note_count: Generated<number>
  readonly created_at: number
  readonly password_changed_at: number
}

/** A signed-in browser. */
export interface SessionsTable {
  readonly id: Generated<number>
  readonly user_id: number
  /** Keyed hash of the opaque token in the cookie; unique. */
  readonly token_hash: string
  readonly created_at: number
  readonly last_seen_at: number
  /** Absolute end; the idle end follows from `last_seen_at`. */
  readonly expires_at: number
  /** At most 300 code points of the `User-Agent` header, to tell sessions apart in the settings. */
  readonly user_agent: string
  readonly address: string
}

/** A one-time link that was mailed. */
export interface PasswordResetsTable {
  readonly id: Generated<number>
  readonly user_id: number
  readonly token_hash: string
  readonly created_at: number
  readonly expires_at: number
  readonly used_at: number | null
}

/** A pad. `(id, user_id)` is unique too: it is what notes refer to. */
export interface PadsTable {
  readonly id: Generated<number>
  readonly user_id: number
  /** At most 100 code points. */
  readonly name: string
  /** `nameKey(name)`. Nullable until the contract step 3; this code always writes it. */
  readonly name_key: string
  /** Notes in the pad that are not deleted. */
  readonly note_count: Generated<number>
  readonly created_at: number
  readonly updated_at: number
  /** Starts at 1 and goes up by one with every change: optimistic locking and ETags. */
  readonly version: Generated<number>
  readonly deleted_at: number | null
  readonly deletion_id: string | null
}

/** A note. `(pad_id, user_id)` refers to `pads (id, user_id)`: the database refuses a note in a foreign pad. */
export interface NotesTable {
  readonly id: Generated<number>
  readonly user_id: number
  readonly pad_id: number | null
  /** At most 100 code points. */
  readonly name: string
  /** `nameKey(name)`. Nullable until the contract step 3; this code always writes it. */
  readonly name_key: string
  /** At most 100,000 code points. */
  readonly text: string
  readonly created_at: number
  readonly updated_at: number
  readonly version: Generated<number>
  readonly deleted_at: number | null
  readonly deletion_id: string | null
}

/**
 * The full-text index: one row per note, `words` being what `searchWords` (`db/search-index.ts`) makes of name and text.
 * Always written through `putSearchWords`.
 *
 * PostgreSQL: an ordinary table, `words` a `tsvector` under GIN. MySQL: an ordinary table, `words` under FULLTEXT. SQLite: an FTS5 table
 * without content, addressed by `rowid` (the note's id) instead of `note_id`, and emptied by a trigger when a note's row goes.
 */
export interface NoteSearchTable {
  readonly note_id: number
  readonly words: string
}

/** A personal token of the JSON API. */
export interface ApiTokensTable {
  readonly id: Generated<number>
  readonly user_id: number
  /** At most 100 code points. */
  readonly name: string
  readonly token_hash: string
  /** First characters of the token, so that its owner recognises it. */
  readonly hint: string
  /** Separated by blanks, e.g. `notes:read notes:write`. */
  readonly scopes: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly last_used_at: number | null
}

/** Hits of one throttled thing (an account, an address) in one window of time; primary key `(bucket, window_start)`. */
export interface ThrottleWindowsTable {
  readonly bucket: string
  readonly window_start: number
  readonly hits: number
}

/** Mail that is still to be sent; a row goes when the mail server has taken it. */
export interface MailOutboxTable {
  readonly id: Generated<number>
  readonly recipient: string
  readonly subject: string
  readonly text_body: string
  readonly html_body: string | null
  readonly created_at: number
  readonly attempts: Generated<number>
  /** Not before this time; also the lease of the worker that is sending it. */
  readonly next_attempt_at: number
  readonly last_error: string | null
}

/** Accounts that their owners deleted, so that a restore can delete them again. */
export interface ErasedAccountsTable {
  readonly id_hash: string
  readonly erased_at: number
}

/** One row: whose database this is. Never dropped by a wipe. */
export interface IdentityTable {
  readonly id: number
  readonly instance_uid: string
  readonly environment: string
  readonly fingerprint: string
  readonly recorded_at: number
  /** The release that wiped last, so that a lost status cannot repeat it. */
  readonly last_wipe_id: string | null
}

/** The ledger of applied migrations. */
export interface MigrationsTable {
  readonly number: number
  readonly name: string
  readonly phase: string
  readonly hash: string
  /** 0 while it runs, or if it was cut off half-way. */
  readonly applied_at: number
  readonly duration_ms: number
  /** Names of the tables that it created, separated by blanks: what a wipe may drop. */
  readonly tables_created: string
}

/** One row: which code the schema serves. */
export interface SchemaTable {
  readonly id: number
  /** Lowest code level (its newest migration's number) that this schema still serves; raised only by contract steps. */
  readonly oldest_code_served: number
}

/** What is needed to insert into a table. */
export type NewRow<T extends keyof Database> = Insertable<Database[T]>

import type { Kysely } from 'kysely'
import type { AppContext } from '../context.ts'
import { type Prepared, prepare } from '../db/prepare.ts'
import type { Database } from '../db/schema.ts'
import { isToken, newToken, tokenHash } from './secret-token.ts'

/** The person a request belongs to, and the session that says so. */
export interface Member {
  readonly userId: number
  readonly email: string
  readonly noteCount: number
  readonly sessionId: number
}

/** Where a sign-in came from; shown in the list of sessions. */
export interface Origin {
  readonly address: string
  readonly userAgent: string
}

/** One line of the list of sessions. */
export interface SessionView {
  readonly id: number
  readonly createdAt: number
  readonly lastSeenAt: number
  readonly userAgent: string
  readonly address: string
  readonly current: boolean
}

/** Server-side sessions: the cookie holds an opaque token, the database its keyed hash. */
export interface Sessions {
  /** Begins a session and returns the token for the cookie. Give the transaction of what it belongs to. */
  begin(db: Kysely<Database>, userId: number, origin: Origin): Promise<string>
  /** The member that a token stands for; one query. */
  authenticate(token: string | undefined): Promise<Member | undefined>
  /** Ends the session of a token, if there is one; returns whose it was. */
  endByToken(token: string | undefined): Promise<void>
  /** Ends one session of a user; false when it is not theirs or gone. */
  end(userId: number, sessionId: number): Promise<boolean>
  /** Ends all sessions of a user, except one. */
  endAll(db: Kysely<Database>, userId: number, except?: number): Promise<void>
  list(member: Member): Promise<SessionView[]>
}

/** Two weeks without a request. */
export const idleMs = 14 * 86_400_000
/** Thirty days whatever happens (OWASP ASVS 5.0, 7.3: both limits must exist and be documented). */
export const absoluteMs = 30 * 86_400_000
/** How stale `last_seen_at` may be: a session is written at most this often, so pages stay reads. */
const touchMs = 5 * 60_000
const maxUserAgent = 300

/** Builds {@link Sessions} on the database. */
export function createSessions(context: Pick<AppContext, 'db' | 'config' | 'clock'>): Sessions {
  const { db, config, clock } = context
  const find = prepareFind(db)
  const hash = (token: string): string => tokenHash(config.secretKey, 'session', token)
  return {
    async begin(transaction, userId, origin) {
      const token = newToken()
      const now = clock.now()
      await transaction
        .insertInto('sessions')
        .values({
          user_id: userId,
          token_hash: hash(token),
          created_at: now,
          last_seen_at: now,
          expires_at: now + absoluteMs,
          user_agent: storable(origin.userAgent),
          address: origin.address.slice(0, 64),
        })
        .execute()
      return token
    },
    async authenticate(token) {
      if (!isToken(token)) return undefined
      const row = await find.first(db, hash(token))
      const now = clock.now()
      if (row === undefined || row.expires_at <= now || row.last_seen_at + idleMs <= now) return undefined
      if (row.last_seen_at + touchMs <= now && !config.readOnly) {
        await db.updateTable('sessions').set({ last_seen_at: now }).where('id', '=', row.session_id).execute()
      }
      return { userId: row.user_id, email: row.email, noteCount: row.note_count, sessionId: row.session_id }
    },
    async endByToken(token) {
      if (!isToken(token)) return
      await db.deleteFrom('sessions').where('token_hash', '=', hash(token)).execute()
    },
    async end(userId, sessionId) {
      const { numDeletedRows } = await db
        .deleteFrom('sessions')
        .where('id', '=', sessionId)
        .where('user_id', '=', userId)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async endAll(transaction, userId, except) {
      let query = transaction.deleteFrom('sessions').where('user_id', '=', userId)
      if (except !== undefined) query = query.where('id', '<>', except)
      await query.execute()
    },
    async list(member) {
      const now = clock.now()
      const rows = await db
        .selectFrom('sessions')
        .select(['id', 'created_at', 'last_seen_at', 'user_agent', 'address'])
        .where('user_id', '=', member.userId)
        .where('expires_at', '>', now)
        .where('last_seen_at', '>', now - idleMs)
        .orderBy('last_seen_at', 'desc')
        .orderBy('id', 'desc')
        .limit(100)
        .execute()
      return rows.map((row) => ({
        id: row.id,
        createdAt: row.created_at,
        lastSeenAt: row.last_seen_at,
        userAgent: row.user_agent,
        address: row.address,
        current: row.id === member.sessionId,
      }))
    },
  }
}

interface Found {
  readonly session_id: number
  readonly expires_at: number
  readonly last_seen_at: number
  readonly user_id: number
  readonly email: string
  readonly note_count: number
}

function prepareFind(db: Kysely<Database>): Prepared<[string], Found> {
  return prepare(db, (from, tokenHashed: string) =>
    from
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select([
        'sessions.id as session_id',
        'sessions.expires_at',
        'sessions.last_seen_at',
        'users.id as user_id',
        'users.email',
        'users.note_count',
      ])
      .where('sessions.token_hash', '=', tokenHashed),
  )
}

/** Header text arrives as Latin-1; what a database could refuse is dropped. */
function storable(userAgent: string): string {
  return [...userAgent.replaceAll(/\p{C}/gu, '')].slice(0, maxUserAgent).join('')
}

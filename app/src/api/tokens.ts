import type { Kysely } from 'kysely'
import type { Audit } from '../accounts/audit.ts'
import { isToken, newToken, tokenHash } from '../accounts/secret-token.ts'
import type { Origin } from '../accounts/sessions.ts'
import type { AppContext } from '../context.ts'
import { type Prepared, prepare } from '../db/prepare.ts'
import type { Database } from '../db/schema.ts'
import { insertWithId, transact } from '../db/transact.ts'
import { InvalidInputError } from '../errors.ts'

/** What a token may do: `write` includes nothing else, so a token that does both has both. */
export const scopes = ['read', 'write'] as const
/** One of {@link scopes}. */
export type Scope = (typeof scopes)[number]

/** A token that was recognised, and whose it is. */
export interface ApiToken {
  readonly id: number
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Milliseconds since the epoch; null never ends. */
  readonly expiresAt: number | null
  readonly userId: number
  readonly email: string
  readonly userCreatedAt: number
  readonly noteCount: number
}

/** A token as its owner sees it in the settings; never the token itself. */
export interface ApiTokenView extends Pick<ApiToken, 'id' | 'name' | 'scopes' | 'expiresAt'> {
  readonly hint: string
  readonly createdAt: number
  /** To the minute. */
  readonly lastUsedAt: number | null
  readonly expired: boolean
}

/** Personal tokens of the JSON API: shown once, stored as a keyed hash. */
export interface ApiTokens {
  /** The new token, which cannot be read again. @throws InvalidInputError beyond {@link maxTokens} */
  create(
    userId: number,
    input: { readonly name: string; readonly scopes: readonly Scope[]; readonly days: number | null },
    origin: Origin,
  ): Promise<string>
  /** Who a token stands for; undefined when there is none such, or no longer. */
  authenticate(token: string): Promise<ApiToken | undefined>
  list(userId: number): Promise<readonly ApiTokenView[]>
  /** Ends a token at once; false when it is not theirs or gone. */
  revoke(userId: number, tokenId: number, origin: Origin): Promise<boolean>
}

/** Prefix of every token, so that secret scanners and people recognise one. */
export const tokenPrefix = 'njp_'
/** More than anybody needs, and few enough for one page. */
export const maxTokens = 50
const dayMs = 86_400_000
/** How stale `last_used_at` may be, so that a read stays a read. */
const touchMs = 60_000

/** Builds {@link ApiTokens} on the database. */
export function createApiTokens(options: Pick<AppContext, 'db' | 'engine' | 'config' | 'clock'> & { readonly audit: Audit }): ApiTokens {
  const { db, engine, config, clock, audit } = options
  const find = prepareFind(db)
  const hash = (secret: string): string => tokenHash(config.secretKey, 'api-token', secret)
  return {
    async create(userId, input, origin) {
      const secret = newToken()
      const now = clock.now()
      const id = await transact(db, async (transaction) => {
        // The row of the user is the lock that keeps two requests from both counting one below the limit.
        await transaction
          .updateTable('users')
          .set((row) => ({ note_count: row.ref('note_count') }))
          .where('id', '=', userId)
          .execute()
        const { count } = await transaction
          .selectFrom('api_tokens')
          .select((row) => row.fn.countAll<number | string>().as('count'))
          .where('user_id', '=', userId)
          .executeTakeFirstOrThrow()
        if (Number(count) >= maxTokens)
          throw new InvalidInputError({ name: [`An account has at most ${maxTokens} tokens; revoke one first.`] })
        return insertWithId(transaction, engine, 'api_tokens', {
          user_id: userId,
          name: input.name,
          token_hash: hash(secret),
          hint: tokenPrefix + secret.slice(0, 4),
          scopes: scopes.filter((scope) => input.scopes.includes(scope)).join(' '),
          created_at: now,
          expires_at: input.days === null ? null : now + input.days * dayMs,
          last_used_at: null,
        })
      })
      audit('token-created', { userId, address: origin.address, tokenId: id, scopes: input.scopes })
      return tokenPrefix + secret
    },

    async authenticate(token) {
      const secret = token.startsWith(tokenPrefix) ? token.slice(tokenPrefix.length) : undefined
      if (!isToken(secret)) return undefined
      const row = await find.first(db, hash(secret))
      const now = clock.now()
      if (row === undefined || (row.expires_at !== null && row.expires_at <= now)) return undefined
      if (!config.readOnly && (row.last_used_at === null || row.last_used_at + touchMs <= now)) {
        await db.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', row.id).execute()
      }
      return {
        id: row.id,
        name: row.name,
        scopes: readScopes(row.scopes),
        expiresAt: row.expires_at,
        userId: row.user_id,
        email: row.email,
        userCreatedAt: row.user_created_at,
        noteCount: row.note_count,
      }
    },

    async list(userId) {
      const now = clock.now()
      const rows = await db
        .selectFrom('api_tokens')
        .select(['id', 'name', 'hint', 'scopes', 'created_at', 'expires_at', 'last_used_at'])
        .where('user_id', '=', userId)
        .orderBy('id', 'desc')
        .limit(maxTokens)
        .execute()
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        hint: row.hint,
        scopes: readScopes(row.scopes),
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        lastUsedAt: row.last_used_at,
        expired: row.expires_at !== null && row.expires_at <= now,
      }))
    },

    async revoke(userId, tokenId, origin) {
      const { numDeletedRows } = await db
        .deleteFrom('api_tokens')
        .where('id', '=', tokenId)
        .where('user_id', '=', userId)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) return false
      audit('token-revoked', { userId, address: origin.address, tokenId })
      return true
    },
  }
}

interface Found {
  readonly id: number
  readonly name: string
  readonly scopes: string
  readonly expires_at: number | null
  readonly last_used_at: number | null
  readonly user_id: number
  readonly email: string
  readonly user_created_at: number
  readonly note_count: number
}

function prepareFind(db: Kysely<Database>): Prepared<[string], Found> {
  return prepare(db, (from, hashed: string) =>
    from
      .selectFrom('api_tokens')
      .innerJoin('users', 'users.id', 'api_tokens.user_id')
      .select([
        'api_tokens.id',
        'api_tokens.name',
        'api_tokens.scopes',
        'api_tokens.expires_at',
        'api_tokens.last_used_at',
        'users.id as user_id',
        'users.email',
        'users.created_at as user_created_at',
        'users.note_count',
      ])
      .where('api_tokens.token_hash', '=', hashed),
  )
}

function readScopes(text: string): readonly Scope[] {
  const words = text.split(' ')
  return scopes.filter((scope) => words.includes(scope))
}

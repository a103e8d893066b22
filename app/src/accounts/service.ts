import { setTimeout as wait } from 'node:timers/promises'
import type { AppContext } from '../context.ts'
import { holdAccount } from '../db/hold-account.ts'
import { emailKey } from '../db/text-keys.ts'
import { transact } from '../db/transact.ts'
import { InvalidInputError, NotFoundError } from '../errors.ts'
import type { Audit } from './audit.ts'
import { erasedHash } from './erased-hash.ts'
import type { Passwords } from './passwords.ts'
import { resetMail } from './reset-mail.ts'
import { isLinkToken, newLinkToken, tokenHash } from './secret-token.ts'
import type { Member, Origin, Sessions } from './sessions.ts'
import type { Throttle } from './throttle.ts'

/** What accounts can do, apart from how a page or the API asks for it. Input was checked by `schemas.ts`. */
export interface Accounts {
  /** @throws InvalidInputError when the address is taken; ThrottledError */
  signUp(input: { readonly email: string; readonly password: string }, origin: Origin): Promise<void>
  /** The token of a new session; undefined when address or password is wrong. @throws ThrottledError */
  signIn(input: { readonly email: string; readonly password: string }, origin: Origin): Promise<string | undefined>
  /** Mails a link if there is such an account; takes the same time if not. @throws ThrottledError */
  askForReset(email: string, baseUrl: string, origin: Origin): Promise<void>
  /** Whether a mailed link still opens. */
  isResetValid(token: string): Promise<boolean>
  /** Sets a new password by a mailed link, once, and ends every session. @throws NotFoundError, ThrottledError */
  reset(token: string, password: string, origin: Origin): Promise<void>
  /** The token of the session that goes on; all others end. @throws InvalidInputError, ThrottledError */
  changePassword(member: Member, input: { readonly old_password: string; readonly new_password: string }, origin: Origin): Promise<string>
  /** Deletes the account and everything in it, at once and for good. @throws InvalidInputError, ThrottledError */
  deleteAccount(member: Member, password: string, origin: Origin): Promise<void>
}

/** What accounts are built from. */
export interface AccountsOptions extends Pick<AppContext, 'db' | 'engine' | 'config' | 'clock' | 'mail' | 'metrics'> {
  readonly passwords: Passwords
  readonly sessions: Sessions
  readonly throttle: Throttle
  readonly audit: Audit
  /** Milliseconds that asking for a link takes at least, so that time does not tell who is registered. */
  readonly resetFloorMs?: number
}

/** One hour, so that a link in an old mail box is worth nothing. */
const resetMs = 3_600_000
const defaultResetFloorMs = 150

/** Builds {@link Accounts}. */
export function createAccounts(options: AccountsOptions): Accounts {
  const { db, config, clock, mail, metrics, passwords, sessions, throttle, audit } = options
  const resetHash = (token: string): string => tokenHash(config.secretKey, 'password-reset', token)
  const findByEmail = async (email: string) =>
    db.selectFrom('users').select(['id', 'email', 'password_hash']).where('email_key', '=', emailKey(email)).executeTakeFirst()
  const checkPassword = async (member: Member, password: string, field: string, message: string, origin: Origin): Promise<void> => {
    await throttle.attempt('password', { address: origin.address, account: String(member.userId) })
    const user = await db.selectFrom('users').select('password_hash').where('id', '=', member.userId).executeTakeFirst()
    if (await passwords.verify(password, user?.password_hash)) return
    audit('password-change-failed', { userId: member.userId, address: origin.address })
    throw new InvalidInputError({ [field]: [message] })
  }

  return {
    async signUp(input, origin) {
      await throttle.attempt('sign-up', { address: origin.address })
      const taken = new InvalidInputError({ email: ['User with this email is already signed up'] })
      if ((await findByEmail(input.email)) !== undefined) throw taken
      const now = clock.now()
      const row = {
        email: input.email,
        email_key: emailKey(input.email),
        password_hash: await passwords.hash(input.password),
        created_at: now,
        password_changed_at: now,
      }
      try {
        await db.insertInto('users').values(row).execute()
      } catch (error) {
        // Two sign-ups at once: the unique index let one through.
        if ((await findByEmail(input.email)) !== undefined) throw taken
        throw error
      }
      metrics.signUps.inc()
      audit('signed-up', { address: origin.address })
    },

    async signIn(input, origin) {
      try {
        await throttle.attempt('sign-in', { address: origin.address, account: emailKey(input.email) })
      } catch (error) {
        metrics.signIns.inc({ result: 'throttled' })
        throw error
      }
      const user = await findByEmail(input.email)
      const right = await passwords.verify(input.password, user?.password_hash)
      if (user === undefined || !right) {
        metrics.signIns.inc({ result: 'failure' })
        audit('sign-in-failed', { userId: user?.id, address: origin.address })
        return undefined
      }
      if (passwords.isOutdated(user.password_hash)) {
        const renewed = await passwords.hash(input.password)
        await db
          .updateTable('users')
          .set({ password_hash: renewed })
          .where('id', '=', user.id)
          .where('password_hash', '=', user.password_hash)
          .execute()
      }
      const token = await sessions.begin(db, user.id, origin)
      metrics.signIns.inc({ result: 'success' })
      audit('signed-in', { userId: user.id, address: origin.address })
      return token
    },

    async askForReset(email, baseUrl, origin) {
      await throttle.attempt('reset', { address: origin.address, account: emailKey(email) })
      const work = async (): Promise<void> => {
        const user = await findByEmail(email)
        if (user === undefined) return
        const token = newLinkToken()
        const now = clock.now()
        await transact(db, async (transaction) => {
          await transaction.deleteFrom('password_resets').where('user_id', '=', user.id).execute()
          await transaction
            .insertInto('password_resets')
            .values({ user_id: user.id, token_hash: resetHash(token), created_at: now, expires_at: now + resetMs, used_at: null })
            .execute()
          await mail.enqueue(transaction, resetMail(user.email, `${baseUrl}/recover-password/${token}/`, resetMs))
        })
        mail.kick()
        audit('password-reset-asked', { userId: user.id, address: origin.address })
      }
      const floor = options.resetFloorMs ?? defaultResetFloorMs
      await Promise.all([work(), floor === 0 ? undefined : wait(floor)])
    },

    async isResetValid(token) {
      if (!isLinkToken(token)) return false
      const row = await db
        .selectFrom('password_resets')
        .select(['expires_at', 'used_at'])
        .where('token_hash', '=', resetHash(token))
        .executeTakeFirst()
      return row !== undefined && row.used_at === null && row.expires_at > clock.now()
    },

    async reset(token, password, origin) {
      await throttle.attempt('reset-use', { address: origin.address })
      const gone = new NotFoundError('This link was used already, is too old, or is not complete.')
      if (!isLinkToken(token)) throw gone
      const hash = await passwords.hash(password)
      const now = clock.now()
      const userId = await transact(db, async (transaction) => {
        const used = await transaction
          .updateTable('password_resets')
          .set({ used_at: now })
          .where('token_hash', '=', resetHash(token))
          .where('used_at', 'is', null)
          .where('expires_at', '>', now)
          .executeTakeFirstOrThrow()
        if (used.numUpdatedRows === 0n) throw gone
        const { user_id } = await transaction
          .selectFrom('password_resets')
          .select('user_id')
          .where('token_hash', '=', resetHash(token))
          .executeTakeFirstOrThrow()
        await transaction.updateTable('users').set({ password_hash: hash, password_changed_at: now }).where('id', '=', user_id).execute()
        await sessions.endAll(transaction, user_id)
        return user_id
      })
      audit('password-reset', { userId, address: origin.address })
    },

    async changePassword(member, input, origin) {
      await checkPassword(member, input.old_password, 'old_password', 'Invalid current password', origin)
      const hash = await passwords.hash(input.new_password)
      const token = await transact(db, async (transaction) => {
        await transaction
          .updateTable('users')
          .set({ password_hash: hash, password_changed_at: clock.now() })
          .where('id', '=', member.userId)
          .execute()
        await sessions.endAll(transaction, member.userId)
        await transaction.deleteFrom('password_resets').where('user_id', '=', member.userId).execute()
        return sessions.begin(transaction, member.userId, origin)
      })
      audit('password-changed', { userId: member.userId, address: origin.address })
      return token
    },

    async deleteAccount(member, password, origin) {
      await checkPassword(member, password, 'password', 'Invalid current password', origin)
      await transact(db, async (transaction) => {
        await holdAccount(transaction, options.engine, member.userId)
        const mine = transaction.selectFrom('notes').select('id').where('user_id', '=', member.userId)
        if (options.engine !== 'sqlite') await transaction.deleteFrom('note_search').where('note_id', 'in', mine).execute()
        await transaction.deleteFrom('notes').where('user_id', '=', member.userId).execute()
        await transaction.deleteFrom('pads').where('user_id', '=', member.userId).execute()
        for (const table of ['sessions', 'password_resets', 'api_tokens'] as const) {
          await transaction.deleteFrom(table).where('user_id', '=', member.userId).execute()
        }
        await transaction.deleteFrom('mail_outbox').where('recipient', '=', member.email).execute()
        await transaction.deleteFrom('users').where('id', '=', member.userId).execute()
        // Nobody is behind an address below `.invalid` (RFC 2606), so there is nobody to be forgotten again after a restore: `smoke` leaves nothing.
        if (emailKey(member.email).endsWith('.invalid')) return
        const erased = erasedHash(config.secretKey, { id: member.userId, emailKey: emailKey(member.email) })
        await transaction.insertInto('erased_accounts').values({ id_hash: erased, erased_at: clock.now() }).execute()
      })
      audit('account-deleted', { userId: member.userId, address: origin.address })
    },
  }
}

import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { loadConfig } from '../config.ts'
import type { AppContext } from '../context.ts'
import { AppError, messageOf } from '../errors.ts'
import { createServices, type Services } from '../http/services.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { version } from '../version.ts'
import type { ScratchArchive } from './with-archive.ts'

const origin = { address: '127.0.0.1', userAgent: 'notejam-verify' }

/**
 * Signs in to a restored database by the code that pages use.
 *
 * Nobody knows the passwords of those who are in it. So an account of our own signs up, signs in and writes a note; the account with the most notes
 * gets a session, and its notes are read; and every stored password must be a hash that the app can check.
 *
 * @throws {@link AppError} `VerificationFailed`, exit code 1
 */
export async function trySignIn(restored: Pick<ScratchArchive, 'opened' | 'secretKey'>): Promise<void> {
  const context = contextOf(restored)
  const services = createServices(context)
  try {
    await tryPasswords(context)
    await tryOwnAccount(services)
    await tryBusiestAccount(context, services)
  } catch (error) {
    if (error instanceof AppError && error.code === 'VerificationFailed') throw error
    throw failed(messageOf(error), error)
  }
}

function failed(message: string, cause?: unknown): AppError {
  return new AppError(`signing in to the restored database failed: ${message}`, { code: 'VerificationFailed', cause })
}

function contextOf({ opened, secretKey = randomBytes(48).toString('base64') }: Pick<ScratchArchive, 'opened' | 'secretKey'>): AppContext {
  const config = loadConfig({ SECRET_KEY: secretKey, THROTTLE_PER_ADDRESS: '0', THROTTLE_PER_ACCOUNT: '0' }, { secretKey: true })
  return {
    db: opened.db,
    engine: opened.engine,
    config,
    clock: { now: () => Date.now() },
    log: pino({ level: 'silent' }),
    metrics: createMetrics({ version }),
    // No mail leaves a trial, and what waits in the outbox is not sent: nobody runs the sender.
    mail: { enqueue: () => Promise.resolve(), kick: () => undefined },
  }
}

async function tryPasswords({ db }: AppContext): Promise<void> {
  const wrong = await db.selectFrom('users').select('id').where('password_hash', 'not like', '$argon2id$v=19$%').limit(1).executeTakeFirst()
  if (wrong !== undefined) throw failed(`the password of account ${wrong.id} is not a hash that can be checked`)
}

async function tryOwnAccount({ accounts, sessions, notes }: Services): Promise<void> {
  const account = { email: `verify-${randomBytes(8).toString('hex')}@notejam.invalid`, password: randomBytes(24).toString('base64url') }
  await accounts.signUp(account, origin)
  const member = await sessions.authenticate(await accounts.signIn(account, origin))
  if (member?.email !== account.email) throw failed('a new account could not sign in')
  const note = await notes.create(member.userId, { name: 'verify', text: 'verify', padId: null })
  if ((await notes.get(member.userId, note.id)).text !== 'verify') throw failed('a new note reads otherwise than it was written')
}

async function tryBusiestAccount({ db }: AppContext, { sessions, notes, pads }: Services): Promise<void> {
  const user = await db
    .selectFrom('users')
    .select(['id', 'email'])
    .where('email', 'not like', '%@notejam.invalid')
    .orderBy('note_count', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (user === undefined) return
  const member = await sessions.authenticate(await sessions.begin(db, user.id, origin))
  if (member?.userId !== user.id || member.email !== user.email) throw failed(`a session of account ${user.id} is not accepted`)
  await pads.list(user.id)
  const [note] = await db.selectFrom('notes').select('id').where('user_id', '=', user.id).where('deleted_at', 'is', null).limit(1).execute()
  if (note !== undefined) await notes.get(user.id, note.id)
}

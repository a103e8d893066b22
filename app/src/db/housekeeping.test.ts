import { expect, test } from 'vitest'
import { createStreamLogger } from '../telemetry/logger.ts'
import { createHousekeeping } from './housekeeping.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/all.ts'
import { openDatabase } from './open-database.ts'

const day = 86_400_000
const now = 1_800_000_000_000
const clock = { now: () => now }

test('removes sessions, reset links and throttle windows that are over, and nothing else', async () => {
  const { db, close } = await openDatabase({ engine: 'sqlite', path: ':memory:' })
  await db
    .connection()
    .execute((on) =>
      migrate({ db: on, engine: 'sqlite', clock, migrations, phase: 'expand', dryRun: false, claim: undefined, lockedForMs: 0 }),
    )
  await db
    .insertInto('users')
    .values({ email: 'a@x', email_key: 'a@x', password_hash: 'x', created_at: 1, password_changed_at: 1 })
    .execute()
  const session = { user_id: 1, created_at: 1, last_seen_at: now - day, expires_at: now + 1, user_agent: '', address: '' }
  await db
    .insertInto('sessions')
    .values([
      { ...session, token_hash: 'good' },
      { ...session, token_hash: 'expired', expires_at: now },
      { ...session, token_hash: 'idle', last_seen_at: now - 14 * day },
    ])
    .execute()
  const reset = { user_id: 1, created_at: 1, used_at: null }
  await db
    .insertInto('password_resets')
    .values([
      { ...reset, token_hash: 'good', expires_at: now - day + 1 },
      { ...reset, token_hash: 'over', expires_at: now - day },
    ])
    .execute()
  await db
    .insertInto('throttle_windows')
    .values([
      { bucket: 'good', window_start: now - day + 1, hits: 1 },
      { bucket: 'over', window_start: now - day, hits: 1 },
    ])
    .execute()
  const log = createStreamLogger('silent', { write: () => undefined })

  const removed = await createHousekeeping({ db, clock, log, sessionIdleMs: 14 * day, purgeDeletions: () => Promise.resolve(3) }).sweep()
  const left = await Promise.all([
    db.selectFrom('sessions').select('token_hash').execute(),
    db.selectFrom('password_resets').select('token_hash').execute(),
    db.selectFrom('throttle_windows').select('bucket as token_hash').execute(),
  ])

  expect(removed).toBe(7)
  expect(left.flat().map(({ token_hash: name }) => name)).toEqual(['good', 'good', 'good'])
  await close()
})

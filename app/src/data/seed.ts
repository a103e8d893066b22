import { sql, type Kysely } from 'kysely'
import { AppError, exitCodes } from '../errors.ts'
import type { Engine } from '../db/engine.ts'
import { assertIdentity, type IdentityClaim } from '../db/identity.ts'
import { readLedger } from '../db/ledger.ts'
import type { Database } from '../db/schema.ts'
import { putSearchWords, searchWords } from '../db/search-index.ts'
import { nameKey } from '../db/text-keys.ts'
import { seedEmail, seedNote, seedPads, seedUser, type SeedPlan } from './seed-content.ts'

/** Rows of one statement: nine values each stay below every engine's limit of parameters. */
const rowsAtOnce = 500
/** Notes of one transaction. */
const notesAtOnce = 5000

/** What {@link seed} needs. */
export interface SeedOptions {
  /** The one connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly plan: SeedPlan
  readonly claim: IdentityClaim | undefined
  readonly onUser?: (email: string) => void
}

/** What was generated. */
export interface SeedResult {
  readonly outcome: 'Seeded' | 'AlreadySeeded'
  readonly users: number
  readonly notes: number
}

/**
 * Fills the database with generated accounts. What an earlier run of the same plan finished stays, what it left half-done is made again.
 *
 * @throws {@link AppError} `FenceRefused`, exit code 6: the database is another instance's, or of Production
 */
export async function seed(options: SeedOptions): Promise<SeedResult> {
  const { db, plan } = options
  await assertSeedable(options)
  let users = 0
  for (let user = 0; user < plan.users; user += 1) {
    const present = await db.selectFrom('users').select(['id', 'note_count']).where('email', '=', seedEmail(plan, user)).executeTakeFirst()
    if (present !== undefined && present.note_count === plan.notes) {
      continue
    }
    if (present !== undefined) {
      await db.deleteFrom('users').where('id', '=', present.id).execute()
    }
    options.onUser?.(seedEmail(plan, user))
    await seedOne(options, user)
    users += 1
  }
  return { outcome: users === 0 ? 'AlreadySeeded' : 'Seeded', users, notes: users * plan.notes }
}

/**
 * The fence of all that fills a database with other data than its people's.
 *
 * @throws {@link AppError} `FenceRefused`, exit code 6, or `SchemaMissing`
 */
export async function assertSeedable({ db, engine, claim }: Pick<SeedOptions, 'db' | 'engine' | 'claim'>): Promise<void> {
  const { identity, state } = await readLedger(db, engine)
  if (state !== 'ours') {
    throw new AppError('the database holds no Notejam yet: run migrate first', { code: 'SchemaMissing' })
  }
  if (identity !== undefined && claim === undefined) {
    throw new AppError(`the database belongs to instance ${identity.instance_uid}; say so with --instance-uid`, {
      code: 'FenceRefused',
      exitCode: exitCodes.fenceRefused,
    })
  }
  if (claim !== undefined) {
    assertIdentity(identity, claim)
  }
  if (identity?.environment === 'Production') {
    throw new AppError('generated or masked data is not for Production', { code: 'FenceRefused', exitCode: exitCodes.fenceRefused })
  }
}

async function seedOne({ db, engine, plan }: SeedOptions, user: number): Promise<void> {
  await db.insertInto('users').values(seedUser(plan, user)).execute()
  const { id: userId } = await db.selectFrom('users').select('id').where('email', '=', seedEmail(plan, user)).executeTakeFirstOrThrow()
  for (const rows of chunks(seedPads(plan, user, userId), rowsAtOnce)) {
    await db.insertInto('pads').values(rows).execute()
  }
  const pads = await db.selectFrom('pads').select('id').where('user_id', '=', userId).orderBy('id').execute()
  const padIds = pads.map(({ id }) => id)
  for (let from = 0; from < plan.notes; from += notesAtOnce) {
    const to = Math.min(from + notesAtOnce, plan.notes)
    await db.transaction().execute(async (transaction) => {
      for (let start = from; start < to; start += rowsAtOnce) {
        await seedNotes(transaction, { engine, plan, user, userId, padIds, start, end: Math.min(start + rowsAtOnce, to) })
      }
    })
  }
  await count(db, userId, plan.notes)
}

interface Part {
  readonly engine: Engine
  readonly plan: SeedPlan
  readonly user: number
  readonly userId: number
  readonly padIds: readonly number[]
  readonly start: number
  readonly end: number
}

async function seedNotes(db: Kysely<Database>, { engine, plan, user, userId, padIds, start, end }: Part): Promise<void> {
  const notes = Array.from({ length: end - start }, (_, offset) => seedNote(plan, user, start + offset))
  const rows = notes.map(({ pad, name, text, at }) => ({
    user_id: userId,
    pad_id: pad === undefined ? null : (padIds[pad] ?? null),
    name,
    name_key: nameKey(name),
    text,
    created_at: at,
    updated_at: at,
  }))
  await db.insertInto('notes').values(rows).execute()
  // A statement's rows get rising ids in its order; the lock keeps every other writer of this account away.
  const ids = await db.selectFrom('notes').select('id').where('user_id', '=', userId).orderBy('id', 'desc').limit(rows.length).execute()
  const entries = ids.toReversed().map(({ id }, at) => ({ noteId: id, words: searchWords(notes[at]?.name ?? '', notes[at]?.text ?? '') }))
  await putSearchWords(db, engine, entries)
}

/** Sets the kept counters, those of the account last: it says that the account is complete. */
async function count(db: Kysely<Database>, userId: number, notes: number): Promise<void> {
  await sql`update pads set note_count = (select count(*) from notes where notes.pad_id = pads.id) where user_id = ${userId}`.execute(db)
  await db.updateTable('users').set({ note_count: notes }).where('id', '=', userId).execute()
}

function* chunks<T>(rows: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += size) {
    yield rows.slice(start, start + size)
  }
}

import * as fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { listTables } from '../../app/src/db/catalog.ts'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import type { IdentityClaim } from '../../app/src/db/identity.ts'
import { readLedger } from '../../app/src/db/ledger.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { wipe } from '../../app/src/db/wipe.ts'
import { createTestDatabase, migrateTest, openTestDatabase } from './databases.ts'

const development: IdentityClaim = { instanceUid: 'a', environment: 'Development', fingerprint: undefined, adopt: undefined }

async function addNote(opened: OpenDatabase): Promise<void> {
  const now = Date.now()
  await sql`insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('a@x', 'a@x', 'x', ${now}, ${now})`.execute(
    opened.db,
  )
  await sql`insert into notes (user_id, name, name_key, text, created_at, updated_at) select max(id), 'n', 'n', 't', ${now}, ${now} from users`.execute(
    opened.db,
  )
}

async function notesIn(opened: OpenDatabase): Promise<number> {
  const tables = await listTables(opened.db, opened.engine)
  return tables.includes('notes') ? (await opened.db.selectFrom('notes').select('id').execute()).length : 0
}

async function fingerprintOf(opened: OpenDatabase): Promise<string> {
  return (await readLedger(opened.db, opened.engine)).identity?.fingerprint ?? ''
}

function wipeTest(opened: OpenDatabase, claim: Partial<IdentityClaim> & { readonly fingerprint: string }, wipeId?: string) {
  return opened.db.connection().execute((db) => wipe({ db, engine: opened.engine, claim: { ...development, ...claim }, wipeId }))
}

/** Statements that end a wipe on MySQL half-way, as a kill would: some tables are gone, the ledger is not. */
const halfWiped = ['drop table note_search', 'drop table notes']

describe.each(engines)('wipe on %s', (engine) => {
  test('empties what bears the mark, keeps the mark, and does it once for a release', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened, { claim: development })
    await addNote(opened)
    const fingerprint = await fingerprintOf(opened)

    const first = await wipeTest(opened, { fingerprint }, 'r1')
    const left = await listTables(opened.db, engine)
    await migrateTest(opened, { claim: { ...development, fingerprint } })
    await addNote(opened)
    const again = await wipeTest(opened, { fingerprint }, 'r1')
    const notes = await notesIn(opened)
    const next = await wipeTest(opened, { fingerprint }, 'r2')

    expect(first.outcome).toBe('Wiped')
    expect(left).toEqual(['notejam_identity'])
    expect([again.outcome, notes, next.outcome]).toEqual(['AlreadyWiped', 1, 'Wiped'])
  })

  test('a run that was cut off is finished by the next', async () => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened, { claim: development })
    const fingerprint = await fingerprintOf(opened)
    for (const statement of halfWiped) {
      await database.admin(statement)
    }

    const result = await wipeTest(opened, { fingerprint }, 'r1')

    expect(result.outcome).toBe('Wiped')
    expect(await listTables(opened.db, engine)).toEqual(['notejam_identity'])
    expect(await migrateTest(opened, { claim: { ...development, fingerprint } })).toMatchObject({ outcome: 'Migrated' })
  })

  test.each(['Test', 'Production'])('refuses a database of environment %s', async (environment) => {
    await using database = await createTestDatabase(engine)
    await using opened = await openTestDatabase(database)
    await migrateTest(opened, { claim: { ...development, environment } })
    await addNote(opened)
    const fingerprint = await fingerprintOf(opened)

    await expect(wipeTest(opened, { fingerprint, environment })).rejects.toMatchObject({ code: 'FenceRefused', exitCode: 6 })

    expect(await notesIn(opened)).toBe(1)
  })

  test('whatever mix-up of two databases, no row of the other is lost', { timeout: 120_000 }, async () => {
    await using mine = await createTestDatabase(engine)
    await using theirs = await createTestDatabase(engine)
    const databases = [mine, theirs]
    await using first = await openTestDatabase(mine)
    await using second = await openTestDatabase(theirs)
    const opened = [first, second] as const

    await fc.assert(
      fc.asyncProperty(scenario, async ({ owners, foreign, commands }) => {
        const marks = await Promise.all([0, 1].map((at) => arrange(opened[at as 0 | 1], owners[at as 0 | 1])))
        if (foreign !== undefined) {
          await databases[foreign]?.admin('create table somebodys (id integer)')
        }
        try {
          await obey(commands)
        } finally {
          await Promise.all(opened.map((each) => empty(each)))
        }
        async function obey(orders: typeof commands) {
          for (const command of orders) {
            const target = opened[command.address]
            const before = await notesIn(target)
            const owner = (await readLedger(target.db, engine)).identity
            const claim = {
              ...development,
              instanceUid: command.uid,
              environment: command.environment,
              fingerprint: marks[command.fingerprintOf] ?? 'ff',
            }

            await run(target, command.kind, { ...claim, adopt: command.adopt })

            const mayWipe =
              command.kind === 'wipe' &&
              foreign !== command.address &&
              owner?.instance_uid === command.uid &&
              owner.environment === 'Development' &&
              command.environment === 'Development' &&
              owner.fingerprint === claim.fingerprint
            expect(await notesIn(target)).toBe(mayWipe ? 0 : before)
          }
        }
      }),
      { numRuns: engine === 'sqlite' ? 25 : 12 },
    )
  })
})

const at = fc.constantFrom(0 as const, 1 as const)
const owner = fc.record({
  uid: fc.constantFrom('a', 'b', undefined),
  environment: fc.constantFrom('Development', 'Production'),
  notes: fc.boolean(),
})
const scenario = fc.record({
  owners: fc.tuple(owner, owner),
  /** Which of the two also holds a table of somebody else. */
  foreign: fc.option(at, { nil: undefined, freq: 4 }),
  commands: fc.array(
    fc.record({
      kind: fc.constantFrom('wipe' as const, 'wipe' as const, 'migrate' as const, 'contract' as const),
      address: at,
      uid: fc.constantFrom('a', 'b'),
      environment: fc.constantFrom('Development', 'Development', 'Production'),
      fingerprintOf: at,
      adopt: fc.constantFrom(undefined, undefined, 'a', 'none'),
    }),
    { minLength: 1, maxLength: 5 },
  ),
})

/** Makes an instance's database and returns its fingerprint. */
async function arrange(
  opened: OpenDatabase,
  { uid, environment, notes }: { uid: string | undefined; environment: string; notes: boolean },
): Promise<string> {
  await migrateTest(opened, uid === undefined ? {} : { claim: { ...development, instanceUid: uid, environment } })
  if (notes) {
    await addNote(opened)
  }
  return fingerprintOf(opened)
}

async function run(
  opened: OpenDatabase,
  kind: 'wipe' | 'migrate' | 'contract',
  claim: IdentityClaim & { readonly fingerprint: string },
): Promise<void> {
  try {
    await (kind === 'wipe' ? wipeTest(opened, claim) : migrateTest(opened, { claim, phase: kind === 'contract' ? 'contract' : 'expand' }))
  } catch (error) {
    expect(error).toMatchObject({ code: 'FenceRefused', exitCode: 6 })
  }
}

/** Drops everything, so that the next run begins with an empty database. */
async function empty(opened: OpenDatabase): Promise<void> {
  const { db } = opened
  const gone: readonly string[] = ['note_search', 'somebodys']
  const order = [
    ...migrations.flatMap(({ number }) => createdBy(opened.engine, number)),
    'notejam_migrations',
    'notejam_schema',
    'notejam_identity',
  ]
  const present = new Set(await listTables(db, opened.engine))
  for (const table of [...gone, ...order].filter((name) => present.has(name))) {
    await sql`drop table if exists ${sql.table(table)}`.execute(db)
  }
}

function createdBy(_engine: Engine, number: number): readonly string[] {
  return number === 1
    ? ['notes', 'pads', 'sessions', 'password_resets', 'api_tokens', 'users', 'throttle_windows', 'mail_outbox', 'erased_accounts']
    : []
}

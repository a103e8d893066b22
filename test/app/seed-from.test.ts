import { describe, expect, test } from 'vitest'
import type { IdentityClaim } from '../../app/src/db/identity.ts'
import { readLedger } from '../../app/src/db/ledger.ts'
import { allRows } from './all-rows.ts'
import { startApp } from './app-process.ts'
import { createTestDatabase, migrateTest, openTestDatabase, type TestDatabase } from './databases.ts'
import { createMaskWorld, testClaim } from './mask-world.ts'
import { notejam, outcomeOf, type Ended } from './notejam.ts'

const reportOf = ({ stdout }: Ended) => JSON.parse(stdout) as Readonly<Record<string, unknown>>

async function mark(database: TestDatabase, claim: IdentityClaim = testClaim): Promise<void> {
  await using opened = await openTestDatabase(database)
  await migrateTest(opened, { claim })
}

async function rowsOf(database: TestDatabase) {
  await using opened = await openTestDatabase(database)
  return { rows: await allRows(opened), identity: (await readLedger(opened.db, opened.engine)).identity }
}

describe('seed --from', () => {
  test('takes the place of what Test holds, keeps its mark, and says how to sign in', async () => {
    await using world = await createMaskWorld('sqlite')
    await using database = await createTestDatabase('sqlite')
    await mark(database)
    await notejam(['seed', '--generate', '--users', '1'], world.testEnv(database))
    const { identity } = await rowsOf(database)
    await notejam(['mask'], world.maskEnv())

    const seeded = await notejam(['seed', '--from', world.from], world.testEnv(database))
    const again = await notejam(['seed', '--from', world.from], world.testEnv(database))

    expect([seeded, again].map(outcomeOf)).toEqual(['Seeded', 'Seeded'])
    const after = await rowsOf(database)
    expect(after.identity).toEqual(identity)
    expect([after.rows['users']?.length, after.rows['notes']?.length]).toEqual([world.planted.rows.users, world.planted.rows.notes])
    const { email, password } = reportOf(seeded)['signIn'] as { email: string; password: string }
    await using app = await startApp({ databaseUrl: database.url })
    const answer = await fetch(`${app.url}/signin/`, {
      method: 'POST',
      body: new URLSearchParams({ email, password }),
      headers: { 'Sec-Fetch-Site': 'same-origin' },
      redirect: 'manual',
    })
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/'])
  })

  test.each([
    ['an archive that is not masked', testClaim, 'production', 'NotMasked', 6],
    ['a database of Production', { ...testClaim, environment: 'Production' }, 'masked', 'FenceRefused', 6],
    ['the database of another instance', { ...testClaim, instanceUid: 'other' }, 'masked', 'FenceRefused', 6],
  ] as const)('refuses %s, and leaves what is there', async (_what, claim, source, code, exitCode) => {
    await using world = await createMaskWorld('sqlite')
    await using database = await createTestDatabase('sqlite')
    await mark(database, claim)
    await notejam(['mask'], world.maskEnv())
    const before = await rowsOf(database)
    const own = world.maskEnv()
    const env = {
      ...world.testEnv(database),
      ...(claim.environment === 'Production' ? { NOTEJAM_ENVIRONMENT: 'Production' } : {}),
      // Even with the key of Production at hand.
      ...(source === 'production'
        ? { SOURCE_STORE_PATH: own['STORE_PATH'] ?? '', SOURCE_STORE_IDENTITY_FILE: own['STORE_IDENTITY_FILE'] ?? '' }
        : {}),
    }

    const ended = await notejam(['seed', '--from', world.from], env)

    expect([ended.code, outcomeOf(ended)]).toEqual([exitCode, code])
    expect(await rowsOf(database)).toEqual(before)
  })

  test.each([
    ['neither --generate nor --from', []],
    ['both', ['--generate', '--from', 'a/b']],
  ])('refuses %s', async (_what, args) => {
    await using database = await createTestDatabase('sqlite')

    const ended = await notejam(['seed', ...args], { DATABASE_URL: database.url })

    expect(ended.code).toBe(2)
  })
})
